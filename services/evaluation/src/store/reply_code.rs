//! Reply codes that can still be used, as digests.

use kith_platform::db::Tx;
use kith_platform::error::Result;

use crate::domain::RoundId;
use crate::domain::reply_code::ReplyCode;

/// Keeps the digests of a new round's codes.
pub async fn keep(tx: &mut Tx, round: RoundId, codes: &[ReplyCode]) -> Result<()> {
    let tenant = tx.tenant();
    let digests: Vec<Vec<u8>> = codes.iter().map(|code| code.digest().to_vec()).collect();
    sqlx::query!(
        "insert into reply_code (tenant_id, code_digest, round_id) select $1, digest, $2 from unnest($3::bytea[]) digest",
        tenant.0,
        round.0,
        &digests,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes a code and answers its round; nothing where there is no such code (any more).
pub async fn spend(tx: &mut Tx, code: &ReplyCode) -> Result<Option<RoundId>> {
    let tenant = tx.tenant();
    let digest = code.digest();
    let round = sqlx::query_scalar!(
        "delete from reply_code where tenant_id = $1 and code_digest = $2 returning round_id",
        tenant.0,
        &digest[..],
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(round.map(RoundId))
}

/// Removes the codes that nobody used.
pub async fn remove_unused(tx: &mut Tx, round: RoundId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("delete from reply_code where tenant_id = $1 and round_id = $2", tenant.0, round.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

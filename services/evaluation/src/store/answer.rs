//! Answers: no person, no code, no time.

use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};

use crate::domain::round::Items;
use crate::domain::{AnswerId, RoundId};

/// Writes an answer.
pub async fn insert(tx: &mut Tx, round: RoundId, answer: AnswerId, items: &Items) -> Result<()> {
    let tenant = tx.tenant();
    let levels: Vec<Option<i16>> =
        items.answers().iter().map(|level| level.map(|level| i16::from(level.get()))).collect();
    sqlx::query!(
        "insert into answer (tenant_id, round_id, answer_id, items) values ($1, $2, $3, $4)",
        tenant.0,
        round.0,
        answer.0,
        &levels as &[Option<i16>],
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes all answers of a round anew, at once and in an order that means nothing: a row says by its transaction and its place
/// when it came.
pub async fn forget_order(tx: &mut Tx, round: RoundId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "with taken as (
             delete from answer where tenant_id = $1 and round_id = $2
             returning tenant_id, round_id, answer_id, items
         )
         insert into answer (tenant_id, round_id, answer_id, items)
         select tenant_id, round_id, answer_id, items from taken order by answer_id",
        tenant.0,
        round.0,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Reads all answers of a round, in an order that means nothing.
pub async fn of_round(tx: &mut Tx, round: RoundId) -> Result<Vec<Items>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select answer_id, items as "items: Vec<Option<i16>>" from answer
           where tenant_id = $1 and round_id = $2 order by answer_id"#,
        tenant.0,
        round.0,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut answers = Vec::with_capacity(rows.len());
    for row in rows {
        let levels: Vec<Option<i32>> = row.items.into_iter().map(|level| level.map(i32::from)).collect();
        let items = Items::parse(&levels).map_err(|_| Error::Inconsistent {
            table: "answer",
            row: row.answer_id.to_string(),
            problem: "an item is not 1 to 5".into(),
        })?;
        answers.push(items);
    }
    Ok(answers)
}

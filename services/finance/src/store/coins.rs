//! Gifts of Care Coins, and the history of a wallet.

use chrono::{DateTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use crate::domain::coins::Gift;
use crate::domain::ledger::Account;
use crate::domain::{TransferId, VisitId};

/// Writes down a gift whose transfer is posted.
pub async fn insert_gift(tx: &mut Tx, id: TransferId, gift: Gift) -> Result<()> {
    let (tenant, created_at) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into coin_gift (tenant_id, id, from_person_id, to_person_id, amount, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        tenant.0,
        id.0,
        gift.from.0,
        gift.to.0,
        gift.minutes,
        created_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A gift by id.
pub async fn gift(tx: &mut Tx, id: TransferId) -> Result<Option<Gift>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select from_person_id, to_person_id, amount from coin_gift where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Gift {
        from: PersonId(row.from_person_id),
        to: PersonId(row.to_person_id),
        minutes: row.amount,
    }))
}

/// One change of a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// By which transfer.
    pub transfer_id: TransferId,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Positive in, negative out, in minutes.
    pub amount: i64,
    /// The visit that earned it, or that was taken back.
    pub visit_id: Option<VisitId>,
    /// The other person of a gift.
    pub other: Option<PersonId>,
}

/// A page of a person's wallet, newest first, one more than the page holds.
pub async fn changes(
    tx: &mut Tx,
    person: PersonId,
    page: &Page<(DateTime<Utc>, Uuid)>,
) -> Result<Vec<Change>> {
    let tenant = tx.tenant();
    let (created_at, transfer_id) = page.after.unzip();
    let rows = sqlx::query!(
        r#"select transfer.id, transfer.created_at, entry.amount, transfer.visit_id,
                case when gift.from_person_id = $3 then gift.to_person_id else gift.from_person_id end as other
         from account
         join entry on entry.tenant_id = account.tenant_id and entry.account_id = account.id
         join transfer on transfer.tenant_id = entry.tenant_id and transfer.id = entry.transfer_id
         left join coin_gift gift on gift.tenant_id = transfer.tenant_id and gift.id = transfer.id
         where account.tenant_id = $1 and account.name = $2
           and ($4::timestamptz is null or (transfer.created_at, transfer.id) < ($4, $5))
         order by transfer.created_at desc, transfer.id desc limit $6"#,
        tenant.0,
        Account::Coins(person).to_string(),
        person.0,
        created_at,
        transfer_id,
        page.limit()
    )
    .fetch_all(tx.conn())
    .await?;
    let mut changes = Vec::with_capacity(rows.len());
    for row in rows {
        changes.push(Change {
            transfer_id: TransferId(row.id),
            created_at: row.created_at,
            amount: row.amount,
            visit_id: row.visit_id.map(VisitId),
            other: row.other.map(PersonId),
        });
    }
    Ok(changes)
}

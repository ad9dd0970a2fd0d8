//! What a Circle's month came to: sums over its settlements that stand.

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;

use crate::domain::month::Month;
use crate::domain::{CircleId, PayerId};

/// A giver's part of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Giver {
    /// Who.
    pub person: PersonId,
    /// Settled visits with money.
    pub visits: i64,
    /// What their side receives, in pence.
    pub amount: i64,
    /// What all payers pay for it, in pence.
    pub payers_total: i64,
    /// What goes to the commons of it, in pence.
    pub contribution: i64,
    /// Paid minutes.
    pub paid_minutes: i64,
    /// Minutes saved as Care Coins.
    pub coin_minutes: i64,
    /// Minutes given.
    pub gifted_minutes: i64,
}

/// What each giver's visits came to, by giver.
pub async fn givers(tx: &mut Tx, circle_id: CircleId, month: Month) -> Result<Vec<Giver>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select giver_person_id,
                count(*) filter (where kind = 'money') as "visits!",
                coalesce(sum(giver_amount), 0)::bigint as "amount!",
                coalesce(sum(payers_total), 0)::bigint as "payers_total!",
                coalesce(sum(contribution), 0)::bigint as "contribution!",
                coalesce(sum(minutes) filter (where kind = 'money'), 0)::bigint as "paid_minutes!",
                coalesce(sum(minutes) filter (where kind = 'care_coins'), 0)::bigint as "coin_minutes!",
                coalesce(sum(minutes) filter (where kind = 'gift'), 0)::bigint as "gifted_minutes!"
         from settlement
         where tenant_id = $1 and circle_id = $2 and planned_date >= $3 and planned_date < $4
           and not exists (
               select from settlement_reversal reversal
               where reversal.tenant_id = settlement.tenant_id and reversal.visit_id = settlement.visit_id
                 and reversal.settlement_no = settlement.settlement_no)
         group by giver_person_id order by giver_person_id"#,
        tenant.0,
        circle_id.0,
        month.first_day(),
        month.first_day_after()
    )
    .fetch_all(tx.conn())
    .await?;
    let mut givers = Vec::with_capacity(rows.len());
    for row in rows {
        givers.push(Giver {
            person: PersonId(row.giver_person_id),
            visits: row.visits,
            amount: row.amount,
            payers_total: row.payers_total,
            contribution: row.contribution,
            paid_minutes: row.paid_minutes,
            coin_minutes: row.coin_minutes,
            gifted_minutes: row.gifted_minutes,
        });
    }
    Ok(givers)
}

/// What each payer owes, in pence, by payer.
pub async fn payers(tx: &mut Tx, circle_id: CircleId, month: Month) -> Result<Vec<(PayerId, i64)>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select share.payer_id, sum(share.amount)::bigint as "amount!"
         from settlement
         join settlement_share share on share.tenant_id = settlement.tenant_id
             and share.visit_id = settlement.visit_id and share.settlement_no = settlement.settlement_no
         where settlement.tenant_id = $1 and settlement.circle_id = $2
           and settlement.planned_date >= $3 and settlement.planned_date < $4
           and not exists (
               select from settlement_reversal reversal
               where reversal.tenant_id = settlement.tenant_id and reversal.visit_id = settlement.visit_id
                 and reversal.settlement_no = settlement.settlement_no)
         group by share.payer_id order by share.payer_id"#,
        tenant.0,
        circle_id.0,
        month.first_day(),
        month.first_day_after()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (PayerId(row.payer_id), row.amount)).collect())
}

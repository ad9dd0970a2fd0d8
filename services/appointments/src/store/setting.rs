//! Dated settings.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};

/// The notice of a day, in elapsed hours. The same for every tenant.
pub async fn notice_hours(tx: &mut Tx, day: NaiveDate) -> Result<i64> {
    let hours = sqlx::query_scalar!(
        "select value from platform.setting
         where name = 'cancellation_notice_hours' and valid_from <= $1
         order by valid_from desc limit 1",
        day
    )
    .fetch_optional(tx.conn())
    .await?;
    hours.ok_or_else(|| Error::Inconsistent {
        table: "platform.setting",
        row: "cancellation_notice_hours".into(),
        problem: format!("nothing holds on {day}"),
    })
}

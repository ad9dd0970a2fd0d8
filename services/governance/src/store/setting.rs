//! The dated numbers that governance goes by.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};

/// How many days back a live tenant accepts what is dated.
pub async fn history_days(tx: &mut Tx, day: NaiveDate) -> Result<i64> {
    let days = sqlx::query_scalar!(
        "select value from platform.setting where name = 'history_days' and valid_from <= $1
         order by valid_from desc limit 1",
        day
    )
    .fetch_optional(tx.conn())
    .await?;
    days.ok_or_else(|| Error::Inconsistent {
        table: "platform.setting",
        row: "history_days".into(),
        problem: "none is in force".into(),
    })
}

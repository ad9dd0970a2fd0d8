//! Dated parameters: the same for every tenant, changed by migrations only.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};

use super::words;
use crate::domain::round::Instrument;
use crate::domain::suppression::Threshold;

/// Fewest scored respondents whose figure is shown to those whom a round is about.
pub async fn threshold_inside_circle(tx: &mut Tx, day: NaiveDate) -> Result<Threshold> {
    let fewest = sqlx::query_scalar!(
        "select fewest_respondents from suppression_threshold
         where audience = 'inside_circle' and valid_from <= $1 order by valid_from desc limit 1",
        day
    )
    .fetch_optional(tx.conn())
    .await?;
    fewest.and_then(|fewest| u32::try_from(fewest).ok()).and_then(Threshold::of).ok_or_else(|| {
        Error::Inconsistent {
            table: "suppression_threshold",
            row: "inside_circle".into(),
            problem: format!("no threshold holds on {day}"),
        }
    })
}

/// The notice that goes with every result of an instrument.
pub async fn copyright_notice(tx: &mut Tx, instrument: Instrument, day: NaiveDate) -> Result<String> {
    let word = words::instrument_word(instrument);
    let notice = sqlx::query_scalar!(
        "select notice from copyright_notice
         where instrument = $1 and valid_from <= $2 order by valid_from desc limit 1",
        word,
        day
    )
    .fetch_optional(tx.conn())
    .await?;
    notice.ok_or_else(|| Error::Inconsistent {
        table: "copyright_notice",
        row: word.into(),
        problem: format!("no notice holds on {day}"),
    })
}

//! How states and kinds are written in SQL: one list of words, read in both directions.

/// Defines how a plain enum is written in SQL, and how a word is read back; a word that is not on the list is an
/// inconsistent row:
/// `words!(kind_word, kind, Kind, "membership", { Kind::Worker => "worker" });` gives `kind_word(Kind) -> &'static str`
/// and `kind(&str, row id) -> Result<Kind>`.
#[macro_export]
macro_rules! words {
    ($to:ident, $from:ident, $type:ty, $table:literal, { $($variant:path => $word:literal),+ $(,)? }) => {
        pub fn $to(value: $type) -> &'static str {
            match value {
                $($variant => $word),+
            }
        }

        pub fn $from(word: &str, row: impl ToString) -> $crate::error::Result<$type> {
            match word {
                $($word => Ok($variant),)+
                _ => Err($crate::error::Error::Inconsistent {
                    table: $table,
                    row: row.to_string(),
                    problem: "a word is not known".into(),
                }),
            }
        }
    };
}

//! Short Warwick-Edinburgh Mental Wellbeing Scale: from seven answers to one metric score.
//!
//! Structure and scoring only: the wording of the items is licensed and is not part of Kith. The raw sum is never
//! reported or averaged; it is converted by the table of the Warwick scoring guidance.

use super::round::Items;

/// How many items the scale has.
pub const ITEMS: usize = 7;

const LOWEST_RAW: usize = 7;
const HIGHEST_RAW: usize = 35;

/// Metric score in hundredths for the raw sums 7 to 35, in order.
/// Source: SWEMWBS raw score to metric score conversion table, University of Warwick scoring guidance (Stewart-Brown
/// and others 2009, Health and Quality of Life Outcomes 7:15).
const METRIC_HUNDREDTHS: [u32; HIGHEST_RAW - LOWEST_RAW + 1] = [
    700, 951, 1125, 1240, 1333, 1408, 1475, 1532, 1584, 1636, // raw 7 to 16
    1688, 1743, 1798, 1859, 1925, 1998, 2073, 2154, 2235, 2321, // raw 17 to 26
    2411, 2503, 2602, 2703, 2813, 2931, 3070, 3255, 3500, // raw 27 to 35
];

/// The metric score of one complete response. What it holds leaves the service through
/// [`release`](super::suppression::release) only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    hundredths: u32,
}

impl Metric {
    pub(super) fn hundredths(self) -> u32 {
        self.hundredths
    }
}

/// Scores one response. A missing item means no score: the scale knows no imputation.
pub fn score(items: &Items) -> Option<Metric> {
    let mut raw = 0;
    for answer in items.answers() {
        raw += usize::from(answer.as_ref()?.get());
    }
    let complete = items.answers().len() == ITEMS;
    complete.then(|| metric_of_raw(raw)).flatten()
}

fn metric_of_raw(raw: usize) -> Option<Metric> {
    let place = raw.checked_sub(LOWEST_RAW)?;
    METRIC_HUNDREDTHS.get(place).map(|hundredths| Metric { hundredths: *hundredths })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::domain) fn metric(raw: usize) -> Metric {
        metric_of_raw(raw).expect("a raw sum of 7 to 35")
    }

    fn items(answers: &[Option<i32>]) -> Items {
        Items::parse(answers).expect("answers of 1 to 5")
    }

    #[test]
    fn the_table_keeps_its_invariants() {
        assert_eq!(METRIC_HUNDREDTHS.len(), 29);
        assert!(METRIC_HUNDREDTHS.windows(2).all(|pair| pair[0] < pair[1]), "strictly increasing");
        for raw in LOWEST_RAW..=HIGHEST_RAW {
            let raw_hundredths = u32::try_from(raw * 100).expect("small");
            let hundredths = metric(raw).hundredths();
            match raw {
                7 | 35 => assert_eq!(hundredths, raw_hundredths, "the ends equal the raw sum"),
                8..=16 => assert!(hundredths > raw_hundredths, "raw {raw}"),
                _ => assert!(hundredths < raw_hundredths, "raw {raw}"),
            }
        }
        assert_eq!(metric(26).hundredths(), 2321, "the population median 23.2 is raw 26");
        assert!(metric_of_raw(6).is_none() && metric_of_raw(36).is_none());
    }

    #[test]
    fn a_complete_response_is_scored_and_a_missing_item_means_no_score() {
        let complete = [Some(3), Some(4), Some(3), Some(3), Some(4), Some(4), Some(3)];
        assert_eq!(score(&items(&complete)).map(Metric::hundredths), Some(2154), "raw 24");
        for place in 0..ITEMS {
            let mut incomplete = complete;
            incomplete[place] = None;
            assert!(score(&items(&incomplete)).is_none());
        }
        assert!(score(&items(&complete[..6])).is_none(), "six answers are not seven");
        assert!(score(&items(&[Some(5); 8])).is_none(), "eight answers are not seven");
    }
}

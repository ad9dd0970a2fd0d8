//! Protects small groups: the one door through which a figure about respondents leaves the service.
//!
//! A score can be read nowhere else: [`Metric`] tells its value to this module alone, and what is shown is made of a
//! [`Figure`], which only [`release`] makes.

use super::swemwbs::Metric;

/// Fewest scored respondents (k) whose figure may be shown; at least 2, as a figure about one person is that person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold(u32);

impl Threshold {
    /// Reads a threshold.
    pub fn of(fewest_respondents: u32) -> Option<Self> {
        (fewest_respondents >= 2).then_some(Self(fewest_respondents))
    }
}

/// What may be shown of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Nothing, not even how many answered.
    Suppressed,
    /// The mean.
    Shown {
        /// Mean metric score in tenths, half up.
        mean_tenths: u32,
        /// How many scored respondents it rests on.
        respondents: u32,
    },
}

impl Figure {
    /// The mean as text with one decimal; nothing where suppressed.
    pub fn mean(self) -> Option<String> {
        match self {
            Self::Suppressed => None,
            Self::Shown { mean_tenths, .. } => Some(format!("{}.{}", mean_tenths / 10, mean_tenths % 10)),
        }
    }
}

/// Decides what may be shown of the scores of distinct respondents.
///
/// Fewer than k: nothing. Answers that are all alike tell each respondent's answer once one knows that they are alike.
/// A mean to one decimal, without distribution, minimum or maximum, does not tell that, as other answers come to the
/// same mean (a test shows it for every score), except at the two ends of the scale, which only unanimous answers
/// reach. There the mean is shown all the same: the first month's rules ask for it inside the Circle.
pub fn release(scores: &[Metric], threshold: Threshold) -> Figure {
    let Ok(respondents) = u32::try_from(scores.len()) else { return Figure::Suppressed };
    if respondents < threshold.0 {
        return Figure::Suppressed;
    }
    let total: u64 = scores.iter().map(|score| u64::from(score.hundredths())).sum();
    let mean_tenths = mean_tenths_half_up(total, u64::from(respondents));
    match u32::try_from(mean_tenths) {
        Ok(mean_tenths) => Figure::Shown { mean_tenths, respondents },
        Err(_) => Figure::Suppressed,
    }
}

/// Hundredths over respondents, in tenths, half up: `⌊total / (10 n) + 1/2⌋` in whole numbers.
fn mean_tenths_half_up(total_hundredths: u64, respondents: u64) -> u64 {
    (total_hundredths + 5 * respondents) / (10 * respondents)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::swemwbs::tests::metric;
    use super::*;

    fn five() -> Threshold {
        Threshold::of(5).expect("a threshold")
    }

    fn mean(raws: &[usize]) -> Option<String> {
        let scores: Vec<Metric> = raws.iter().map(|raw| metric(*raw)).collect();
        release(&scores, five()).mean()
    }

    #[test]
    fn fewer_than_the_threshold_show_nothing() {
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[20, 21, 22, 23]), None);
        assert!(mean(&[20, 21, 22, 23, 24]).is_some());
        assert_eq!(Threshold::of(1), None);
    }

    #[test]
    fn a_mean_is_rounded_half_up_exactly() {
        // 19.25 five times: the hundredth 5 goes up.
        assert_eq!(mean(&[21, 21, 21, 21, 21]).as_deref(), Some("19.3"));
        // (16.88 + 17.43 + 17.98 + 18.59 + 18.59) / 5 = 17.894
        assert_eq!(mean(&[17, 18, 19, 20, 20]).as_deref(), Some("17.9"));
    }

    /// For each unanimous score but the ends there are other answers, not all alike, with the same mean as shown.
    #[test]
    fn a_mean_shown_never_proves_that_all_answered_alike() {
        for respondents in 5..=7_usize {
            let mut totals: BTreeSet<(u32, bool, usize)> = BTreeSet::from([(0, true, 0)]);
            // Sums of multisets: (total, all alike, last raw), built respondent by respondent in rising order.
            for place in 0..respondents {
                let mut next = BTreeSet::new();
                for (total, alike, last) in &totals {
                    for raw in (*last).max(7)..=35 {
                        let still_alike = *alike && (place == 0 || raw == *last);
                        next.insert((total + metric(raw).hundredths(), still_alike, raw));
                    }
                }
                totals = next;
            }
            let n = respondents as u64;
            let mixed: BTreeSet<u64> = totals
                .iter()
                .filter(|(_, alike, _)| !alike)
                .map(|(total, _, _)| mean_tenths_half_up(u64::from(*total), n))
                .collect();
            for raw in 8..=34 {
                let shown = mean_tenths_half_up(u64::from(metric(raw).hundredths()) * n, n);
                assert!(mixed.contains(&shown), "{respondents} respondents, all raw {raw}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_mean_is_the_nearest_tenth_and_between_the_ends(
            raws in proptest::collection::vec(7_usize..=35, 5..60),
        ) {
            let scores: Vec<Metric> = raws.iter().map(|raw| metric(*raw)).collect();
            let total: i64 = scores.iter().map(|score| i64::from(score.hundredths())).sum();
            let count = i64::try_from(raws.len()).expect("few");
            if let Figure::Shown { mean_tenths, respondents } = release(&scores, five()) {
                prop_assert_eq!(i64::from(respondents), count);
                // twice the distance from the exact mean, in hundredths times count: half up is (-10 n, 10 n]
                let distance = 2 * (i64::from(mean_tenths) * 10 * count - total);
                prop_assert!(-10 * count < distance && distance <= 10 * count);
                prop_assert!((70..=350).contains(&mean_tenths));
            } else {
                prop_assert!(false, "five or more scored answers are shown");
            }
        }

        #[test]
        fn below_the_threshold_nothing_is_ever_shown(raws in proptest::collection::vec(7_usize..=35, 0..10)) {
            let scores: Vec<Metric> = raws.iter().map(|raw| metric(*raw)).collect();
            let ten = Threshold::of(10).expect("a threshold");
            prop_assert_eq!(release(&scores, ten), Figure::Suppressed);
        }
    }
}

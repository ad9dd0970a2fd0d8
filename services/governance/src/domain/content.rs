//! What a version of a proposal says: the text, what it changes elsewhere, for how long, and how the Circle will see
//! whether it works. Members consent to its hash.

use std::fmt::Write as _;

use chrono::{Months, NaiveDate};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{DecisionId, Reach, Refused};

/// What a proposal would change elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A contribution rule of the Circle.
    ContributionRule(RuleChange),
    /// The end of an earlier decision's effect.
    Revocation {
        /// The decision that ends.
        decision: DecisionId,
        /// First planned day that it does not govern any more.
        revoked_from: NaiveDate,
    },
}

impl Effect {
    /// The first day on which something is different.
    pub fn first_day(&self) -> NaiveDate {
        match self {
            Self::ContributionRule(rule) => rule.effective_from,
            Self::Revocation { revoked_from, .. } => *revoked_from,
        }
    }
}

/// A contribution rule from a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleChange {
    /// Name of the rule.
    pub rule_name: String,
    /// First planned day that it governs.
    pub effective_from: NaiveDate,
    /// How the contribution is reckoned.
    pub mode: Mode,
}

/// How a contribution is reckoned; all in basis points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// On the giver's rate.
    OnRate {
        /// Added for the payers.
        added_bp: i32,
        /// Deducted from the giver.
        deducted_bp: i32,
    },
    /// A share of what the payers pay.
    ShareOfTotal {
        /// The share.
        share_bp: i32,
    },
}

/// What a version says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// What is proposed.
    pub text: String,
    /// What it would change elsewhere.
    pub effect: Option<Effect>,
    /// For how long it holds, in months.
    pub term_months: i32,
    /// How the Circle will see whether it works.
    pub measure: String,
    /// When the Circle looks at it again.
    pub review_date: NaiveDate,
}

impl Content {
    /// Refuses a review date outside the term and an effect further back than the tenant accepts. The term begins
    /// today, or with the effect where that comes later; history that is brought in may have been reviewed since.
    pub fn check_dates(&self, reach: Reach) -> Result<(), Refused> {
        let first_day = self.effect.as_ref().map_or(reach.today, Effect::first_day);
        reach.check(first_day)?;
        let review_after = match reach.earliest {
            Some(_) => reach.today,
            None => first_day.min(reach.today),
        };
        let months = Months::new(self.term_months.unsigned_abs());
        let last_day = first_day.max(reach.today).checked_add_months(months);
        if self.review_date <= review_after || last_day.is_none_or(|last| self.review_date > last) {
            return Err(Refused::ReviewDateOutsideTerm);
        }
        Ok(())
    }

    /// SHA-256, in hex, over every field in a fixed order, each as its length in bytes (eight bytes, most significant
    /// first) and its UTF-8 text, so that no two different contents read alike. The README says how to check one.
    pub fn hash(&self) -> String {
        let mut fields = vec!["kith.governance.v1".to_owned(), self.text.clone()];
        match &self.effect {
            None => fields.push("none".to_owned()),
            Some(Effect::ContributionRule(rule)) => {
                fields.push("contribution_rule".to_owned());
                fields.push(rule.rule_name.clone());
                fields.push(rule.effective_from.to_string());
                match rule.mode {
                    Mode::OnRate { added_bp, deducted_bp } => {
                        fields.extend(["on_rate".to_owned(), added_bp.to_string(), deducted_bp.to_string()]);
                    }
                    Mode::ShareOfTotal { share_bp } => {
                        fields.extend(["share_of_total".to_owned(), share_bp.to_string()]);
                    }
                }
            }
            Some(Effect::Revocation { decision, revoked_from }) => {
                fields.extend(["revocation".to_owned(), decision.to_string(), revoked_from.to_string()]);
            }
        }
        fields.extend([self.term_months.to_string(), self.measure.clone(), self.review_date.to_string()]);

        let mut hasher = Sha256::new();
        for field in &fields {
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field.as_bytes());
        }
        let mut hex = String::with_capacity(64);
        for byte in hasher.finalize() {
            write!(hex, "{byte:02x}").expect("writing to a string does not fail");
        }
        hex
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn content() -> Content {
        Content {
            text: "We try 7 % on top.".into(),
            effect: Some(Effect::ContributionRule(RuleChange {
                rule_name: "independent".into(),
                effective_from: day("2026-03-16"),
                mode: Mode::OnRate { added_bp: 700, deducted_bp: 750 },
            })),
            term_months: 12,
            measure: "the Circle's books balance".into(),
            review_date: day("2026-09-01"),
        }
    }

    fn live(today: &str) -> Reach {
        let today = day(today);
        Reach { today, earliest: Some(today - chrono::Duration::days(45)) }
    }

    #[test]
    fn the_hash_is_over_every_field_and_no_two_contents_share_one() {
        // Reckoned apart with Python's hashlib over the encoding that the README describes.
        assert_eq!(content().hash(), "364327808f0a2357750f2c19460c532e6d53a673940b99b87292ffddf1eb7cec");
        let rule = |rule_name: &str, effective_from: &str, mode| {
            let effective_from = day(effective_from);
            let change = RuleChange { rule_name: rule_name.into(), effective_from, mode };
            Content { effect: Some(Effect::ContributionRule(change)), ..content() }
        };
        let on_rate = |added_bp, deducted_bp| Mode::OnRate { added_bp, deducted_bp };
        let revocation = |revoked_from: &str| {
            let decision = DecisionId::default();
            Content {
                effect: Some(Effect::Revocation { decision, revoked_from: day(revoked_from) }),
                ..content()
            }
        };
        let variants = [
            content(),
            Content { text: "We try 8 % on top.".into(), ..content() },
            Content { effect: None, ..content() },
            rule("employed", "2026-03-16", on_rate(700, 750)),
            rule("independent", "2026-03-17", on_rate(700, 750)),
            rule("independent", "2026-03-16", on_rate(701, 750)),
            rule("independent", "2026-03-16", on_rate(700, 751)),
            rule("independent", "2026-03-16", Mode::ShareOfTotal { share_bp: 700 }),
            revocation("2026-03-16"),
            revocation("2026-03-17"),
            Content { term_months: 11, ..content() },
            Content { measure: "the Circle's books".into(), ..content() },
            Content { review_date: day("2026-09-02"), ..content() },
        ];
        let hashes: std::collections::HashSet<String> = variants.iter().map(Content::hash).collect();
        assert_eq!(hashes.len(), variants.len());
    }

    #[test]
    fn text_cannot_move_from_one_field_to_the_next_unseen() {
        let one = Content { effect: None, text: "ab".into(), measure: "c".into(), ..content() };
        let two = Content { effect: None, text: "a".into(), measure: "bc".into(), ..content() };
        assert_ne!(one.hash(), two.hash());
    }

    #[test]
    fn the_review_lies_ahead_and_within_the_term() {
        let reviewed_on = |date: &str| Content { review_date: day(date), effect: None, ..content() };
        let outside = Err(Refused::ReviewDateOutsideTerm);
        assert_eq!(reviewed_on("2026-03-10").check_dates(live("2026-03-10")), outside);
        assert_eq!(reviewed_on("2026-03-11").check_dates(live("2026-03-10")), Ok(()));
        assert_eq!(reviewed_on("2027-03-10").check_dates(live("2026-03-10")), Ok(()));
        assert_eq!(reviewed_on("2027-03-11").check_dates(live("2026-03-10")), outside);
        let later_effect = Content { review_date: day("2027-03-16"), ..content() };
        assert_eq!(later_effect.check_dates(live("2026-03-10")), Ok(()));
    }

    #[test]
    fn an_effect_reaches_45_days_back_or_any_day_in_preparation() {
        let reviewed_later = Content { review_date: day("2026-12-01"), ..content() };
        assert_eq!(reviewed_later.check_dates(live("2026-04-30")), Ok(()));
        let too_late = reviewed_later.check_dates(live("2026-05-01"));
        assert_eq!(too_late, Err(Refused::TooFarBack { days: 45 }));
        let preparing = Reach { today: day("2027-03-01"), earliest: None };
        assert_eq!(reviewed_later.check_dates(preparing), Ok(()));
    }
}

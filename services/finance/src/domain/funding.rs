//! Who pays for a Team's support: payers, and how they share visits from a date.

use chrono::NaiveDate;

use super::share::Shares;
use super::{FundingId, PayerId, TeamId};

/// What kind of payer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayerKind {
    /// The person, from their own means.
    Private,
    /// A local authority.
    LocalAuthority,
    /// NHS continuing healthcare.
    NhsContinuingHealthcare,
    /// A direct payment.
    DirectPayment,
    /// A top-up by the family.
    FamilyTopUp,
    /// A personal health budget.
    PersonalHealthBudget,
    /// A charity or a grant.
    Charity,
}

/// A payer of a Team. It is only ever added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payer {
    /// Which.
    pub id: PayerId,
    /// Whose support.
    pub team_id: TeamId,
    /// What kind.
    pub kind: PayerKind,
    /// Name on invoices.
    pub billing_name: String,
    /// Address on invoices.
    pub billing_address: String,
}

/// How payers share a Team's visits from a date until the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funding {
    /// Which.
    pub id: FundingId,
    /// Whose support.
    pub team_id: TeamId,
    /// First planned day that it holds for.
    pub valid_from: NaiveDate,
    /// Who pays how much.
    pub shares: Shares,
}

/// The funding in force on a day. `fundings` are in the order in which they were added: of two from the same day the
/// later one holds.
pub fn in_force(fundings: &[Funding], day: NaiveDate) -> Option<&Funding> {
    fundings.iter().filter(|funding| funding.valid_from <= day).max_by_key(|funding| funding.valid_from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::share::Share;
    use kith_platform::id::Uuid;

    fn funding(id: u128, from: &str) -> Funding {
        let share = Share { payer: PayerId(Uuid::from_u128(1)), share_bp: 10_000 };
        Funding {
            id: FundingId(Uuid::from_u128(id)),
            team_id: TeamId(Uuid::from_u128(1)),
            valid_from: from.parse().expect("a day"),
            shares: Shares::new(vec![share]).expect("shares"),
        }
    }

    #[test]
    fn the_latest_funding_up_to_the_day_holds_and_of_one_day_the_later_added() {
        let fundings = [funding(1, "2026-01-01"), funding(2, "2026-03-01"), funding(3, "2026-03-01")];
        let on = |text: &str| {
            in_force(&fundings, text.parse().expect("a day")).map(|funding| funding.id.0.as_u128())
        };
        assert_eq!(on("2025-12-31"), None);
        assert_eq!(on("2026-02-28"), Some(1));
        assert_eq!(on("2026-03-01"), Some(3));
    }
}

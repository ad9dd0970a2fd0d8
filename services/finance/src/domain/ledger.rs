//! The ledger: accounts and transfers. It only grows, every transfer sums to zero, and pounds and Care Coins never
//! move in one. Amounts are debits; a credit is negative.

use std::fmt;

use kith_platform::id::{PersonId, Uuid};
use kith_platform::money::Currency;

use super::month::Month;
use super::{CircleId, PayerId, Refused, TransferId, VisitId};

/// An account, by what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// What a payer owes, in pence.
    Payer(PayerId),
    /// What is owed to a giver's side (below zero), in pence.
    Giver(PersonId),
    /// The Commons Contribution of a Circle's month (below zero), in pence.
    Commons(CircleId, Month),
    /// A person's Care Coins, in minutes; never below zero.
    Coins(PersonId),
    /// Care Coins that a person passed on before the visit that earned them was corrected (below zero), in minutes.
    CoinsOwed(PersonId),
    /// Care Coins that a Circle has issued (below zero), in minutes.
    CoinsIssued(CircleId),
}

impl Account {
    /// What it is counted in.
    pub const fn currency(self) -> Currency {
        match self {
            Self::Payer(_) | Self::Giver(_) | Self::Commons(..) => Currency::GBP,
            Self::Coins(_) | Self::CoinsOwed(_) | Self::CoinsIssued(_) => Currency::XCC,
        }
    }

    /// The word before the colon of its name.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Payer(_) => "payer",
            Self::Giver(_) => "giver",
            Self::Commons(..) => "commons",
            Self::Coins(_) => "coins",
            Self::CoinsOwed(_) => "coins-owed",
            Self::CoinsIssued(_) => "coins-issued",
        }
    }
}

/// Whom an account is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A person's own.
    Person(PersonId),
    /// Of who pays for somebody's support.
    Payer(PayerId),
}

impl Account {
    /// Whom the account of that name is about; none where it is a Circle's.
    pub fn of_whom(name: &str) -> Option<Whose> {
        let (kind, id) = name.split_once(':')?;
        let id: Uuid = id.parse().ok()?;
        match kind {
            "payer" => Some(Whose::Payer(PayerId(id))),
            "giver" | "coins" | "coins-owed" => Some(Whose::Person(PersonId(id))),
            _ => None,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Payer(id) => write!(formatter, "{kind}:{id}"),
            Self::Giver(id) | Self::Coins(id) | Self::CoinsOwed(id) => write!(formatter, "{kind}:{id}"),
            Self::Commons(circle, month) => write!(formatter, "{kind}:{circle}:{month}"),
            Self::CoinsIssued(circle) => write!(formatter, "{kind}:{circle}"),
        }
    }
}

/// One side of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Where.
    pub account: Account,
    /// A debit; a credit is negative. Never zero.
    pub amount: i64,
}

impl Leg {
    /// A leg, or none where nothing moves.
    pub fn some(account: Account, amount: i64) -> Option<Self> {
        (amount != 0).then_some(Self { account, amount })
    }
}

/// Why a transfer was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A visit was settled.
    Visit,
    /// A settled visit was taken back.
    VisitReversed,
    /// Somebody gave Care Coins.
    CoinsGiven,
}

impl Code {
    /// As it stands in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Visit => "visit",
            Self::VisitReversed => "visit_reversed",
            Self::CoinsGiven => "coins_given",
        }
    }
}

/// A movement between accounts that sums to zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    id: TransferId,
    code: Code,
    visit_id: Option<VisitId>,
    reverses: Option<TransferId>,
    legs: Vec<Leg>,
}

impl Transfer {
    /// Takes at least two legs of one currency that sum to zero, none of them zero.
    pub fn new(id: TransferId, code: Code, legs: Vec<Leg>) -> Result<Self, Refused> {
        if legs.len() < 2 || legs.iter().any(|leg| leg.amount == 0) {
            return Err(Refused::TooFewLegs);
        }
        let currency = legs[0].account.currency();
        if legs.iter().any(|leg| leg.account.currency() != currency) {
            return Err(Refused::MixedCurrencies);
        }
        let sum: i128 = legs.iter().map(|leg| i128::from(leg.amount)).sum();
        if sum != 0 {
            return Err(Refused::Unbalanced);
        }
        Ok(Self { id, code, visit_id: None, reverses: None, legs })
    }

    /// Names the visit that it is about.
    #[must_use]
    pub fn about(mut self, visit_id: VisitId) -> Self {
        self.visit_id = Some(visit_id);
        self
    }

    /// Names the transfer that it takes back. One transfer is taken back at most once.
    #[must_use]
    pub fn reversing(mut self, earlier: TransferId) -> Self {
        self.reverses = Some(earlier);
        self
    }

    /// Which.
    pub const fn id(&self) -> TransferId {
        self.id
    }

    /// Why.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// About which visit.
    pub const fn visit_id(&self) -> Option<VisitId> {
        self.visit_id
    }

    /// What it takes back.
    pub const fn reverses(&self) -> Option<TransferId> {
        self.reverses
    }

    /// Its sides.
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// Its content as text, the same for the same content: what the hash of its inputs is taken over.
    pub fn content(&self) -> String {
        let mut parts = vec![self.code.word().to_owned()];
        parts.extend(self.visit_id.map(|visit_id| format!("about {visit_id}")));
        parts.extend(self.reverses.map(|earlier| format!("reverses {earlier}")));
        parts.extend(self.legs.iter().map(|leg| format!("{}={}", leg.account, leg.amount)));
        parts.join(" ")
    }
}

/// The legs with their signs turned: what takes a transfer back.
pub fn turned(legs: &[Leg]) -> Result<Vec<Leg>, Refused> {
    let mut turned = Vec::with_capacity(legs.len());
    for leg in legs {
        let amount = leg.amount.checked_neg().ok_or(Refused::TooLarge)?;
        turned.push(Leg { account: leg.account, amount });
    }
    Ok(turned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kith_platform::id::Uuid;
    use proptest::prelude::*;

    fn payer(amount: i64) -> Leg {
        Leg { account: Account::Payer(PayerId(Uuid::from_u128(1))), amount }
    }

    fn giver(amount: i64) -> Leg {
        Leg { account: Account::Giver(PersonId(Uuid::from_u128(2))), amount }
    }

    fn coins(amount: i64) -> Leg {
        Leg { account: Account::Coins(PersonId(Uuid::from_u128(2))), amount }
    }

    fn transfer(legs: Vec<Leg>) -> Result<Transfer, Refused> {
        Transfer::new(TransferId(Uuid::from_u128(9)), Code::Visit, legs)
    }

    #[test]
    fn what_does_not_balance_or_mixes_currencies_is_refused() {
        assert!(transfer(vec![payer(5), giver(-5)]).is_ok());
        assert_eq!(transfer(vec![payer(5), giver(-4)]), Err(Refused::Unbalanced));
        assert_eq!(transfer(vec![payer(5)]), Err(Refused::TooFewLegs));
        assert_eq!(transfer(vec![]), Err(Refused::TooFewLegs));
        assert_eq!(transfer(vec![payer(0), giver(0)]), Err(Refused::TooFewLegs));
        assert_eq!(transfer(vec![payer(5), coins(-5)]), Err(Refused::MixedCurrencies));
        // Legs that would sum to zero only by wrapping round.
        assert_eq!(transfer(vec![payer(i64::MIN), giver(i64::MIN)]), Err(Refused::Unbalanced));
    }

    #[test]
    fn accounts_are_named_as_the_contract_says() {
        let id = Uuid::from_u128(7);
        let month = Month::of("2026-03-10".parse().expect("a day"));
        assert_eq!(Account::Payer(PayerId(id)).to_string(), format!("payer:{id}"));
        assert_eq!(Account::Commons(CircleId(id), month).to_string(), format!("commons:{id}:2026-03"));
        assert_eq!(Account::CoinsIssued(CircleId(id)).to_string(), format!("coins-issued:{id}"));
    }

    #[test]
    fn the_content_tells_transfers_apart() {
        let plain = transfer(vec![payer(5), giver(-5)]).expect("a transfer");
        let other = transfer(vec![payer(6), giver(-6)]).expect("a transfer");
        assert_ne!(plain.content(), other.content());
        assert_ne!(plain.content(), plain.clone().about(VisitId(Uuid::from_u128(1))).content());
        assert_ne!(plain.content(), plain.clone().reversing(TransferId(Uuid::from_u128(1))).content());
    }

    proptest! {
        #[test]
        fn taking_back_leaves_nothing(amounts in proptest::collection::vec(1..1_000_000i64, 1..6)) {
            let mut legs = vec![giver(-amounts.iter().sum::<i64>())];
            legs.extend(amounts.iter().map(|&amount| payer(amount)));
            let back = turned(&legs).expect("legs");
            prop_assert!(transfer(back.clone()).is_ok());
            for (leg, back) in legs.iter().zip(&back) {
                prop_assert_eq!(leg.amount + back.amount, 0);
            }
        }
    }
}

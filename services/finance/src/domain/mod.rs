//! Finance's rules, without any I/O: prices, shares, rules in force, the ledger, and what documents come to.

pub mod coins;
pub mod contribution;
pub mod funding;
pub mod hindsight;
pub mod invoice;
pub mod ledger;
pub mod line;
pub mod month;
pub mod rule;
pub mod settlement;
pub mod share;
pub mod statement;

use kith_platform::error::{Kind, Refusal};
use kith_platform::id_type;

id_type!(
    /// A Circle, as governance knows it.
    CircleId,
    /// A Team, as teams knows it.
    TeamId,
    /// A visit, as appointments knows it.
    VisitId,
    /// A decision of a Circle, as governance knows it.
    DecisionId,
    /// A contribution rule; for a Circle's decision it is the mandate's id.
    RuleId,
    /// A payer of a Team.
    PayerId,
    /// How payers share from a date.
    FundingId,
    /// A transfer of the ledger.
    TransferId,
    /// An account of the ledger.
    AccountId,
    /// An invoice.
    InvoiceId,
    /// A giver's pay statement.
    StatementId,
    /// One run of pay for a Circle.
    PayRunId,
);

/// Why a rule of finance says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// An amount that must not be below zero is.
    #[error("the amount must not be negative")]
    Negative,
    /// The sum does not fit.
    #[error("the amount is too large to reckon with")]
    TooLarge,
    /// Basis points outside their range.
    #[error("basis points must be from {least} to 10000")]
    BasisPoints {
        /// The smallest that is accepted.
        least: i64,
    },
    /// Nobody pays.
    #[error("at least one payer must have a share")]
    NoShares,
    /// One payer stands in the list twice.
    #[error("every payer may have one share only")]
    PayerTwice,
    /// The shares leave something over, or take too much.
    #[error("the shares must sum to 10000, and sum to {sum}")]
    SharesDoNotSum {
        /// What they sum to.
        sum: i64,
    },
    /// A transfer has fewer than two legs, or a leg of nothing.
    #[error("a transfer needs at least two legs, none of them zero")]
    TooFewLegs,
    /// A transfer's legs do not sum to zero.
    #[error("a transfer must sum to zero")]
    Unbalanced,
    /// A transfer moves pounds and Care Coins at once.
    #[error("pounds and Care Coins never move in one transfer")]
    MixedCurrencies,
    /// The wallet holds less than that.
    #[error("there are not enough Care Coins")]
    TooFewCoins,
    /// Care Coins to oneself.
    #[error("Care Coins are given to somebody else")]
    CoinsToSelf,
    /// Nothing, or less, is given.
    #[error("give at least one minute")]
    NoCoins,
    /// A founding rule after the preparation.
    #[error(
        "founding rules are added while the place is being set up; later rules are the Circle's decisions"
    )]
    NotPreparing,
    /// The Circle has a founding rule of that name from that date.
    #[error("there is a founding rule of this name from this date")]
    RuleDateTaken,
}

impl Refusal for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::TooFewCoins | Self::NotPreparing => Kind::FailedPrecondition,
            Self::RuleDateTaken => Kind::AlreadyExists,
            _ => Kind::InvalidArgument,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Negative => "AMOUNT_NEGATIVE",
            Self::TooLarge => "AMOUNT_TOO_LARGE",
            Self::BasisPoints { .. } => "BASIS_POINTS_OUT_OF_RANGE",
            Self::NoShares => "NO_SHARES",
            Self::PayerTwice => "PAYER_TWICE",
            Self::SharesDoNotSum { .. } => "SHARES_DO_NOT_SUM",
            Self::TooFewLegs => "TOO_FEW_LEGS",
            Self::Unbalanced => "TRANSFER_UNBALANCED",
            Self::MixedCurrencies => "MIXED_CURRENCIES",
            Self::TooFewCoins => "TOO_FEW_COINS",
            Self::CoinsToSelf => "COINS_TO_SELF",
            Self::NoCoins => "NO_COINS",
            Self::NotPreparing => "NOT_PREPARING",
            Self::RuleDateTaken => "RULE_DATE_TAKEN",
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::BasisPoints { least } => vec![("least", least.to_string())],
            Self::SharesDoNotSum { sum } => vec![("sum", sum.to_string())],
            _ => Vec::new(),
        }
    }
}

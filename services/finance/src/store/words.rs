//! How states and kinds are written in SQL.

use kith_platform::words;

use crate::domain::funding::PayerKind;
use crate::domain::settlement::{Unsettled, VisitState, Way};

words!(payer_kind_word, payer_kind, PayerKind, "payer", {
    PayerKind::Private => "private",
    PayerKind::LocalAuthority => "local_authority",
    PayerKind::NhsContinuingHealthcare => "nhs_continuing_healthcare",
    PayerKind::DirectPayment => "direct_payment",
    PayerKind::FamilyTopUp => "family_top_up",
    PayerKind::PersonalHealthBudget => "personal_health_budget",
    PayerKind::Charity => "charity",
});

words!(unsettled_word, unsettled, Unsettled, "unsettled_visit", {
    Unsettled::NoFunding => "no_funding",
    Unsettled::NoTerms => "no_terms",
    Unsettled::NoRule => "no_rule",
    Unsettled::EarlierRule => "earlier_rule",
    Unsettled::EarlierTerms => "earlier_terms",
    Unsettled::EarlierFunding => "earlier_funding",
});

words!(visit_state_word, visit_state, VisitState, "visit", {
    VisitState::Planned => "planned",
    VisitState::Agreed => "agreed",
    VisitState::Cancelled => "cancelled",
    VisitState::LateCancelled => "late_cancelled",
    VisitState::Missed => "missed",
});

words!(way_word, way, Way, "visit", {
    Way::Unsaid => "unsaid",
    Way::Money => "money",
    Way::CareCoins => "care_coins",
    Way::Gift => "gift",
});

//! How states and kinds are written in SQL.

use kith_platform::words;

use crate::domain::{person, session, tenant};

words!(state_word, state, tenant::State, "tenant", {
    tenant::State::Preparing => "preparing",
    tenant::State::Live => "live",
});

words!(role_word, role, person::Role, "person_role", {
    person::Role::Administrator => "administrator",
    person::Role::Checks => "checks",
    person::Role::PrivacyLead => "privacy_lead",
});

/// Why a session ended.
pub fn end_word(end: session::End) -> &'static str {
    match end {
        session::End::SignedOut => "signed_out",
        session::End::TokenReused => "token_reused",
    }
}

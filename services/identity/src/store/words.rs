//! How states and kinds are written in SQL.

use kith_platform::words;

use crate::domain::{person, rights, session, tenant};

words!(state_word, state, tenant::State, "tenant", {
    tenant::State::Preparing => "preparing",
    tenant::State::Live => "live",
});

words!(role_word, role, person::Role, "person_role", {
    person::Role::Administrator => "administrator",
    person::Role::Checks => "checks",
});

words!(hold_word, hold, rights::HoldBasis, "legal_hold", {
    rights::HoldBasis::Litigation => "litigation",
    rights::HoldBasis::Inquiry => "inquiry",
    rights::HoldBasis::Safeguarding => "safeguarding",
});

words!(phase_word, phase, rights::Phase, "erasure", {
    rights::Phase::Asked => "asked",
    rights::Phase::Ordered => "ordered",
    rights::Phase::Completed => "completed",
    rights::Phase::Restricted => "restricted",
});

/// Why a session ended.
pub fn end_word(end: session::End) -> &'static str {
    match end {
        session::End::SignedOut => "signed_out",
        session::End::TokenReused => "token_reused",
    }
}

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
});

/// Why a session ended.
pub fn end_word(end: session::End) -> &'static str {
    match end {
        session::End::SignedOut => "signed_out",
        session::End::TokenReused => "token_reused",
        session::End::EndedElsewhere => "ended_elsewhere",
        session::End::PasswordChanged => "password_changed",
    }
}

words!(method_word, method, session::Method, "refresh_family", {
    session::Method::Password => "password",
    session::Method::Passkey => "passkey",
    session::Method::RecoveryCode => "recovery_code",
    session::Method::Provider => "provider",
});

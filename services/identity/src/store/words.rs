//! How states and kinds are written in SQL.

use kith_platform::error::{Error, Result};
use kith_platform::words;

use crate::domain::{consent, person, session, tenant};

words!(state_word, state, tenant::State, "tenant", {
    tenant::State::Preparing => "preparing",
    tenant::State::Live => "live",
});

words!(role_word, role, person::Role, "person_role", {
    person::Role::Administrator => "administrator",
    person::Role::Checks => "checks",
});

words!(consent_state_word, consent_state, consent::State, "consent", {
    consent::State::Given => "given",
    consent::State::Withdrawn => "withdrawn",
});

/// What a word of the list of words is.
pub fn consent_word_kind(word: &str, row: &str) -> Result<consent::WordKind> {
    match word {
        "part" => Ok(consent::WordKind::Part),
        "purpose" => Ok(consent::WordKind::Purpose),
        "hat" => Ok(consent::WordKind::Hat),
        _ => Err(Error::Inconsistent {
            table: "consent_word",
            row: row.to_owned(),
            problem: "a word is not known".into(),
        }),
    }
}

/// Why a session ended.
pub fn end_word(end: session::End) -> &'static str {
    match end {
        session::End::SignedOut => "signed_out",
        session::End::TokenReused => "token_reused",
    }
}

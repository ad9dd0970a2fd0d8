//! How states and kinds are written in SQL.

use kith_platform::error::{Error, Result};
use kith_platform::words;

use crate::domain::{
    break_glass, communication, consent, legal_fact, mail, person, profile, representative, rights, session,
    tenant,
};

words!(state_word, state, tenant::State, "tenant", {
    tenant::State::Preparing => "preparing",
    tenant::State::Live => "live",
    tenant::State::Suspended => "suspended",
    tenant::State::Frozen => "frozen",
    tenant::State::Released => "released",
});

words!(thing_word, thing, profile::Thing, "tenant_wording", {
    profile::Thing::Team => "team",
    profile::Thing::Owner => "owner",
    profile::Thing::Giver => "giver",
    profile::Thing::Circle => "circle",
    profile::Thing::Hat => "hat",
});

words!(basis_word, basis, representative::Basis, "representative", {
    representative::Basis::Nomination => "nomination",
    representative::Basis::AttorneyHealthAndWelfare => "attorney_health_and_welfare",
    representative::Basis::AttorneyProperty => "attorney_property",
    representative::Basis::Deputyship => "deputyship",
    representative::Basis::Guardian => "guardian",
});

words!(legal_fact_kind_word, legal_fact_kind, legal_fact::Kind, "legal_fact", {
    legal_fact::Kind::AdvanceDecision => "advance_decision",
    legal_fact::Kind::DoNotAttemptCpr => "do_not_attempt_cpr",
    legal_fact::Kind::AttorneyHealthAndWelfare => "attorney_health_and_welfare",
    legal_fact::Kind::AttorneyProperty => "attorney_property",
    legal_fact::Kind::DeprivationOfLiberty => "deprivation_of_liberty",
    legal_fact::Kind::Other => "other",
});

words!(legal_fact_step_word, legal_fact_step, legal_fact::Step, "legal_fact_version", {
    legal_fact::Step::Recorded => "recorded",
    legal_fact::Step::Corrected => "corrected",
    legal_fact::Step::OriginalSeen => "original_seen",
    legal_fact::Step::Ended => "ended",
});

/// On which basis a legal fact is written: a representative's by the word of their basis.
pub fn writer_word(writer: legal_fact::Writer) -> &'static str {
    match writer {
        legal_fact::Writer::Oneself => "self",
        legal_fact::Writer::Checks => "checks",
        legal_fact::Writer::Representative(acts_on) => basis_word(acts_on),
    }
}

/// The basis of such a word.
pub fn writer(word: &str, row: impl ToString) -> Result<legal_fact::Writer> {
    match word {
        "self" => Ok(legal_fact::Writer::Oneself),
        "checks" => Ok(legal_fact::Writer::Checks),
        acts_on => Ok(legal_fact::Writer::Representative(basis(acts_on, row)?)),
    }
}

words!(scope_word, scope, representative::Scope, "representative", {
    representative::Scope::HealthAndWelfare => "health_and_welfare",
    representative::Scope::Property => "property",
});

words!(role_word, role, person::Role, "person_role", {
    person::Role::Administrator => "administrator",
    person::Role::Checks => "checks",
    person::Role::PrivacyLead => "privacy_lead",
    person::Role::RegisteredManager => "registered_manager",
    person::Role::Coach => "coach",
    person::Role::SafeguardingLead => "safeguarding_lead",
    person::Role::HrSupport => "hr_support",
    person::Role::PlatformSupport => "platform_support",
    person::Role::AdminTeam => "admin_team",
});

words!(channel_word, channel, communication::Channel, "communication", {
    communication::Channel::Unsaid => "",
    communication::Channel::Email => "email",
    communication::Channel::Phone => "phone",
    communication::Channel::Chat => "chat",
});

words!(told_word, told, break_glass::ToldAs, "break_glass_notice", {
    break_glass::ToldAs::Person => "person",
    break_glass::ToldAs::Contact => "contact",
    break_glass::ToldAs::PrivacyLead => "privacy_lead",
    break_glass::ToldAs::Administrator => "administrator",
});

words!(finding_word, finding, break_glass::Finding, "break_glass_review", {
    break_glass::Finding::Justified => "justified",
    break_glass::Finding::NotJustified => "not_justified",
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
        session::End::Left => "left",
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

words!(mail_kind_word, mail_kind, mail::Kind, "mail", {
    mail::Kind::Invitation => "invitation",
    mail::Kind::Confirmation => "confirmation",
    mail::Kind::SessionReused => "session_reused",
    mail::Kind::EmergencyLook => "emergency_look",
});

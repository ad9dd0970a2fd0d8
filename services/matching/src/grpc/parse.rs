//! Messages → commands. All fields are read first, so that every wrong one is named.

use chrono::{DateTime, Utc};
use kith_platform::error::Violation;
use kith_platform::fields::Fields;
use kith_platform::id::{PersonId, Uuid};
use kith_platform::money::{Currency, Money};
use kith_platform::page::Page;
use kith_proto::matching::v1 as pb;

use crate::app;
use crate::domain::CircleId;
use crate::domain::giver::{Deal, Readiness, Status, UnpaidIntent};
use crate::domain::introduction::{Answer, Trial};
use crate::domain::opportunity::RadiusKm;
use crate::domain::place::OutwardCode;

/// Longest name of a contribution rule, in characters; as governance has it.
const LONGEST_RULE_NAME: usize = 60;

pub fn register_giver(
    message: pb::RegisterGiverRequest,
    fields: &mut Fields,
) -> Option<app::giver::Register> {
    let status = fields.choice("status", message.status, |status| match status {
        pb::GiverStatus::Independent => Some(Status::Independent),
        pb::GiverStatus::Employed => Some(Status::Employed),
        pb::GiverStatus::Volunteer => Some(Status::Volunteer),
        pb::GiverStatus::PeerSupporter => Some(Status::PeerSupporter),
        pb::GiverStatus::FamilyOrFriend => Some(Status::FamilyOrFriend),
        pb::GiverStatus::Unspecified => None,
    });
    let outward_code = place(&message.outward_code, fields);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::giver::Register { status: status?, outward_code: outward_code?, occurred_at: occurred_at? })
}

pub fn get_giver(message: pb::GetGiverRequest, fields: &mut Fields) -> Option<PersonId> {
    fields.id("person_id", &message.person_id)
}

pub fn list_givers(
    message: pb::ListGiversRequest,
    fields: &mut Fields,
) -> Option<Page<(DateTime<Utc>, Uuid)>> {
    Page::parse(fields, message.page_size, &message.page_token, &"givers")
}

pub fn record_readiness(
    message: pb::RecordReadinessRequest,
    fields: &mut Fields,
) -> Option<app::giver::Record> {
    let giver = fields.id("person_id", &message.person_id);
    let readiness = match message.readiness {
        Some(readiness) => read_readiness(&readiness, fields),
        None => fields.wrong("readiness", "is missing"),
    };
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::giver::Record { giver: giver?, readiness: readiness?, occurred_at: occurred_at? })
}

fn read_readiness(message: &pb::Readiness, fields: &mut Fields) -> Option<Readiness> {
    let valid_from = fields.date("readiness.valid_from", &message.valid_from);
    let valid_until = fields.optional_date("readiness.valid_until", &message.valid_until);
    match Readiness::new(message.ready, valid_from?, valid_until?) {
        Ok(readiness) => Some(readiness),
        Err(violation) => within("readiness", vec![violation], fields),
    }
}

pub fn set_terms(message: pb::SetTermsRequest, fields: &mut Fields) -> Option<app::giver::SetTerms> {
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    let Some(terms) = message.terms else {
        return fields.wrong("terms", "is missing");
    };
    let id = fields.optional_id("terms.id", &terms.id);
    let valid_from = fields.date("terms.valid_from", &terms.valid_from);
    let deal = read_deal(&terms, fields);
    Some(app::giver::SetTerms { id: id?, valid_from: valid_from?, deal: deal?, occurred_at: occurred_at? })
}

/// What is not even readable is named as such, and counts as given for the rest.
fn read_deal(terms: &pb::Terms, fields: &mut Fields) -> Option<Deal> {
    let circle = fields.optional_id("terms.circle_id", &terms.circle_id);
    let rule = fields.text("terms.contribution_rule", &terms.contribution_rule, 0, LONGEST_RULE_NAME);
    let rate = match &terms.hourly_rate {
        None => Some(None),
        Some(rate) => match Currency::from_code(&rate.currency) {
            Some(currency) => Some(Some(Money { minor_units: rate.minor_units, currency })),
            None => fields.wrong("terms.hourly_rate.currency", "has to be GBP"),
        },
    };
    let intent = match terms.unpaid_intent() {
        _ if pb::UnpaidIntent::try_from(terms.unpaid_intent).is_err() => {
            fields.wrong("terms.unpaid_intent", "is not a value that is known here")
        }
        pb::UnpaidIntent::Unspecified => Some(None),
        pb::UnpaidIntent::Save => Some(Some(UnpaidIntent::Save)),
        pb::UnpaidIntent::Gift => Some(Some(UnpaidIntent::Gift)),
    };
    let deal = Deal::parse(
        circle.unwrap_or(Some(CircleId::default())),
        rule.as_deref().unwrap_or("unreadable"),
        rate.unwrap_or(Some(Money::pence(1))),
        intent.unwrap_or_default(),
    );
    match deal {
        Ok(deal) => {
            (circle.is_some() && rule.is_some() && rate.is_some() && intent.is_some()).then_some(deal)
        }
        Err(violations) => within("terms", violations, fields),
    }
}

pub fn open_opportunity(
    message: pb::OpenOpportunityRequest,
    fields: &mut Fields,
) -> Option<app::opportunity::Open> {
    let id = fields.optional_id("id", &message.id);
    let team = fields.id("team_id", &message.team_id);
    let outward_code = place(&message.outward_code, fields);
    let radius = match RadiusKm::parse(message.radius_km) {
        Ok(radius) => Some(radius),
        Err(problem) => fields.wrong("radius_km", problem),
    };
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::opportunity::Open {
        id: id?,
        team: team?,
        outward_code: outward_code?,
        radius: radius?,
        paid: message.paid,
        occurred_at: occurred_at?,
    })
}

pub fn close_opportunity(
    message: pb::CloseOpportunityRequest,
    fields: &mut Fields,
) -> Option<crate::domain::OpportunityId> {
    fields.id("id", &message.id)
}

pub fn list_opportunities(
    message: pb::ListOpportunitiesRequest,
    fields: &mut Fields,
) -> Option<Page<(u32, DateTime<Utc>, Uuid)>> {
    Page::parse(fields, message.page_size, &message.page_token, &"opportunities")
}

pub fn suggest_givers(
    message: pb::SuggestGiversRequest,
    fields: &mut Fields,
) -> Option<app::opportunity::Suggest> {
    let opportunity = fields.id("opportunity_id", &message.opportunity_id);
    let size = match usize::try_from(message.page_size) {
        Ok(0) => Some(20),
        Ok(size) => Some(size.min(100)),
        Err(_) => fields.wrong("page_size", "must not be negative"),
    };
    Some(app::opportunity::Suggest { opportunity: opportunity?, size: size? })
}

pub fn show_interest(
    message: pb::ShowInterestRequest,
    fields: &mut Fields,
) -> Option<app::introduction::ShowInterest> {
    let opportunity = fields.id("opportunity_id", &message.opportunity_id);
    let giver = fields.optional_id("giver_person_id", &message.giver_person_id);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::introduction::ShowInterest {
        opportunity: opportunity?,
        giver: giver?,
        occurred_at: occurred_at?,
    })
}

pub fn get_introduction(
    message: pb::GetIntroductionRequest,
    fields: &mut Fields,
) -> Option<crate::domain::IntroductionId> {
    fields.id("id", &message.id)
}

pub fn list_introductions(message: pb::ListIntroductionsRequest, fields: &mut Fields) -> Option<Page<Uuid>> {
    Page::parse(fields, message.page_size, &message.page_token, &"introductions")
}

pub fn agree_trial(
    message: pb::AgreeTrialRequest,
    fields: &mut Fields,
) -> Option<app::introduction::AgreeTrial> {
    let introduction = fields.id("introduction_id", &message.introduction_id);
    let trial = match message.trial {
        Some(trial) => read_trial(&trial, fields),
        None => fields.wrong("trial", "is missing"),
    };
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::introduction::AgreeTrial {
        introduction: introduction?,
        trial: trial?,
        occurred_at: occurred_at?,
    })
}

/// A day that is not readable is named as such; the sessions are looked at all the same.
fn read_trial(message: &pb::Trial, fields: &mut Fields) -> Option<Trial> {
    let valid_from = fields.date("trial.valid_from", &message.valid_from);
    let valid_until = fields.date("trial.valid_until", &message.valid_until);
    let sessions = match Trial::sessions(message.sessions) {
        Ok(sessions) => Some(sessions),
        Err(violation) => within("trial", vec![violation], fields),
    };
    match Trial::new(sessions.unwrap_or(1), valid_from?, valid_until?) {
        Ok(trial) => sessions.map(|_| trial),
        Err(violation) => within("trial", vec![violation], fields),
    }
}

pub fn conclude_trial(
    message: pb::ConcludeTrialRequest,
    fields: &mut Fields,
) -> Option<app::introduction::Conclude> {
    let introduction = fields.id("introduction_id", &message.introduction_id);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::introduction::Conclude {
        introduction: introduction?,
        answer: if message.yes { Answer::Yes } else { Answer::No },
        occurred_at: occurred_at?,
    })
}

fn place(outward_code: &str, fields: &mut Fields) -> Option<OutwardCode> {
    match OutwardCode::parse(outward_code) {
        Ok(code) => Some(code),
        Err(problem) => fields.wrong("outward_code", problem),
    }
}

/// Names what is wrong within a part of the message.
fn within<T>(part: &str, violations: Vec<Violation>, fields: &mut Fields) -> Option<T> {
    for violation in violations {
        fields.wrong::<()>(format!("{part}.{}", violation.field), violation.description);
    }
    None
}

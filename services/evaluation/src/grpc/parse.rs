//! Messages → commands. All fields are read first, so that every wrong one is named.

use kith_platform::fields::Fields;
use kith_platform::id::Uuid;
use kith_platform::page::Page;
use kith_proto::evaluation::v1 as pb;

use crate::app;
use crate::domain::RoundId;
use crate::domain::continuity::Month;
use crate::domain::reply_code::RoundSecret;
use crate::domain::round::{Instrument, Items, Scope};

/// The most items that a questionnaire may have; more are not even looked at.
const MOST_ITEMS: usize = 200;

/// The id of the round that is to be opened: without an id of its own that of the request, so that a repeat makes the same
/// codes.
pub fn round_to_open(message: &pb::OpenRoundRequest) -> Option<RoundId> {
    let id = if message.id.is_empty() { &message.request_id } else { &message.id };
    Uuid::try_parse(id).ok().map(RoundId)
}

/// `secret` is that of [`round_to_open`].
pub fn open_round(
    message: &pb::OpenRoundRequest,
    secret: &RoundSecret,
    fields: &mut Fields,
) -> Option<app::round::Open> {
    let id = fields.optional_id::<RoundId>("id", &message.id);
    let instrument = fields.choice("instrument", message.instrument, |instrument| match instrument {
        pb::Instrument::Swemwbs => Some(Instrument::Swemwbs),
        pb::Instrument::Unspecified => None,
    });
    let scope = match &message.scope {
        Some(pb::open_round_request::Scope::CircleId(id)) => fields.id("circle_id", id).map(Scope::Circle),
        Some(pb::open_round_request::Scope::TeamId(id)) => fields.id("team_id", id).map(Scope::Team),
        None => fields.wrong("scope", "is missing: a circle_id or a team_id"),
    };
    let (id, instrument, scope) = (id?, instrument?, scope?);
    let id = id.or_else(|| round_to_open(message))?;
    Some(app::round::Open { id, instrument, scope, secret: secret.clone() })
}

/// The items of an answer; the code is read apart, as a wrong one is refused like any other.
pub fn items(message: &pb::AnswerRoundRequest, fields: &mut Fields) -> Option<Items> {
    if message.answers.len() > MOST_ITEMS {
        return fields.wrong("answers", format!("must be at most {MOST_ITEMS}"));
    }
    let values: Vec<Option<i32>> = message.answers.iter().map(|answer| answer.value).collect();
    match Items::parse(&values) {
        Ok(items) => Some(items),
        Err(places) => {
            for place in places {
                fields.wrong::<()>(format!("answers[{place}].value"), "must be 1 to 5, or left out");
            }
            None
        }
    }
}

pub fn list_rounds(message: pb::ListRoundsRequest, fields: &mut Fields) -> Option<app::round::List> {
    let scope = match &message.scope {
        Some(pb::list_rounds_request::Scope::CircleId(id)) => fields.id("circle_id", id).map(Scope::Circle),
        Some(pb::list_rounds_request::Scope::TeamId(id)) => fields.id("team_id", id).map(Scope::Team),
        None => fields.wrong("scope", "is missing: a circle_id or a team_id"),
    };
    let filter = match scope {
        Some(Scope::Circle(circle)) => ("circle", circle.0),
        Some(Scope::Team(team)) => ("team", team.0),
        None => ("none", Uuid::nil()),
    };
    let page = Page::parse(fields, message.page_size, &message.page_token, &filter);
    Some(app::round::List { scope: scope?, page: page? })
}

pub fn get_continuity(
    message: pb::GetContinuityRequest,
    fields: &mut Fields,
) -> Option<app::continuity::Get> {
    let team = fields.id("team_id", &message.team_id);
    let month = fields.month("month", &message.month).and_then(Month::of);
    Some(app::continuity::Get { team: team?, month: month? })
}

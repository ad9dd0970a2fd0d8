//! Messages → commands. All fields are read first, so that every wrong one is named.

use kith_platform::fields::Fields;
use kith_platform::id::Uuid;
use kith_platform::page::Page;
use kith_proto::evaluation::v1 as pb;

use crate::app;
use crate::domain::RoundId;
use crate::domain::continuity::Month;
use crate::domain::reply_code::ReplyCode;
use crate::domain::round::{Instrument, Items, MOST_REPLY_CODES, Scope};

/// The most items that a questionnaire may have; more are not even looked at.
const MOST_ITEMS: usize = 200;

/// The round's id and number of codes, where both make sense: what its codes are made from.
pub fn codes_asked_for(message: &pb::OpenRoundRequest) -> Option<(RoundId, u32)> {
    let id = if message.id.is_empty() { &message.request_id } else { &message.id };
    let id = Uuid::try_parse(id).ok()?;
    let count = u32::try_from(message.reply_codes).ok()?;
    (1..=MOST_REPLY_CODES).contains(&count).then_some((RoundId(id), count))
}

/// `codes` are those of [`codes_asked_for`].
pub fn open_round(
    message: &pb::OpenRoundRequest,
    codes: &[ReplyCode],
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
    let most = i32::try_from(MOST_REPLY_CODES).unwrap_or(i32::MAX);
    let count = fields.number("reply_codes", message.reply_codes, 1, most);
    let (id, instrument, scope, _) = (id?, instrument?, scope?, count?);
    // Without an id of its own the round has that of the request, so that a repeat makes the same codes.
    let (default_id, reply_codes) = codes_asked_for(message)?;
    Some(app::round::Open {
        id: id.unwrap_or(default_id),
        instrument,
        scope,
        reply_codes,
        codes: codes.to_vec(),
    })
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

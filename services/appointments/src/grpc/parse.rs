//! Messages → commands. All fields are read first, so that every wrong one is named.

use std::collections::HashSet;

use kith_platform::etag;
use kith_platform::fields::Fields;
use kith_platform::page::Page;
use kith_proto::appointments::v1 as pb;

use crate::app;
use crate::domain::pattern::Window;
use crate::domain::rule::Rule;
use crate::domain::{Side, VisitId, VisitKind, VisitState};

/// A rule; `Some(None)` where there is none.
#[expect(clippy::option_option, reason = "wrong, left out and given are three different things")]
fn rule(fields: &mut Fields, text: &str) -> Option<Option<Rule>> {
    if text.is_empty() {
        return Some(None);
    }
    match Rule::parse(text) {
        Ok(rule) => Some(Some(rule)),
        Err(problem) => fields.wrong("rrule", problem.to_string()),
    }
}

/// A window of local days; `Some(None)` where neither day is given.
#[expect(clippy::option_option, reason = "wrong, left out and given are three different things")]
fn optional_window(fields: &mut Fields, from: &str, until: &str) -> Option<Option<Window>> {
    if from.is_empty() && until.is_empty() {
        return Some(None);
    }
    window(fields, from, until).map(Some)
}

/// A window of local days that must be there.
fn window(fields: &mut Fields, from: &str, until: &str) -> Option<Window> {
    let from = fields.date("from_date", from);
    let until = fields.date("until_date", until);
    match Window::new(from?, until?) {
        Ok(window) => Some(window),
        Err(refused) => fields.wrong("until_date", refused.to_string()),
    }
}

fn wall_minutes(fields: &mut Fields, minutes: i32) -> Option<i32> {
    fields.number("wall_minutes", minutes, 1, 1440)
}

pub fn propose_series(
    message: pb::ProposeSeriesRequest,
    fields: &mut Fields,
) -> Option<app::series::Propose> {
    let id = fields.optional_id("id", &message.id);
    let team = fields.id("team_id", &message.team_id);
    let giver = fields.id("giver_person_id", &message.giver_person_id);
    let kind = fields.choice("kind", message.kind, |kind| match kind {
        pb::VisitKind::Support => Some(VisitKind::Support),
        pb::VisitKind::PersonalCare => Some(VisitKind::PersonalCare),
        pb::VisitKind::Companionship => Some(VisitKind::Companionship),
        pb::VisitKind::WakingNight => Some(VisitKind::WakingNight),
        pb::VisitKind::SleepingNight => Some(VisitKind::SleepingNight),
        pb::VisitKind::Outing => Some(VisitKind::Outing),
        pb::VisitKind::PeerSupport => Some(VisitKind::PeerSupport),
        pb::VisitKind::Trial => Some(VisitKind::Trial),
        pb::VisitKind::Unspecified => None,
    });
    let starts_local = fields.local("starts_local", &message.starts_local);
    let wall_minutes = wall_minutes(fields, message.wall_minutes);
    let rule = rule(fields, &message.rrule);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::series::Propose {
        id: id?,
        team: team?,
        giver: giver?,
        kind: kind?,
        starts_local: starts_local?,
        wall_minutes: wall_minutes?,
        rule: rule?,
        occurred_at: occurred_at?,
    })
}

pub fn answer_series(message: pb::AnswerSeriesRequest, fields: &mut Fields) -> Option<app::series::Answer> {
    let series = fields.id("series_id", &message.series_id);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::series::Answer { series: series?, accept: message.accept, occurred_at: occurred_at? })
}

pub fn plan_visits(message: pb::PlanVisitsRequest, fields: &mut Fields) -> Option<app::plan::Plan> {
    let series = fields.id("series_id", &message.series_id);
    let window = optional_window(fields, &message.from_date, &message.until_date);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::plan::Plan { series: series?, window: window?, occurred_at: occurred_at? })
}

pub fn list_series(message: pb::ListSeriesRequest, fields: &mut Fields) -> Option<app::series::List> {
    let team = fields.optional_id("team_id", &message.team_id);
    let page = Page::parse(fields, message.page_size, &message.page_token, &("series", &message.team_id));
    Some(app::series::List { team: team?, page: page? })
}

pub fn preview_series(message: pb::PreviewSeriesRequest, fields: &mut Fields) -> Option<app::plan::Preview> {
    let starts_local = fields.local("starts_local", &message.starts_local);
    let wall_minutes = wall_minutes(fields, message.wall_minutes);
    let rule = rule(fields, &message.rrule);
    let window = optional_window(fields, &message.from_date, &message.until_date);
    Some(app::plan::Preview {
        starts_local: starts_local?,
        wall_minutes: wall_minutes?,
        rule: rule?,
        window: window?,
    })
}

pub fn list_visits(message: pb::ListVisitsRequest, fields: &mut Fields) -> Option<app::visit::List> {
    let team = fields.optional_id("team_id", &message.team_id);
    let window = window(fields, &message.from_date, &message.until_date);
    let mut states = Some(Vec::new());
    for (place, state) in message.states.iter().enumerate() {
        let known = fields.choice(&format!("states[{place}]"), *state, |state| match state {
            pb::VisitState::Planned => Some(VisitState::Planned),
            pb::VisitState::Agreed => Some(VisitState::Agreed),
            pb::VisitState::Cancelled => Some(VisitState::Cancelled),
            pb::VisitState::LateCancelled => Some(VisitState::LateCancelled),
            pb::VisitState::Missed => Some(VisitState::Missed),
            pb::VisitState::Unspecified => None,
        });
        states = states.zip(known).map(|(mut chosen, state)| {
            chosen.push(state);
            chosen
        });
    }
    let filters = ("visits", &message.team_id, &message.from_date, &message.until_date, &message.states);
    let page = Page::parse(fields, message.page_size, &message.page_token, &filters);
    Some(app::visit::List { team: team?, window: window?, states: states?, page: page? })
}

pub fn cancel_visit(
    message: pb::CancelVisitRequest,
    fields: &mut Fields,
) -> Option<app::cancellation::Cancel> {
    let visit = fields.id("visit_id", &message.visit_id);
    let side = match message.side {
        0 => Some(None),
        side => fields
            .choice("side", side, |side| match side {
                pb::Side::Team => Some(Side::Team),
                pb::Side::Giver => Some(Side::Giver),
                pb::Side::Unspecified => None,
            })
            .map(Some),
    };
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::cancellation::Cancel { visit: visit?, side: side?, occurred_at: occurred_at? })
}

pub fn propose_cover(message: pb::ProposeCoverRequest, fields: &mut Fields) -> Option<app::cover::Propose> {
    let visit = fields.id("visit_id", &message.visit_id);
    let giver = fields.id("giver_person_id", &message.giver_person_id);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::cover::Propose { visit: visit?, giver: giver?, occurred_at: occurred_at? })
}

pub fn answer_cover(message: pb::AnswerCoverRequest, fields: &mut Fields) -> Option<app::cover::Answer> {
    let visit = fields.id("visit_id", &message.visit_id);
    let giver = fields.id("giver_person_id", &message.giver_person_id);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::cover::Answer {
        visit: visit?,
        giver: giver?,
        accept: message.accept,
        occurred_at: occurred_at?,
    })
}

pub fn propose_move(message: pb::ProposeMoveRequest, fields: &mut Fields) -> Option<app::movement::Propose> {
    let visit = fields.id("visit_id", &message.visit_id);
    let starts_local = fields.local("starts_local", &message.starts_local);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::movement::Propose { visit: visit?, starts_local: starts_local?, occurred_at: occurred_at? })
}

pub fn answer_move(message: pb::AnswerMoveRequest, fields: &mut Fields) -> Option<app::movement::Answer> {
    let visit = fields.id("visit_id", &message.visit_id);
    let starts_local = fields.local("starts_local", &message.starts_local);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::movement::Answer {
        visit: visit?,
        starts_local: starts_local?,
        accept: message.accept,
        occurred_at: occurred_at?,
    })
}

pub fn record_actual(message: pb::RecordActualRequest, fields: &mut Fields) -> Option<app::outcome::Record> {
    let visit = fields.id("visit_id", &message.visit_id);
    let began = fields.minute("actual_start_time", message.actual_start_time.as_ref());
    let ended = fields.minute("actual_end_time", message.actual_end_time.as_ref());
    Some(app::outcome::Record { visit: visit?, began: began?, ended: ended? })
}

pub fn agree_visit(message: pb::AgreeVisitRequest, fields: &mut Fields) -> Option<app::outcome::Agree> {
    let visit = fields.id("visit_id", &message.visit_id);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    let version = etag::parse(fields, &message.etag);
    Some(app::outcome::Agree { visit: visit?, occurred_at: occurred_at?, version: version? })
}

/// The most visits that are agreed in one act.
const MOST_AGREED: usize = 100;

pub fn agree_visits(
    message: pb::AgreeVisitsRequest,
    fields: &mut Fields,
) -> Option<Vec<app::outcome::Agree>> {
    if message.visits.is_empty() || message.visits.len() > MOST_AGREED {
        return fields.wrong("visits", format!("must be 1 to {MOST_AGREED} visits"));
    }
    let mut seen = HashSet::new();
    let mut parsed = Vec::with_capacity(message.visits.len());
    for (place, one) in message.visits.into_iter().enumerate() {
        let of = |field: &str| format!("visits[{place}].{field}");
        let visit = fields.id::<VisitId>(&of("visit_id"), &one.visit_id);
        let occurred_at = fields.optional_time(&of("occurred_at"), one.occurred_at.as_ref());
        let version = etag::parse_at(fields, &of("etag"), &one.etag);
        if visit.is_some_and(|visit| !seen.insert(visit)) {
            fields.wrong::<()>(of("visit_id"), "is there already: each visit once");
        }
        if let (Some(visit), Some(occurred_at), Some(version)) = (visit, occurred_at, version) {
            parsed.push(app::outcome::Agree { visit, occurred_at, version });
        }
    }
    Some(parsed)
}

pub fn settle_again(
    message: pb::SettleAgainRequest,
    fields: &mut Fields,
) -> Option<app::outcome::SettleAgain> {
    let visit = fields.id("visit_id", &message.visit_id);
    let version = etag::parse(fields, &message.etag);
    Some(app::outcome::SettleAgain { visit: visit?, version: version? })
}

pub fn mark_missed(message: pb::MarkMissedRequest, fields: &mut Fields) -> Option<app::outcome::Missed> {
    let visit = fields.id("visit_id", &message.visit_id);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::outcome::Missed { visit: visit?, occurred_at: occurred_at? })
}

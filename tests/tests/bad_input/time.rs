//! Ends before starts, dates that do not exist, rules that cannot be followed.

use kith_proto::appointments::v1::{
    AgreeVisitRequest, ListVisitsRequest, PlanVisitsRequest, PreviewSeriesRequest, ProposeMoveRequest,
    RecordActualRequest,
};
use kith_proto::governance::v1::{CircleHat, ProposeCircleHatRequest};
use kith_proto::teams::v1::{Hat, ProposeHatRequest};
use kith_tests::refusals::Cases;
use tonic::Code;

use super::stage::{Stage, edit};

/// Ends before starts, dates that do not exist, rules that cannot be followed.
pub fn time(cases: &mut Cases<'_>, stage: &Stage) {
    let (owner, series) = (stage.owner(), edit(&stage.proposed, |series| series.request_id.clear()));
    let start = "2026-02-29T09:00:00".to_owned();
    cases.wrong("no such day", owner, edit(&series, |s| s.starts_local = start), &["starts_local"]);
    cases.wrong("longer than a day", owner, edit(&series, |s| s.wall_minutes = 1441), &["wall_minutes"]);
    cases.wrong("no length", owner, edit(&series, |s| s.wall_minutes = -60), &["wall_minutes"]);
    for rule in [
        "FREQ=DAILY;COUNT=5;UNTIL=20260501T000000Z",
        "FREQ=HOURLY",
        "RRULE:FREQ=DAILY",
        "FREQ=DAILY;FREQ=DAILY",
    ] {
        let impossible = edit(&series, |series| series.rrule = rule.into());
        cases.wrong(rule, owner, impossible, &["rrule"]);
    }
    let preview = PreviewSeriesRequest {
        starts_local: series.starts_local.clone(),
        wall_minutes: 60,
        rrule: "FREQ=DAILY".to_owned(),
        ..PreviewSeriesRequest::default()
    };
    let endless = (Code::InvalidArgument, "ENDLESS_WITHOUT_WINDOW");
    cases.refused("an endless rule without a window", owner, preview.clone(), endless);
    let plan = PlanVisitsRequest { series_id: stage.endless.clone(), ..PlanVisitsRequest::default() };
    cases.refused("an endless rule without a window", owner, plan.clone(), endless);
    for (from, until, wrong) in [
        ("2026-04-03", "2026-04-03", "until_date"),
        ("2026-04-03", "2026-04-02", "until_date"),
        ("2026-04-03", "2027-12-01", "until_date"),
        ("2026-04-31", "2026-05-02", "from_date"),
        ("2026-04-03", "", "until_date"),
    ] {
        let window = edit(&plan, |p| (p.from_date, p.until_date) = (from.to_owned(), until.to_owned()));
        cases.wrong(&format!("from {from:?} until {until:?}"), owner, window, &[wrong]);
    }
    let list = ListVisitsRequest {
        from_date: "2026-04-02".into(),
        until_date: "2026-04-01".into(),
        ..Default::default()
    };
    cases.wrong("an end before the start", owner, list, &["until_date"]);
    let moved = ProposeMoveRequest {
        visit_id: stage.visit.id.clone(),
        starts_local: "2026-04-02T25:00:00".into(),
        ..Default::default()
    };
    cases.wrong("no such hour", owner, moved, &["starts_local"]);
    let actual = RecordActualRequest {
        visit_id: stage.visit.id.clone(),
        actual_start_time: stage.visit.plan_end_time,
        actual_end_time: stage.visit.plan_start_time,
        ..RecordActualRequest::default()
    };
    let out_of_range = (Code::InvalidArgument, "ACTUAL_OUT_OF_RANGE");
    cases.refused("an end before the start", owner, actual.clone(), out_of_range);
    let seconds = edit(&actual, |actual| actual.actual_end_time.as_mut().expect("there").seconds = i64::MAX);
    cases.wrong("beyond all time", owner, seconds, &["actual_end_time"]);
    let mut ahead = stage.visit.plan_start_time.expect("a start");
    ahead.seconds += 10 * 366 * 86_400;
    let agree = AgreeVisitRequest {
        visit_id: stage.visit.id.clone(),
        occurred_at: Some(ahead),
        ..Default::default()
    };
    cases.refused("in the future", owner, agree.clone(), (Code::InvalidArgument, "IN_THE_FUTURE"));
    let during = edit(&agree, |agree| agree.occurred_at = stage.visit.plan_start_time);
    cases.refused("before it is over", owner, during, (Code::FailedPrecondition, "NOT_OVER_YET"));
    let (valid_from, valid_until) = ("2026-04-02".to_owned(), "2026-04-01".to_owned());
    let hat = ProposeHatRequest {
        team_id: stage.team.clone(),
        hat: Hat::MarHolder.into(),
        person_id: stage.proposed.giver_person_id.clone(),
        valid_from: valid_from.clone(),
        valid_until: valid_until.clone(),
        ..ProposeHatRequest::default()
    };
    cases.refused("an end before the start", owner, hat, (Code::InvalidArgument, "DATES_DO_NOT_FIT"));
    let hat = ProposeCircleHatRequest {
        circle_id: stage.circle.clone(),
        hat: CircleHat::LogbookKeeper.into(),
        person_id: stage.proposed.giver_person_id.clone(),
        valid_from,
        valid_until,
        ..ProposeCircleHatRequest::default()
    };
    cases.refused("an end before the start", owner, hat, (Code::InvalidArgument, "TERM_BACKWARDS"));
}

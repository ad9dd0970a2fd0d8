//! Continuity from the visits that appointments tells.

use kith_platform::fields::timestamp;
use kith_platform::id::{PersonId, Uuid};
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::appointments::v1 as appointments;
use kith_proto::appointments::v1::VisitState;
use kith_proto::evaluation::v1 as pb;
use kith_proto::evaluation::v1::indicators_service_server::IndicatorsService as _;
use tonic::{Code, Status};

use crate::stage::{FIVE_ANSWERS, Stage};

impl Stage {
    fn visit(&self, giver: PersonId, occurrence_local: &str, began: &str) -> appointments::VisitSnapshot {
        let began = timestamp(began.parse().expect("a moment"));
        appointments::VisitSnapshot {
            visit_id: self.id().to_string(),
            team_id: self.team.to_string(),
            giver_person_id: giver.to_string(),
            occurrence_local: occurrence_local.into(),
            time_zone: "Europe/London".into(),
            state: VisitState::Agreed.into(),
            agreed_start_time: Some(began),
            ..Default::default()
        }
    }

    async fn tell(&self, no: i64, visit: &appointments::VisitSnapshot) {
        let id: Uuid = visit.visit_id.parse().expect("an id");
        let event = appointments::VisitAgreed { state: Some(visit.clone()) };
        self.world.deliver(&self.host, self.tenant, id, no, &event).await;
    }

    async fn continuity(&self, by: PersonId, month: &str) -> Result<(i32, String), Status> {
        let request = pb::GetContinuityRequest { team_id: self.team.to_string(), month: month.into() };
        let answer = self.indicators.get_continuity(self.request(by, request)).await?.into_inner();
        Ok((answer.weeks, answer.mean_distinct_givers_per_week))
    }
}

#[tokio::test]
async fn continuity_counts_who_came_in_the_weeks_of_the_agreed_starts() {
    let stage = Stage::new().await;
    let (one, two) = (stage.world.person(), stage.world.person());
    assert_eq!(stage.continuity(stage.owner, "2026-03").await.expect("none"), (0, String::new()));
    // Sunday of ISO week 9, then Monday of week 10.
    stage.tell(1, &stage.visit(one, "2026-03-01T09:00:00", "2026-03-01T09:00:00Z")).await;
    stage.tell(1, &stage.visit(one, "2026-03-02T09:00:00", "2026-03-02T09:00:00Z")).await;
    stage.tell(1, &stage.visit(two, "2026-03-03T09:00:00", "2026-03-03T09:05:00Z")).await;
    // Planned on Sunday the 29th, began at 00:30 on Monday by the local clock: week 14.
    stage.tell(1, &stage.visit(two, "2026-03-29T23:00:00", "2026-03-29T23:30:00Z")).await;
    // Planned on the last day of March and moved to April: still March's.
    stage.tell(1, &stage.visit(one, "2026-03-31T09:00:00", "2026-04-07T08:00:00Z")).await;
    // Agreed with nothing to settle: the plan tells the day.
    let mut unsettled = stage.visit(two, "2026-03-30T10:00:00", "2026-03-30T09:00:00Z");
    unsettled.plan_start_time = unsettled.agreed_start_time.take();
    stage.tell(1, &unsettled).await;
    // Planned in April and moved to March: not March's.
    stage.tell(1, &stage.visit(one, "2026-04-01T09:00:00", "2026-03-17T09:00:00Z")).await;
    // weeks 9, 10, 14, 15 with 1, 2, 1, 1 givers
    for by in [stage.owner, stage.member, stage.circle_member] {
        assert_eq!(stage.continuity(by, "2026-03").await.expect("a figure"), (4, "1.25".into()));
    }
    for by in [stage.left, stage.asked, one] {
        let refused = stage.continuity(by, "2026-03").await.expect_err("neither Team nor Circle");
        assert_eq!(reason(&refused), (Code::NotFound, "NOT_FOUND".into()));
    }
}

#[tokio::test]
async fn only_visits_that_took_place_count_and_a_later_state_replaces_an_earlier_one() {
    let stage = Stage::new().await;
    let (one, two) = (stage.world.person(), stage.world.person());
    for state in [VisitState::Planned, VisitState::Cancelled, VisitState::LateCancelled, VisitState::Missed] {
        let mut visit = stage.visit(one, "2026-03-02T09:00:00", "2026-03-02T09:00:00Z");
        visit.state = state.into();
        stage.tell(1, &visit).await;
    }
    assert_eq!(stage.continuity(stage.owner, "2026-03").await.expect("none"), (0, String::new()));
    let mut visit = stage.visit(one, "2026-03-02T09:00:00", "2026-03-02T09:00:00Z");
    visit.state = VisitState::Planned.into();
    visit.agreed_start_time = None;
    stage.tell(1, &visit).await;
    // Covered by somebody else and agreed.
    let agreed = appointments::VisitSnapshot {
        visit_id: visit.visit_id.clone(),
        ..stage.visit(two, "2026-03-02T09:00:00", "2026-03-02T09:00:00Z")
    };
    stage.tell(2, &agreed).await;
    // An old one that comes late changes nothing.
    stage.tell(1, &visit).await;
    assert_eq!(stage.continuity(stage.owner, "2026-03").await.expect("a figure"), (1, "1.00".into()));
}

#[tokio::test]
async fn wrong_fields_are_named_and_foreign_teams_are_unknown() {
    let stage = Stage::new().await;
    let request = pb::GetContinuityRequest { team_id: "x".into(), month: "2026-13".into() };
    let refused =
        stage.indicators.get_continuity(stage.request(stage.owner, request)).await.expect_err("refused");
    assert_eq!(wrong_fields(&refused), ["team_id", "month"]);
    let unknown = Stage { team: Uuid::from_u128(7), ..stage };
    let never_was = unknown.continuity(unknown.owner, "2026-03").await.expect_err("refused");
    let elsewhere = Stage { tenant: unknown.world.tenant(&unknown.host, false).await, ..unknown };
    let foreign = elsewhere.continuity(elsewhere.owner, "2026-03").await.expect_err("refused");
    assert_eq!((never_was.code(), never_was.message()), (foreign.code(), foreign.message()));
    assert_eq!(never_was.details(), foreign.details());
}

/// Figures come from what happened anyway and from what people are asked. Proves EVAL-12.
#[tokio::test]
async fn the_platform_observes_and_asks() {
    let stage = Stage::new().await;
    let giver = stage.world.person();
    stage.tell(1, &stage.visit(giver, "2026-11-02T09:00:00", "2026-11-02T09:00:00Z")).await;
    assert_eq!(stage.continuity(stage.member, "2026-11").await.expect("observed"), (1, "1.00".into()));
    let round = stage.closed_round(&FIVE_ANSWERS).await;
    assert_eq!(stage.result(stage.member, &round).await.expect("asked").mean_metric, "20.1");
}

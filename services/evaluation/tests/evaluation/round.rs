//! Opening, closing, listing and reading rounds, and who may.

use kith_platform::id::Uuid;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::evaluation::v1::rounds_service_server::RoundsService as _;
use kith_proto::evaluation::v1::{self as pb, RoundState, list_rounds_request, open_round_request};
use kith_proto::governance::v1 as governance;
use tonic::{Code, Status};

use crate::stage::{FIVE_ANSWERS, Stage};

fn not_found() -> (Code, String) {
    (Code::NotFound, "NOT_FOUND".into())
}

fn denied() -> (Code, String) {
    (Code::PermissionDenied, "PERMISSION_DENIED".into())
}

#[tokio::test]
async fn a_teams_round_is_opened_and_closed_by_its_owner_and_read_by_its_members() {
    let stage = Stage::new().await;
    for (by, refusal) in [
        (stage.member, denied()),
        (stage.left, not_found()),
        (stage.circle_member, not_found()),
        (stage.world.person(), not_found()),
    ] {
        let refused = stage.open(by, stage.team_round()).await.expect_err("not the Owner");
        assert_eq!(reason(&refused), refusal);
    }
    let (round, codes) = stage.opened().await;
    assert_eq!((round.state(), codes.len()), (RoundState::Open, 12));
    for (code, items) in codes.iter().zip(&FIVE_ANSWERS) {
        stage.answer(code, items).await.expect("answered");
    }
    for (by, refusal) in
        [(stage.member, denied()), (stage.circle_member, not_found()), (stage.left, not_found())]
    {
        assert_eq!(reason(&stage.close(by, &round).await.expect_err("not the Owner")), refusal);
    }
    let early = stage.result(stage.member, &round).await.expect_err("still open");
    assert_eq!(reason(&early), (Code::FailedPrecondition, "ROUND_STILL_OPEN".into()));

    assert_eq!(stage.close(stage.owner, &round).await.expect("closed").state(), RoundState::Closed);
    for by in [stage.owner, stage.member] {
        let result = stage.result(by, &round).await.expect("a result");
        assert_eq!(
            (result.suppressed, result.mean_metric.as_str(), result.scored_responses),
            (false, "20.1", 5)
        );
        assert!(result.copyright_notice.contains("University of Edinburgh, 2008, all rights reserved"));
        assert_eq!(result.round.expect("a round").state(), RoundState::Closed);
    }
    for by in [stage.left, stage.circle_member, stage.asked] {
        assert_eq!(reason(&stage.result(by, &round).await.expect_err("not the Team")), not_found());
    }
    let types: Vec<String> =
        stage.world.written(&stage.host).await.into_iter().map(|event| event.event_type).collect();
    assert_eq!(types, ["evaluation.round.opened.v1", "evaluation.round.closed.v1"]);
}

#[tokio::test]
async fn a_circles_round_is_its_members() {
    let stage = Stage::new().await;
    for by in [stage.owner, stage.member, stage.asked] {
        let refused = stage.open(by, stage.circle_round()).await.expect_err("no seat in the Circle");
        assert_eq!(reason(&refused), not_found());
    }
    let round = stage.open(stage.circle_member, stage.circle_round()).await.expect("a round");
    stage.code(stage.circle_member, &round).await.expect("their code");
    for by in [stage.owner, stage.asked] {
        assert_eq!(reason(&stage.code(by, &round).await.expect_err("no seat")), not_found());
    }
    stage.close(stage.circle_member, &round).await.expect("closed");
    assert!(stage.result(stage.circle_member, &round).await.expect("a result").suppressed);
    assert_eq!(reason(&stage.result(stage.owner, &round).await.expect_err("no seat")), not_found());

    // The seat goes to somebody else.
    let seat = governance::CircleMember {
        person_id: stage.asked.to_string(),
        state: governance::SeatState::Held.into(),
        valid_from: "2026-11-01".into(),
        ..Default::default()
    };
    stage.tell_seats(2, vec![seat]).await;
    assert_eq!(reason(&stage.result(stage.circle_member, &round).await.expect_err("no seat")), not_found());
    stage.result(stage.asked, &round).await.expect("a result");
}

#[tokio::test]
async fn a_closed_round_stays_closed_and_keeps_its_result() {
    let stage = Stage::new().await;
    let round = stage.closed_round(&FIVE_ANSWERS).await;
    let before = stage.result(stage.owner, &round).await.expect("a result");
    stage.world.clock.advance(chrono::Duration::days(3));
    let again = stage.close(stage.owner, &round).await.expect("closed already");
    assert_eq!(again, round);
    assert_eq!(stage.world.written(&stage.host).await.len(), 2, "nothing more to tell");
    assert_eq!(stage.result(stage.owner, &round).await.expect("a result"), before);

    // Not even the database lets it be opened again.
    let mut admin = stage.world.admin(&stage.host).await;
    let reopened = sqlx::query("update round set state = 'open', closed_at = null").execute(&mut admin).await;
    let error = reopened.expect_err("refused");
    let constraint = error.as_database_error().and_then(|error| error.constraint().map(str::to_owned));
    assert_eq!(constraint.as_deref(), Some("round_stays_closed"));
}

#[tokio::test]
async fn a_repeat_answers_the_same_round_to_who_opened_it() {
    let stage = Stage::new().await;
    let request = stage.team_round();
    let round = stage.open(stage.owner, request.clone()).await.expect("a round");
    assert_eq!(round.id, request.request_id, "without an id of its own it has that of the request");
    assert_eq!(stage.open(stage.owner, request.clone()).await.expect("the same"), round);

    // Days later, under another request id, by the round's id, and somebody has joined since.
    stage.world.clock.advance(chrono::Duration::days(5));
    stage.tell_members(2, &[stage.world.person()]).await;
    let by_id =
        pb::OpenRoundRequest { id: round.id.clone(), request_id: stage.id().to_string(), ..request.clone() };
    assert_eq!(stage.open(stage.owner, by_id.clone()).await.expect("the same"), round);
    // Also when it is closed by now.
    stage.close(stage.owner, &round).await.expect("closed");
    let late = pb::OpenRoundRequest { request_id: stage.id().to_string(), ..by_id.clone() };
    assert_eq!(stage.open(stage.owner, late).await.expect("the same").state(), RoundState::Closed);

    let about_the_circle = stage.circle_round().scope;
    let other = pb::OpenRoundRequest { scope: about_the_circle, ..request };
    let refused = stage.open(stage.owner, other).await.expect_err("other content");
    assert_eq!(reason(&refused), (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
    assert_eq!(stage.world.written(&stage.host).await.len(), 2, "opened once, closed once");

    let seat = |person: kith_platform::id::PersonId| governance::CircleMember {
        person_id: person.to_string(),
        state: governance::SeatState::Held.into(),
        valid_from: "2026-11-01".into(),
        ..Default::default()
    };
    stage.tell_seats(2, vec![seat(stage.circle_member), seat(stage.asked)]).await;
    let request = stage.circle_round();
    stage.open(stage.circle_member, request.clone()).await.expect("a round");
    let refused = stage.open(stage.asked, request).await.expect_err("another member of the Circle");
    assert_eq!(reason(&refused), (Code::AlreadyExists, "ID_EXISTS".into()));
}

#[tokio::test]
async fn two_who_open_at_the_same_moment_open_one_round() {
    let stage = Stage::new().await;
    let with_id = pb::OpenRoundRequest { id: stage.id().to_string(), ..stage.team_round() };
    let other = pb::OpenRoundRequest { request_id: stage.id().to_string(), ..with_id.clone() };
    let (one, two) = tokio::join!(stage.open(stage.owner, with_id), stage.open(stage.owner, other));
    assert_eq!(one.expect("a round"), two.expect("the same round"));
    assert_eq!(stage.world.written(&stage.host).await.len(), 1);
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_is_stored() {
    let stage = Stage::new().await;
    let request = pb::OpenRoundRequest { request_id: "x".into(), id: "y".into(), instrument: 7, scope: None };
    let refused = stage.open(stage.owner, request).await.expect_err("refused");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(wrong_fields(&refused), ["request_id", "id", "instrument", "scope"]);
    let request = pb::OpenRoundRequest {
        scope: Some(open_round_request::Scope::CircleId("z".into())),
        ..stage.team_round()
    };
    let refused = stage.open(stage.owner, request).await.expect_err("refused");
    assert_eq!(wrong_fields(&refused), ["circle_id"]);
    let nonsense = pb::Round { id: "r".into(), ..Default::default() };
    assert_eq!(wrong_fields(&stage.code(stage.owner, &nonsense).await.expect_err("refused")), ["round_id"]);
    let refused = stage
        .rounds
        .list_rounds(
            stage.request(stage.owner, pb::ListRoundsRequest { page_size: -1, ..Default::default() }),
        )
        .await
        .expect_err("refused");
    assert_eq!(wrong_fields(&refused), ["scope", "page_size"]);
    assert!(stage.world.written(&stage.host).await.is_empty());
}

#[tokio::test]
async fn another_tenants_round_is_as_unknown_as_one_that_never_was() {
    let stage = Stage::new().await;
    let round = stage.closed_round(&FIVE_ANSWERS).await;
    let elsewhere = Stage { tenant: stage.world.tenant(&stage.host, false).await, ..stage };
    // The same person id in the other tenant: only the tenant differs.
    let unknown = pb::Round { id: Uuid::from_u128(5).to_string(), ..round.clone() };
    let same = |foreign: Status, unknown: Status| {
        assert_eq!(reason(&foreign), not_found());
        assert_eq!((foreign.message(), foreign.details()), (unknown.message(), unknown.details()));
    };
    same(
        elsewhere.result(elsewhere.owner, &round).await.expect_err("refused"),
        elsewhere.result(elsewhere.owner, &unknown).await.expect_err("refused"),
    );
    same(
        elsewhere.close(elsewhere.owner, &round).await.expect_err("refused"),
        elsewhere.close(elsewhere.owner, &unknown).await.expect_err("refused"),
    );
    same(
        elsewhere.code(elsewhere.owner, &round).await.expect_err("refused"),
        elsewhere.code(elsewhere.owner, &unknown).await.expect_err("refused"),
    );
    let nowhere = open_round_request::Scope::TeamId(Uuid::from_u128(5).to_string());
    let unknown_team = pb::OpenRoundRequest { scope: Some(nowhere), ..elsewhere.team_round() };
    same(
        elsewhere.open(elsewhere.owner, elsewhere.team_round()).await.expect_err("refused"),
        elsewhere.open(elsewhere.owner, unknown_team).await.expect_err("refused"),
    );
}

#[tokio::test]
async fn rounds_are_listed_newest_first_page_by_page_to_those_they_are_about() {
    let stage = Stage::new().await;
    let mut opened = Vec::new();
    for _ in 0..3 {
        stage.world.clock.advance(chrono::Duration::minutes(1));
        opened.push(stage.opened().await.0.id);
    }
    stage.open(stage.circle_member, stage.circle_round()).await.expect("a round of the Circle");
    let list = |by, page_token: String| {
        let scope = Some(list_rounds_request::Scope::TeamId(stage.team.to_string()));
        stage.rounds.list_rounds(stage.request(by, pb::ListRoundsRequest { scope, page_size: 2, page_token }))
    };
    let first = list(stage.member, String::new()).await.expect("a page").into_inner();
    let second = list(stage.member, first.next_page_token.clone()).await.expect("a page").into_inner();
    let listed: Vec<String> = first.rounds.into_iter().chain(second.rounds).map(|round| round.id).collect();
    opened.reverse();
    assert_eq!(listed, opened);
    assert!(second.next_page_token.is_empty());
    let refused = list(stage.circle_member, String::new()).await.expect_err("not the Team");
    assert_eq!(reason(&refused), not_found());

    let scope = Some(list_rounds_request::Scope::CircleId(stage.circle.to_string()));
    let request = pb::ListRoundsRequest { scope, page_size: 2, page_token: first.next_page_token };
    let refused =
        stage.rounds.list_rounds(stage.request(stage.circle_member, request)).await.expect_err("other list");
    assert_eq!(wrong_fields(&refused), ["page_token"]);
}

#[tokio::test]
async fn a_threshold_holds_from_its_day_for_rounds_closed_since() {
    let stage = Stage::new().await;
    let before = stage.closed_round(&FIVE_ANSWERS).await;
    let mut admin = stage.world.admin(&stage.host).await;
    sqlx::query(
        "insert into suppression_threshold (audience, valid_from, fewest_respondents, source)
         values ('inside_circle', '2026-11-22', 6, 'test')",
    )
    .execute(&mut admin)
    .await
    .expect("a threshold");
    stage.world.clock.advance(chrono::Duration::days(1));
    let after = stage.closed_round(&FIVE_ANSWERS).await;
    assert!(!stage.result(stage.owner, &before).await.expect("a result").suppressed);
    assert!(stage.result(stage.owner, &after).await.expect("a result").suppressed);
}

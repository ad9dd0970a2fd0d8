//! Getting to know one another: interest, trial, conclusion, and the silence of a "no".

use kith_platform::testing::{reason, request_of, wrong_fields};
use kith_proto::matching::v1::opportunities_service_server::OpportunitiesService as _;
use kith_proto::matching::v1::{self as pb, GiverStatus, IntroductionState as State};
use prost::Message as _;
use tonic::Code;

use crate::stage::{Stage, of_team, trial};

/// What an answer says apart from whom it is about.
fn shape(introduction: &pb::Introduction) -> (State, Option<pb::Trial>, String) {
    (introduction.state(), introduction.trial.clone(), introduction.etag.clone())
}

#[tokio::test]
async fn from_interest_over_a_trial_to_welcome() {
    let stage = Stage::new(true).await;
    let giver = stage.giver(GiverStatus::PeerSupporter, "N16").await;
    let opportunity = stage.opportunity("E5", 10, false).await;

    let own = stage.interest(giver, &opportunity.id, None).await.expect("the giver's interest");
    assert_eq!(own.state(), State::Interested);
    assert_eq!(stage.interest(giver, &opportunity.id, None).await.expect("said before"), own);
    let hidden = stage.introduction(stage.owner, &own.id).await.expect_err("not the Owner's yet");
    assert_eq!(reason(&hidden), (Code::NotFound, "NOT_FOUND".into()));
    assert!(stage.introductions(stage.owner, 0, "").await.introductions.is_empty());
    assert_eq!(stage.written().await, ["giver.registered"], "one side's interest is told to nobody");

    let mutual =
        stage.interest(stage.owner, &opportunity.id, Some(giver)).await.expect("the Owner's interest");
    assert_eq!((mutual.id.as_str(), mutual.state()), (own.id.as_str(), State::Mutual));
    let proposed = stage.agree(giver, &own.id, trial(3)).await.expect("a proposal");
    assert_eq!((proposed.state(), proposed.trial), (State::Mutual, None));
    let countered = stage.agree(stage.owner, &own.id, trial(2)).await.expect("a counter-proposal");
    assert_eq!(countered.state(), State::Mutual);
    let agreed = stage.agree(giver, &own.id, trial(2)).await.expect("the same");
    assert_eq!((agreed.state(), agreed.trial), (State::TrialAgreed, Some(trial(2))));
    stage.agree(stage.owner, &own.id, trial(2)).await.expect("said before");

    let first = stage.conclude(giver, &own.id, true).await.expect("yes");
    assert_eq!(first.state(), State::TrialAgreed, "the other side has not answered");
    let welcome = stage.conclude(stage.owner, &own.id, true).await.expect("yes");
    assert_eq!(welcome.state(), State::Welcome);
    assert_eq!(stage.conclude(stage.owner, &own.id, true).await.expect("said before"), welcome);
    assert_eq!(stage.introduction(giver, &own.id).await.expect("seen").state(), State::Welcome);

    let told = ["introduction.made", "introduction.trial_agreed", "introduction.welcomed"];
    assert_eq!(stage.written().await[1..], told);
    let last = stage.world.written(&stage.host).await.pop().expect("an event");
    let event = pb::IntroductionWelcomed::decode(last.payload.as_slice()).expect("a welcome");
    let state = event.state.expect("a snapshot");
    assert_eq!(state.giver_status(), GiverStatus::PeerSupporter);
    assert_eq!(
        (state.state(), state.team_id, state.trial),
        (State::Welcome, stage.team.to_string(), Some(trial(2)))
    );
}

/// Proves MATCH-40, through the service: to the Owner, a giver who said no and one who has not answered look the same in
/// every answer, and the same is told to others; the other way round likewise.
#[tokio::test]
async fn a_no_looks_like_no_answer_in_every_answer() {
    let stage = Stage::new(true).await;
    let declining = stage.giver(GiverStatus::Volunteer, "E5").await;
    let silent = stage.giver(GiverStatus::Volunteer, "E5").await;
    let (with_declining, with_silent) = (stage.on_trial(declining).await, stage.on_trial(silent).await);
    let told = stage.written().await;

    let ended = stage.conclude(declining, &with_declining, false).await.expect("a no");
    assert_eq!(ended.state(), State::Ended, "one's own no is seen by oneself");
    assert_eq!(stage.written().await, told, "a no is told to nobody");

    let one = stage.introduction(stage.owner, &with_declining).await.expect("seen");
    let other = stage.introduction(stage.owner, &with_silent).await.expect("seen");
    assert_eq!(shape(&one), shape(&other));
    let listed = stage.introductions(stage.owner, 0, "").await.introductions;
    assert_eq!(shape(&listed[0]), shape(&listed[1]));
    for id in [&with_declining, &with_silent] {
        let again = stage.agree(stage.owner, id, trial(2)).await.expect("said before");
        assert_eq!(shape(&again), shape(&one));
        let refused = stage.agree(stage.owner, id, trial(1)).await.expect_err("settled");
        assert_eq!(reason(&refused).1, "TRIAL_SETTLED");
    }
    for giver in [declining, silent] {
        stage.consents(giver, "profile.giving", of_team(stage.team)).await;
    }
    let one = stage.get_giver(stage.owner, declining).await.expect("still seen");
    let other = stage.get_giver(stage.owner, silent).await.expect("still seen");
    assert_eq!((one.etag, one.readiness), (other.etag, other.readiness));

    // Only who has answered sees the end, and only then is it told, without a word about whose no it was.
    let end = stage.conclude(stage.owner, &with_declining, true).await.expect("the Owner's yes");
    assert_eq!(end.state(), State::Ended);
    assert_eq!(stage.written().await[told.len()..], ["introduction.ended"]);

    // The Owner's no to the other: the giver sees the trial until they have answered.
    stage.conclude(stage.owner, &with_silent, false).await.expect("the Owner's no");
    assert_eq!(stage.introduction(silent, &with_silent).await.expect("seen").state(), State::TrialAgreed);
    stage.conclude(silent, &with_silent, false).await.expect("the giver's no");
    assert_eq!(stage.introduction(silent, &with_silent).await.expect("seen").state(), State::Ended);
    let written = stage.world.written(&stage.host).await;
    let [.., first, second] = written.as_slice() else { panic!("two ends") };
    let snapshot = |payload: &[u8]| {
        let event = pb::IntroductionEnded::decode(payload).expect("an end");
        event.state.expect("a snapshot")
    };
    let (first, second) = (snapshot(&first.payload), snapshot(&second.payload));
    let blank = |state: pb::IntroductionSnapshot| pb::IntroductionSnapshot {
        introduction_id: String::new(),
        giver_person_id: String::new(),
        ..state
    };
    assert_eq!(blank(first), blank(second), "the giver's no and the Owner's no are told alike");
}

/// What a call caused is part of its answer: after a no it must not say that the other side had answered before.
#[tokio::test]
async fn the_answer_to_a_no_does_not_tell_whether_the_other_side_has_answered() {
    let stage = Stage::new(true).await;
    let mut answers = Vec::new();
    for others in [None, Some(true), Some(false)] {
        let giver = stage.giver(GiverStatus::Volunteer, "E5").await;
        let id = stage.on_trial(giver).await;
        if let Some(yes) = others {
            stage.conclude(giver, &id, yes).await.expect("the giver's answer");
        }
        let request = pb::ConcludeTrialRequest {
            request_id: stage.id(),
            introduction_id: id,
            yes: false,
            occurred_at: None,
        };
        let answer = stage.opportunities.conclude_trial(request_of(stage.tenant, stage.owner, request)).await;
        let answer = answer.expect("a no");
        let caused = answer.metadata().get("kith-caused").cloned();
        answers.push((caused, shape(&answer.into_inner().introduction.expect("an introduction"))));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

#[tokio::test]
async fn a_no_before_any_trial_rests_in_silence() {
    let stage = Stage::new(true).await;
    let giver = stage.giver(GiverStatus::Volunteer, "E5").await;
    let id = stage.mutual(giver).await;
    let told = stage.written().await;
    stage.agree(giver, &id, trial(2)).await.expect("a proposal");
    stage.conclude(giver, &id, false).await.expect("a no");
    let unmet = stage.agree(stage.owner, &id, trial(2)).await.expect("a proposal that nobody meets");
    assert_eq!(unmet.state(), State::Mutual);
    stage.conclude(stage.owner, &id, false).await.expect("a no");
    assert_eq!(stage.introduction(stage.owner, &id).await.expect("seen").state(), State::Ended);
    assert_eq!(stage.written().await, told);
}

#[tokio::test]
async fn a_side_that_has_not_shown_interest_knows_of_nothing() {
    let stage = Stage::new(true).await;
    let giver = stage.giver(GiverStatus::Volunteer, "E5").await;
    for (first, other) in [(stage.owner, giver), (giver, stage.owner)] {
        let opportunity = stage.opportunity("E5", 10, false).await;
        let named = (first == stage.owner).then_some(giver);
        let id = stage.interest(first, &opportunity.id, named).await.expect("interest").id;
        let answers = [
            stage.introduction(other, &id).await,
            stage.agree(other, &id, trial(1)).await,
            stage.conclude(other, &id, true).await,
            stage.conclude(other, &id, false).await,
        ];
        let unknown = stage.introduction(other, &stage.id()).await.expect_err("unknown");
        for answer in answers {
            let hidden = answer.expect_err("hidden");
            assert_eq!((hidden.message(), hidden.details()), (unknown.message(), unknown.details()));
        }
        assert!(stage.introductions(other, 0, "").await.introductions.iter().all(|one| one.id != id));
    }
}

#[tokio::test]
async fn each_refusal_has_its_reason() {
    let stage = Stage::new(true).await;
    let giver = stage.giver(GiverStatus::Volunteer, "E5").await;
    let other = stage.giver(GiverStatus::Volunteer, "E5").await;
    let refused = |result: Result<pb::Introduction, tonic::Status>| reason(&result.expect_err("a refusal"));
    let precondition = |reason: &str| (Code::FailedPrecondition, reason.to_owned());

    let paid = stage.opportunity("E5", 10, true).await;
    let result = stage.interest(stage.owner, &paid.id, Some(giver)).await;
    assert_eq!(refused(result), precondition("PAID_GIVERS_ONLY"));
    assert_eq!(
        refused(stage.interest(giver, &paid.id, None).await).0,
        Code::NotFound,
        "not shown to the unpaid"
    );

    let opportunity = stage.opportunity("E5", 10, false).await;
    let result = stage.interest(stage.owner, &opportunity.id, None).await.expect_err("whom?");
    assert_eq!(wrong_fields(&result), ["giver_person_id"]);
    let result = stage.interest(giver, &opportunity.id, Some(other)).await;
    assert_eq!(refused(result), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    let result = stage.interest(stage.owner, &opportunity.id, Some(stage.checker)).await;
    assert_eq!(refused(result).0, Code::NotFound, "not a giver");
    assert_eq!(refused(stage.interest(stage.checker, &opportunity.id, None).await).0, Code::NotFound);

    let own = stage.interest(giver, &opportunity.id, None).await.expect("interest");
    assert_eq!(refused(stage.agree(giver, &own.id, trial(1)).await), precondition("NOT_MUTUAL"));
    assert_eq!(refused(stage.conclude(giver, &own.id, false).await), precondition("NOT_MUTUAL"));
    for stranger in [stage.owner, other] {
        assert_eq!(refused(stage.agree(stranger, &own.id, trial(1)).await).0, Code::NotFound);
        assert_eq!(refused(stage.conclude(stranger, &own.id, false).await).0, Code::NotFound);
    }
    stage.close(stage.owner, &opportunity.id).await.expect("closed");
    let result = stage.interest(stage.owner, &opportunity.id, Some(giver)).await;
    assert_eq!(refused(result), precondition("OPPORTUNITY_CLOSED"));
    stage.interest(giver, &opportunity.id, None).await.expect("said before it was closed");

    let id = stage.mutual(giver).await;
    assert_eq!(refused(stage.conclude(giver, &id, true).await), precondition("TRIAL_NOT_AGREED"));
    stage.conclude(giver, &id, false).await.expect("a no");
    assert_eq!(refused(stage.agree(giver, &id, trial(1)).await), precondition("INTRODUCTION_ENDED"));

    let id = stage.on_trial(other).await;
    stage.conclude(other, &id, true).await.expect("yes");
    stage.conclude(stage.owner, &id, true).await.expect("yes");
    assert_eq!(refused(stage.conclude(other, &id, false).await), precondition("ALREADY_WELCOME"));

    stage.register(stage.owner, GiverStatus::Volunteer, "E5").await.expect("the Owner gives support too");
    let opportunity = stage.opportunity("E5", 10, false).await;
    assert_eq!(refused(stage.interest(stage.owner, &opportunity.id, None).await), precondition("OWN_TEAM"));
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let stage = Stage::new(true).await;
    let wrong = pb::Trial { sessions: 4, valid_from: "2026-03-01".into(), valid_until: "2026-03-01".into() };
    let refused = stage.agree(stage.owner, "x", wrong).await.expect_err("wrong");
    assert_eq!(wrong_fields(&refused), ["introduction_id", "trial.sessions", "trial.valid_until"]);
    let long = pb::Trial { sessions: 0, valid_from: "2026-03-01".into(), valid_until: "2026-06-02".into() };
    let refused = stage.agree(stage.owner, &stage.id(), long).await.expect_err("wrong");
    assert_eq!(wrong_fields(&refused), ["trial.sessions", "trial.valid_until"]);
    let refused = stage.interest(stage.owner, "", None).await.expect_err("wrong");
    assert_eq!(wrong_fields(&refused), ["opportunity_id"]);
    let refused = stage.conclude(stage.owner, "", true).await.expect_err("wrong");
    assert_eq!(wrong_fields(&refused), ["introduction_id"]);
}

#[tokio::test]
async fn both_sides_at_the_same_moment_meet_in_one_introduction() {
    let stage = Stage::new(true).await;
    let giver = stage.giver(GiverStatus::Volunteer, "E5").await;
    for _ in 0..8 {
        let opportunity = stage.opportunity("E5", 10, false).await;
        let (by_giver, by_owner) = tokio::join!(
            stage.interest(giver, &opportunity.id, None),
            stage.interest(stage.owner, &opportunity.id, Some(giver)),
        );
        let (by_giver, by_owner) = (by_giver.expect("the giver's"), by_owner.expect("the Owner's"));
        assert_eq!(by_giver.id, by_owner.id);
        assert_eq!(stage.introduction(giver, &by_giver.id).await.expect("seen").state(), State::Mutual);
    }
    let made = stage.written().await.into_iter().filter(|event| event == "introduction.made").count();
    assert_eq!(made, 8);
}

#[tokio::test]
async fn introductions_are_listed_newest_first_by_pages_to_their_sides_only() {
    let stage = Stage::new(true).await;
    let giver = stage.giver(GiverStatus::Volunteer, "E5").await;
    let mut expected = Vec::new();
    for _ in 0..3 {
        expected.insert(0, stage.mutual(giver).await);
        stage.advance(chrono::Duration::minutes(1)).await;
    }
    for side in [giver, stage.owner] {
        let first = stage.introductions(side, 2, "").await;
        let second = stage.introductions(side, 2, &first.next_page_token).await;
        let listed: Vec<String> =
            first.introductions.into_iter().chain(second.introductions).map(|one| one.id).collect();
        assert_eq!(listed, expected);
        assert!(second.next_page_token.is_empty());
    }
    assert!(stage.introductions(stage.checker, 0, "").await.introductions.is_empty());

    let foreign = Stage { tenant: stage.world.tenant(&stage.host, true).await, ..stage };
    foreign.tell_owner(foreign.team, foreign.owner, 1).await;
    let elsewhere = foreign.introduction(foreign.owner, &expected[0]).await.expect_err("foreign");
    let nowhere = foreign.introduction(foreign.owner, &foreign.id()).await.expect_err("unknown");
    assert_eq!((elsewhere.message(), elsewhere.details()), (nowhere.message(), nowhere.details()));
    assert!(foreign.introductions(giver, 0, "").await.introductions.is_empty());
}

//! Leaving a tenant: the way in is closed, what others keep stays, the account goes on elsewhere.

use kith_identity::{Desk, LeavingFace};
use kith_platform::context::Actor;
use kith_platform::testing::reason;
use kith_proto::common::v1::OrganisationRole::{Administrator, Checks};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::leaving_service_server::LeavingService as _;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use tonic::{Code, Status};

use crate::stage::{PASSWORD, Place, Stage, by};

async fn clapton() -> (Stage, LeavingFace, Place) {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let face = LeavingFace::new(Desk::new(stage.host.clone()));
    (stage, face, place)
}

async fn leave(stage: &Stage, face: &LeavingFace, actor: Actor) -> Result<(), Status> {
    let request = pb::LeaveTenantRequest { request_id: stage.id() };
    face.leave_tenant(by(actor, request)).await.map(|_| ())
}

/// Proves ID-37.
#[tokio::test]
async fn somebody_leaves_without_a_reason_and_nothing_of_others_is_lost() {
    let (stage, face, place) = clapton().await;
    let leaver = stage.joined(&place, "giver@example.org", &[Checks]).await;
    let tokens = stage.tokens("giver@example.org", "").await;
    leave(&stage, &face, leaver).await.expect("left");
    leave(&stage, &face, leaver).await.expect("doing it again changes nothing");

    let written = stage.written().await;
    assert_eq!(&written[written.len() - 2..], ["identity.person.left.v1", "identity.role.set.v1"]);
    let refused = stage.refresh(&tokens.refresh_token).await.expect_err("their session has ended");
    assert_eq!(reason(&refused), (Code::Unauthenticated, "REFRESH_REFUSED".into()));
    let answer = stage.attempt("giver@example.org", PASSWORD).await.expect("the account is theirs");
    assert_eq!((answer.tokens, answer.tenants.len()), (None, 0));

    // A token that still lives opens nothing any more.
    let request = pb::GetPeopleRequest { ids: vec![leaver.id().to_string()] };
    stage.people.get_people(by(leaver, request.clone())).await.expect_err("not one of them any more");
    // Those who stay still know who it was.
    let people = stage.people.get_people(by(place.administrator, request)).await.expect("read").into_inner();
    let person = &people.people[0];
    assert_eq!((person.display_name.as_str(), person.joined, person.left), ("Giver One", true, true));
    assert!(person.roles.is_empty());

    // The same account may come back, as somebody new.
    let (again, code) = stage.invite(place.administrator, stage.invitation(&[])).await;
    stage.accept(&code, "giver@example.org").await.expect("joined anew");
    assert_ne!(again.id, leaver.id().to_string());
}

#[tokio::test]
async fn an_administrator_closes_a_place_on_request_and_the_last_one_stays() {
    let (stage, face, place) = clapton().await;
    let refused = leave(&stage, &face, place.administrator).await.expect_err("the last administrator");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "LAST_ADMINISTRATOR".into()));
    let second = stage.joined(&place, "second@example.org", &[Administrator]).await;
    let close = |actor, person_id: String, asked_on: &str| {
        let asked_on = asked_on.into();
        let request = pb::ClosePlaceRequest { request_id: stage.id(), person_id, asked_on };
        face.close_place(by(actor, request))
    };
    let future = close(second, second.id().to_string(), "2026-11-22").await.expect_err("not asked yet");
    assert_eq!(reason(&future), (Code::InvalidArgument, "IN_THE_FUTURE".into()));

    // Somebody who never took up their invitation cannot do so afterwards, even if they are invited again.
    let invitation = stage.invitation(&[]);
    let (waiting, code) = stage.invite(place.administrator, invitation.clone()).await;
    let closed = close(second, waiting.id.clone(), "2026-11-20").await.expect("closed").into_inner();
    assert!(closed.person.expect("a person").left);
    let refused = stage.accept(&code, "late@example.org").await.expect_err("closed");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "INVITATION_NOT_VALID".into()));

    let member = stage.joined(&place, "giver@example.org", &[]).await;
    let denied = close(member, second.id().to_string(), "2026-11-20").await.expect_err("not known to them");
    assert_eq!(reason(&denied), (Code::NotFound, "NOT_FOUND".into()));
    let denied = close(member, member.id().to_string(), "2026-11-20").await.expect_err("one leaves instead");
    assert_eq!(reason(&denied), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    leave(&stage, &face, place.administrator).await.expect("another one is there");
    let refused = leave(&stage, &face, second).await.expect_err("the last administrator");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "LAST_ADMINISTRATOR".into()));
}

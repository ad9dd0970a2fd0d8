//! Who acts for whom: recorded by one, confirmed by another, ended without a reason.

use kith_identity::RepresentativesFace;
use kith_platform::context::Actor;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::common::v1::OrganisationRole::Checks;
use kith_proto::common::v1::{
    RepresentationBasis as Basis, RepresentationScope as Scope, RepresentationState as State,
};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::integrator_service_server::IntegratorService as _;
use kith_proto::identity::v1::representatives_service_server::RepresentativesService as _;
use prost::Message as _;
use tonic::{Code, Status};

use crate::stage::{Place, Stage, by};

struct Cast {
    stage: Stage,
    face: RepresentativesFace,
    place: Place,
    owner: Actor,
    sister: Actor,
    checks: Actor,
}

impl Cast {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let place = stage.place(stage.operator().await, "clapton").await;
        let owner = stage.joined(&place, "owner@example.org", &[]).await;
        let sister = stage.joined(&place, "sister@example.org", &[]).await;
        let checks = stage.joined(&place, "checks@example.org", &[Checks]).await;
        let face = RepresentativesFace::new(stage.host.clone());
        Self { stage, face, place, owner, sister, checks }
    }

    fn request(&self, basis: Basis, scopes: &[Scope]) -> pb::RecordRepresentativeRequest {
        pb::RecordRepresentativeRequest {
            request_id: self.stage.id(),
            id: self.stage.id(),
            person_id: self.owner.id().to_string(),
            representative_person_id: self.sister.id().to_string(),
            basis: basis.into(),
            scopes: scopes.iter().map(|scope| (*scope).into()).collect(),
            valid_from: String::new(),
            valid_until: "2027-11-21".into(),
        }
    }

    async fn record(
        &self,
        actor: Actor,
        request: pb::RecordRepresentativeRequest,
    ) -> Result<pb::Representative, Status> {
        let answer = self.face.record_representative(by(actor, request)).await?;
        Ok(answer.into_inner().representative.expect("a representative"))
    }

    async fn confirm(&self, actor: Actor, id: &str) -> Result<pb::Representative, Status> {
        let request = pb::ConfirmRepresentativeRequest {
            request_id: self.stage.id(),
            representative_id: id.into(),
            etag: String::new(),
        };
        let answer = self.face.confirm_representative(by(actor, request)).await?;
        Ok(answer.into_inner().representative.expect("a representative"))
    }

    async fn end(&self, actor: Actor, id: &str) -> Result<pb::Representative, Status> {
        let request = pb::EndRepresentativeRequest {
            request_id: self.stage.id(),
            representative_id: id.into(),
            etag: String::new(),
        };
        let answer = self.face.end_representative(by(actor, request)).await?;
        Ok(answer.into_inner().representative.expect("a representative"))
    }

    async fn list(&self, actor: Actor) -> Result<Vec<pb::Representative>, Status> {
        let person_id = self.owner.id().to_string();
        let request = pb::ListRepresentativesRequest { person_id, ..Default::default() };
        Ok(self.face.list_representatives(by(actor, request)).await?.into_inner().representatives)
    }
}

fn denied() -> (Code, String) {
    (Code::PermissionDenied, "PERMISSION_DENIED".into())
}

fn not_found() -> (Code, String) {
    (Code::NotFound, "NOT_FOUND".into())
}

#[tokio::test]
async fn a_person_nominates_the_checks_role_confirms_and_nobody_confirms_themselves() {
    let cast = Cast::new().await;
    let request = cast.request(Basis::Nomination, &[Scope::HealthAndWelfare, Scope::Property]);
    for actor in [cast.sister, cast.checks] {
        let refused = cast.record(actor, request.clone()).await.expect_err("theirs alone to choose");
        assert_eq!(reason(&refused), denied());
    }
    let power = cast.request(Basis::AttorneyProperty, &[Scope::Property]);
    let refused = cast.record(cast.owner, power).await.expect_err("a power is seen by who checks");
    assert_eq!(reason(&refused), denied());
    let one = cast.record(cast.owner, request.clone()).await.expect("recorded");
    assert_eq!(one.state(), State::Recorded);
    assert_eq!(one.valid_from, "2026-11-21", "from today where nothing is said");
    let again = pb::RecordRepresentativeRequest { request_id: cast.stage.id(), ..request.clone() };
    assert_eq!(cast.record(cast.owner, again).await.expect("the same"), one);
    let other = pb::RecordRepresentativeRequest {
        request_id: cast.stage.id(),
        scopes: vec![Scope::Property.into()],
        ..request
    };
    let refused = cast.record(cast.owner, other).await.expect_err("other content");
    assert_eq!(reason(&refused), (Code::AlreadyExists, "ID_EXISTS".into()));

    for (actor, why) in
        [(cast.owner, denied()), (cast.sister, denied()), (cast.place.administrator, not_found())]
    {
        assert_eq!(reason(&cast.confirm(actor, &one.id).await.expect_err("not theirs")), why);
    }
    let confirmed = cast.confirm(cast.checks, &one.id).await.expect("confirmed");
    assert_eq!(confirmed.state(), State::Confirmed);
    assert_eq!(confirmed.confirmed_by_person_id, cast.checks.id().to_string());
    for actor in [cast.owner, cast.sister, cast.checks] {
        assert_eq!(cast.list(actor).await.expect("read"), std::slice::from_ref(&confirmed));
    }
    let refused = cast.list(cast.place.administrator).await.expect_err("not theirs to know");
    assert_eq!(reason(&refused), not_found());

    let ended = cast.end(cast.owner, &one.id).await.expect("ended by their own choice");
    assert_eq!((ended.state(), ended.valid_until.as_str()), (State::Ended, "2026-11-21"));
    let told: Vec<String> = cast.stage.written().await;
    let told: Vec<&str> =
        told.iter().filter_map(|kind| kind.strip_prefix("identity.representative.")).collect();
    assert_eq!(told, ["recorded.v1", "confirmed.v1", "ended.v1"]);
    let events = cast.stage.world.written(&cast.stage.host).await;
    let last = pb::RepresentativeEnded::decode(events.last().expect("an event").payload.as_slice());
    assert_eq!(last.expect("the event").state.expect("its state").valid_until, "2026-11-21");
}

#[tokio::test]
async fn a_representative_with_the_checks_role_does_not_confirm_their_own_power() {
    let cast = Cast::new().await;
    let own = pb::RecordRepresentativeRequest {
        representative_person_id: cast.checks.id().to_string(),
        ..cast.request(Basis::AttorneyProperty, &[Scope::Property])
    };
    let one = cast.record(cast.checks, own).await.expect("recorded");
    let refused = cast.confirm(cast.checks, &one.id).await.expect_err("their own");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "OWN_REPRESENTATION".into()));
    let refused = cast.end(cast.owner, &one.id).await.expect_err("not their choice to end");
    assert_eq!(reason(&refused), denied());

    let too_far = cast.request(Basis::AttorneyHealthAndWelfare, &[Scope::Property]);
    let refused = cast.record(cast.checks, too_far).await.expect_err("the power is about something else");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "OUTSIDE_BASIS".into()));
    let unknown = pb::RecordRepresentativeRequest {
        representative_person_id: cast.stage.id(),
        ..cast.request(Basis::Nomination, &[Scope::Property])
    };
    assert_eq!(reason(&cast.record(cast.owner, unknown).await.expect_err("nobody")), not_found());
    let nonsense = pb::RecordRepresentativeRequest {
        scopes: Vec::new(),
        basis: 99,
        valid_from: "2026-11-21".into(),
        valid_until: "2026-11-21".into(),
        ..cast.request(Basis::Nomination, &[])
    };
    let refused = cast.record(cast.owner, nonsense).await.expect_err("nonsense");
    assert_eq!(wrong_fields(&refused), ["basis", "scopes", "valid_until"]);
}

/// It takes two: neither who recorded a power confirms it, nor another system that they added.
#[tokio::test]
async fn a_power_is_confirmed_by_somebody_else_than_who_recorded_it() {
    let cast = Cast::new().await;
    let request = cast.request(Basis::AttorneyProperty, &[Scope::Property]);
    let one = cast.record(cast.checks, request).await.expect("recorded");
    let refused = cast.confirm(cast.checks, &one.id).await.expect_err("recorded by them");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "OWN_REPRESENTATION".into()));

    let add = pb::AddIntegratorRequest {
        request_id: cast.stage.id(),
        display_name: "A second pair of eyes".into(),
        role: Checks.into(),
    };
    let added = cast.stage.integrators.add_integrator(by(cast.place.administrator, add)).await;
    let added = added.expect("added").into_inner();
    let sign_in = pb::SignInIntegratorRequest {
        client_id: added.integrator.expect("an integrator").id,
        client_secret: added.client_secret,
    };
    let token = cast.stage.integrators.sign_in_integrator(tonic::Request::new(sign_in)).await;
    let token = token.expect("signed in").into_inner().access_token;
    let robot = cast.stage.host.verifier().verify(&token).expect("a token that verifies");
    let refused = cast.confirm(robot, &one.id).await.expect_err("nobody is behind it");
    assert_eq!(reason(&refused), denied());
    let second = cast.stage.joined(&cast.place, "second@example.org", &[Checks]).await;
    cast.confirm(second, &one.id).await.expect("confirmed");
}

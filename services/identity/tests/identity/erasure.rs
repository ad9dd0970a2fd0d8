//! What an erasure takes with it: the account, also of who has left; roles, consents and what they may read; and what it
//! does not do.

use kith_identity::{Desk, LeavingFace, RightsFace};
use kith_platform::context::Actor;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::testing::reason;
use kith_proto::common::v1::ErasureReport;
use kith_proto::common::v1::OrganisationRole::{Administrator, Checks};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::leaving_service_server::LeavingService as _;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use kith_proto::identity::v1::rights_service_server::RightsService as _;
use kith_proto::teams;
use tonic::{Code, Status};

use crate::stage::{PASSWORD, Place, Stage, by};

const EMAIL: &str = "somebody@particular.example";

struct Rights {
    stage: Stage,
    face: RightsFace,
    leaving: LeavingFace,
    operator: Actor,
    place: Place,
}

impl Rights {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let operator = stage.operator().await;
        let place = stage.place(operator, "clapton").await;
        let desk = Desk::new(stage.host.clone());
        Self { face: RightsFace::new(desk.clone()), leaving: LeavingFace::new(desk), stage, operator, place }
    }

    async fn ask(&self, who: Actor, person_id: String) -> Result<String, Status> {
        let request = pb::AskErasureRequest { request_id: self.stage.id(), person_id };
        let answer = self.face.ask_erasure(by(who, request)).await?.into_inner();
        Ok(answer.erasure.expect("an erasure").id)
    }

    async fn order(&self, who: Actor, erasure_id: &str) -> Result<(), Status> {
        let request =
            pb::OrderErasureRequest { request_id: self.stage.id(), erasure_id: erasure_id.to_owned() };
        self.face.order_erasure(by(who, request)).await.map(|_| ())
    }

    async fn leave(&self, who: Actor) -> Result<(), Status> {
        let request = pb::LeaveTenantRequest { request_id: self.stage.id() };
        self.leaving.leave_tenant(by(who, request)).await.map(|_| ())
    }

    /// What sign-in keeps of that address.
    async fn accounts(&self) -> i64 {
        let mut admin = self.stage.world.admin(&self.stage.host).await;
        let query = "select count(*) from signin.account where email_lower = $1";
        sqlx::query_scalar(query).bind(EMAIL).fetch_one(&mut admin).await.expect("a count")
    }
}

fn ids(actor: Actor) -> (TenantId, PersonId) {
    let Actor::Person { tenant, person, .. } = actor else { panic!("a person") };
    (tenant, person)
}

#[tokio::test]
async fn an_account_goes_although_its_person_left_before_the_order() {
    let rights = Rights::new().await;
    let person = rights.stage.joined(&rights.place, EMAIL, &[]).await;
    let erasure = rights.ask(person, String::new()).await.expect("asked");
    rights.leave(person).await.expect("left");
    assert_eq!(rights.accounts().await, 1, "leaving alone takes no account");
    rights.order(rights.place.administrator, &erasure).await.expect("ordered");
    assert_eq!(rights.accounts().await, 0);
    rights.order(rights.place.administrator, &erasure).await.expect("again it changes nothing");
}

#[tokio::test]
async fn an_account_of_two_places_goes_with_the_last_of_them() {
    let rights = Rights::new().await;
    let other = rights.stage.place(rights.operator, "hackney").await;
    // Left there first, then erased here.
    let here = rights.stage.joined(&rights.place, EMAIL, &[]).await;
    let there = rights.stage.joined(&other, EMAIL, &[]).await;
    rights.leave(there).await.expect("left");
    let erasure = rights.ask(here, String::new()).await.expect("asked");
    rights.order(rights.place.administrator, &erasure).await.expect("ordered");
    assert_eq!(rights.accounts().await, 0);

    // Erased here first, while there is another place; then left there.
    let here = rights.stage.joined(&rights.place, EMAIL, &[]).await;
    let there = rights.stage.joined(&other, EMAIL, &[]).await;
    let erasure = rights.ask(here, String::new()).await.expect("asked");
    rights.order(rights.place.administrator, &erasure).await.expect("ordered");
    assert_eq!(rights.accounts().await, 1, "it leads to the other place");
    rights.stage.tokens(EMAIL, "").await;
    rights.leave(there).await.expect("left");
    assert_eq!(rights.accounts().await, 0);
}

#[tokio::test]
async fn for_somebody_who_has_left_one_administrator_records_and_another_orders() {
    let rights = Rights::new().await;
    let (first, member) = (rights.place.administrator, rights.stage.joined(&rights.place, EMAIL, &[]).await);
    let second = rights.stage.joined(&rights.place, "second@example.org", &[Administrator]).await;
    let person_id = ids(member).1.to_string();
    let refused = rights.ask(first, person_id.clone()).await.expect_err("they can ask themselves");
    assert_eq!(refused.code(), Code::PermissionDenied);
    rights.leave(member).await.expect("left");
    let refused = rights.ask(member, String::new()).await.expect_err("they are nobody here any more");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let erasure = rights.ask(first, person_id.clone()).await.expect("recorded");
    assert_eq!(rights.ask(first, person_id).await.expect("the same"), erasure);
    let refused = rights.order(first, &erasure).await.expect_err("two have to look");
    assert_eq!(refused.code(), Code::PermissionDenied);
    rights.order(second, &erasure).await.expect("ordered");
    assert_eq!(rights.accounts().await, 0);
}

#[tokio::test]
async fn roles_go_with_the_order_and_somebody_stays_administrator() {
    let rights = Rights::new().await;
    let first = rights.place.administrator;
    let second = rights.stage.joined(&rights.place, EMAIL, &[Administrator, Checks]).await;
    let erasure = rights.ask(second, String::new()).await.expect("asked");
    rights.order(first, &erasure).await.expect("ordered");
    let mut admin = rights.stage.world.admin(&rights.stage.host).await;
    let roles: i64 = sqlx::query_scalar("select count(*) from person_role where person_id = $1")
        .bind(ids(second).1.0)
        .fetch_one(&mut admin)
        .await
        .expect("a count");
    assert_eq!(roles, 0);
    let written = rights.stage.written().await;
    assert!(written.contains(&"identity.person.left.v1".to_owned()), "{written:?}");
    let refused = rights.leave(first).await.expect_err("the last administrator");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "LAST_ADMINISTRATOR".into()));
}

#[tokio::test]
async fn a_hold_comes_too_late_for_an_order_and_a_report_counts_for_its_sender() {
    let rights = Rights::new().await;
    let (administrator, person) =
        (rights.place.administrator, rights.stage.joined(&rights.place, EMAIL, &[]).await);
    let (tenant, id) = ids(person);
    let erasure = rights.ask(person, String::new()).await.expect("asked");
    rights.order(administrator, &erasure).await.expect("ordered");
    let hold = pb::SetLegalHoldRequest {
        request_id: rights.stage.id(),
        person_id: id.to_string(),
        basis: pb::HoldBasis::Inquiry.into(),
    };
    let refused = rights.face.set_legal_hold(by(administrator, hold)).await.expect_err("too late");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "ERASURE_UNDER_WAY".into()));

    // Teams says that it were finance.
    let state = ErasureReport {
        erasure_id: erasure.clone(),
        person_id: id.to_string(),
        service: "finance".into(),
        ..Default::default()
    };
    let event = teams::v1::ErasureCarriedOut { state: Some(state) };
    let aggregate: Uuid = erasure.parse().expect("an id");
    rights.stage.world.deliver(&rights.stage.host, tenant, aggregate, 1, &event).await;
    let request = pb::GetErasureRequest { erasure_id: erasure };
    let answer = rights.face.get_erasure(by(administrator, request)).await.expect("read").into_inner();
    let said: Vec<String> =
        answer.erasure.expect("an erasure").reports.into_iter().map(|report| report.service).collect();
    assert_eq!(said, ["teams"]);
}

#[tokio::test]
async fn inviting_again_opens_no_door_for_who_is_being_erased() {
    let rights = Rights::new().await;
    let administrator = rights.place.administrator;
    let invitation = rights.stage.invitation(&[]);
    let (person, code) = rights.stage.invite(administrator, invitation.clone()).await;
    rights.stage.accept(&code, EMAIL).await.expect("joined");
    let signed_in = rights.stage.actor(&rights.stage.tokens(EMAIL, "").await);
    let erasure = rights.ask(signed_in, String::new()).await.expect("asked");
    rights.order(administrator, &erasure).await.expect("ordered");
    // The saved answer, and one that is thought of anew.
    let anew = pb::InvitePersonRequest { request_id: rights.stage.id(), id: person.id, ..invitation.clone() };
    for request in [invitation, anew] {
        let answer = rights.stage.people.invite_person(by(administrator, request)).await;
        assert_eq!(answer.map(|answer| answer.into_inner().invitation).unwrap_or_default(), "");
    }
    let refused = rights.stage.accept(&code, "again@particular.example").await.expect_err("closed");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "INVITATION_NOT_VALID".into()));
    rights.stage.attempt(EMAIL, PASSWORD).await.expect_err("the account is gone");
}

#[tokio::test]
async fn an_access_request_ends_with_its_handlers_role() {
    let rights = Rights::new().await;
    let (first, person) = (rights.place.administrator, rights.stage.joined(&rights.place, EMAIL, &[]).await);
    let second = rights.stage.joined(&rights.place, "second@example.org", &[Administrator]).await;
    let open = async |who: Actor| {
        let request = pb::OpenAccessRequestRequest {
            request_id: rights.stage.id(),
            person_id: ids(person).1.to_string(),
        };
        rights.face.open_access_request(by(who, request)).await.expect("opened");
    };
    let mut admin = rights.stage.world.admin(&rights.stage.host).await;
    let mut still_open = async || -> i64 {
        sqlx::query_scalar("select count(*) from platform.access_request where valid_until > $1")
            .bind(rights.stage.world.clock.now())
            .fetch_one(&mut admin)
            .await
            .expect("a count")
    };
    open(first).await;
    open(second).await;
    assert_eq!(still_open().await, 2);
    let request = pb::SetRolesRequest {
        request_id: rights.stage.id(),
        person_id: ids(first).1.to_string(),
        ..Default::default()
    };
    rights.stage.people.set_roles(by(second, request)).await.expect("set");
    assert_eq!(still_open().await, 1, "the other one goes on");
    let told = rights.stage.written().await;
    let ended = told.iter().filter(|event| *event == "identity.access_request.ended.v1").count();
    assert_eq!(ended, 1, "{told:?}");
}

/// A look shows one moment: an erasure that is over is not shown as under way beside what was said to end it. The look is held
/// up where it comes to what was said, while both change.
#[tokio::test]
async fn how_far_it_is_and_what_was_said_are_of_one_moment() {
    let rights = Rights::new().await;
    let person = rights.stage.joined(&rights.place, EMAIL, &[]).await;
    let erasure = rights.ask(person, String::new()).await.expect("asked");
    rights.order(rights.place.administrator, &erasure).await.expect("ordered");
    let (stage, administrator) = (&rights.stage, rights.place.administrator);
    let mut changing = stage.world.admin(&stage.host).await;
    let hold_up = "begin; lock table erasure_report in access exclusive mode";
    sqlx::raw_sql(hold_up).execute(&mut changing).await.expect("held up");
    let look = async {
        let request = pb::GetErasureRequest { erasure_id: erasure.clone() };
        let answer = rights.face.get_erasure(by(administrator, request)).await.expect("read").into_inner();
        answer.erasure.expect("an erasure")
    };
    let change = async {
        let mut watching = stage.world.admin(&stage.host).await;
        let waits = "select exists (select from pg_locks l join pg_class c on c.oid = l.relation
            where c.relname = 'erasure_report' and not l.granted)";
        while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut watching).await.expect("an answer") {
            tokio::task::yield_now().await;
        }
        let ended =
            "insert into erasure_report select tenant_id, id, 'teams', 0, 0, 0, ordered_at from erasure;
            update erasure set phase = 'completed', ended_at = ordered_at; commit";
        sqlx::raw_sql(ended).execute(&mut changing).await.expect("changed");
    };
    let (seen, ()) = tokio::join!(look, change);
    assert_eq!((seen.phase(), seen.reports.len()), (pb::ErasurePhase::Completed, 1));
}

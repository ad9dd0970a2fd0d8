//! The host code, tenants, and what one tenant may know of another.

use kith_identity::SERVICE;
use kith_platform::context::Actor;
use kith_platform::id::Uuid;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::common::v1::OrganisationRole;
use kith_proto::common::v1::TenantState;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use kith_proto::identity::v1::tenant_service_server::TenantService as _;
use prost::Message as _;
use sqlx::ConnectOptions as _;
use tonic::{Code, Request};

use crate::stage::{PASSWORD, Stage, by};

#[tokio::test]
async fn the_host_code_makes_one_operator_and_only_one() {
    let stage = Stage::new().await;
    let first = stage.bootstrap();
    let call = |request| stage.tenants.bootstrap_host(Request::new(request));
    let wrong = pb::BootstrapHostRequest { host_code: "0".repeat(64), ..first.clone() };
    let refused = call(wrong.clone()).await.expect_err("a wrong code");
    assert_eq!(reason(&refused), (Code::PermissionDenied, "HOST_CODE_NOT_VALID".into()));
    let account = call(first.clone()).await.expect("an operator").into_inner().account_id;
    assert_eq!(call(first.clone()).await.expect("the same").into_inner().account_id, account);
    for other in [
        wrong,
        pb::BootstrapHostRequest { email: "other@example.org".into(), ..first.clone() },
        pb::BootstrapHostRequest { password: "another password".into(), ..first.clone() },
    ] {
        let refused = call(other).await.expect_err("the code is spent");
        assert_eq!(reason(&refused), (Code::PermissionDenied, "HOST_CODE_NOT_VALID".into()));
    }
    let nonsense = pb::BootstrapHostRequest {
        request_id: String::new(),
        host_code: String::new(),
        email: "nobody".into(),
        password: "short".into(),
    };
    let refused = call(nonsense).await.expect_err("nonsense");
    assert_eq!(wrong_fields(&refused), ["request_id", "host_code", "email", "password"]);
}

#[tokio::test]
async fn two_who_spend_the_host_code_at_once_make_one_operator() {
    let stage = Stage::new().await;
    let other = pb::BootstrapHostRequest { email: "other@example.org".into(), ..stage.bootstrap() };
    let (one, two) = tokio::join!(
        stage.tenants.bootstrap_host(Request::new(stage.bootstrap())),
        stage.tenants.bootstrap_host(Request::new(other)),
    );
    assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|made| **made).count(), 1);
}

#[tokio::test]
async fn a_tenant_is_created_with_its_first_administrator_and_goes_live() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    let place = stage.place(operator, "clapton").await;
    assert_eq!(place.tenant.state(), TenantState::Preparing);
    assert_eq!(place.tenant.time_zone, "Europe/London");
    assert_eq!(
        stage.written().await,
        [
            "identity.tenant.created.v1",
            "identity.person.invited.v1",
            "identity.role.set.v1",
            "identity.person.joined.v1"
        ]
    );

    let seen = stage.tenants.get_tenant(by(place.administrator, pb::GetTenantRequest {})).await;
    assert_eq!(seen.expect("seen").into_inner().tenant.as_ref(), Some(&place.tenant));

    let request = pb::GoLiveRequest { request_id: stage.id() };
    for _ in 0..2 {
        let live = stage.tenants.go_live(by(place.administrator, request.clone())).await.expect("live");
        assert!(live.metadata().contains_key("kith-caused"));
        assert_eq!(live.into_inner().tenant.expect("a tenant").state(), TenantState::Live);
    }
    let again = pb::GoLiveRequest { request_id: stage.id() };
    stage.tenants.go_live(by(place.administrator, again)).await.expect("it is live already");
    let written = stage.written().await;
    assert_eq!(written.iter().filter(|kind| *kind == "identity.tenant.went_live.v1").count(), 1);
    let listed = stage.tenants.list_tenants(by(operator, pb::ListTenantsRequest::default())).await;
    assert_eq!(listed.expect("a list").into_inner().tenants[0].state(), TenantState::Live);
}

#[tokio::test]
async fn creating_is_repeated_for_ever_and_other_content_is_refused() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    let request = stage.create("clapton");
    let call = |request| stage.tenants.create_tenant(by(operator, request));
    let first = call(request.clone()).await.expect("created");
    assert!(first.metadata().contains_key("kith-caused"));
    let first = first.into_inner();
    let id = first.tenant.as_ref().expect("a tenant").id.clone();
    assert_eq!(id, request.request_id, "the request id is the id where none is given");
    assert_eq!(call(request.clone()).await.expect("the same").into_inner(), first);
    let with_id = pb::CreateTenantRequest { request_id: stage.id(), id, ..request.clone() };
    assert_eq!(call(with_id.clone()).await.expect("the same").into_inner(), first);

    let refused = |request| async { reason(&call(request).await.expect_err("refused")) };
    let renamed = pb::CreateTenantRequest { display_name: "Another".into(), ..request.clone() };
    assert_eq!(refused(renamed).await, (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
    let moved = pb::CreateTenantRequest { time_zone: "Europe/Paris".into(), ..with_id };
    assert_eq!(refused(moved).await, (Code::AlreadyExists, "ID_EXISTS".into()));
    let reused = pb::CreateTenantRequest { id: stage.id(), slug: "other".into(), ..request.clone() };
    assert_eq!(refused(reused).await, (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
    let taken = pb::CreateTenantRequest { request_id: stage.id(), ..request.clone() };
    assert_eq!(refused(taken).await, (Code::AlreadyExists, "SLUG_TAKEN".into()));

    stage.accept(&first.administrator_invitation, "first@clapton.example").await.expect("joined");
    let used = call(request).await.expect("the same").into_inner();
    assert!(used.administrator_invitation.is_empty(), "a used code is not shown again");
}

#[tokio::test]
async fn every_wrong_field_of_a_tenant_is_named() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    let request = pb::CreateTenantRequest {
        request_id: "x".into(),
        id: "y".into(),
        slug: "No Slug".into(),
        display_name: " ".into(),
        time_zone: "Europe/Atlantis".into(),
        ..Default::default()
    };
    let refused = stage.tenants.create_tenant(by(operator, request)).await.expect_err("refused");
    assert_eq!(wrong_fields(&refused), ["request_id", "id", "slug", "display_name", "time_zone"]);
}

#[tokio::test]
async fn only_operators_of_the_database_manage_tenants() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    let place = stage.place(operator, "clapton").await;
    let invented = Actor::Operator { account: Uuid::from_u128(5), session: Uuid::nil() };
    for actor in [invented, place.administrator, Actor::Nobody] {
        let refused = stage.tenants.create_tenant(by(actor, stage.create("other"))).await.expect_err("no");
        assert_eq!(refused.code(), Code::PermissionDenied);
        let list = pb::ListTenantsRequest::default();
        let refused = stage.tenants.list_tenants(by(actor, list)).await.expect_err("no");
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
    let refused =
        stage.tenants.get_tenant(by(operator, pb::GetTenantRequest {})).await.expect_err("no tenant");
    assert_eq!(refused.code(), Code::Unauthenticated, "the host reads no tenant");
}

#[tokio::test]
async fn tenants_are_listed_in_pages_by_their_short_names() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    for slug in ["walthamstow", "clapton", "hackney"] {
        stage.tenants.create_tenant(by(operator, stage.create(slug))).await.expect("created");
    }
    let mut slugs = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListTenantsRequest { page_size: 2, page_token };
        let page = stage.tenants.list_tenants(by(operator, request)).await.expect("a page").into_inner();
        slugs.extend(page.tenants.into_iter().map(|tenant| tenant.slug));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(slugs, ["clapton", "hackney", "walthamstow"]);
}

#[tokio::test]
async fn one_tenant_knows_nothing_of_another() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    let (here, there) = (stage.place(operator, "here").await, stage.place(operator, "there").await);
    let foreign = there.administrator.id().to_string();

    let ask =
        |ids: Vec<String>| stage.people.get_people(by(here.administrator, pb::GetPeopleRequest { ids }));
    let answer = ask(vec![foreign.clone(), Uuid::from_u128(5).to_string()]).await.expect("an answer");
    assert!(answer.into_inner().people.is_empty(), "a foreign id is like one that never was");

    let set = |person_id: String| {
        let request = pb::SetRolesRequest { request_id: stage.id(), person_id, ..Default::default() };
        stage.people.set_roles(by(here.administrator, request))
    };
    let foreign = set(foreign).await.expect_err("foreign");
    let unknown = set(Uuid::from_u128(5).to_string()).await.expect_err("unknown");
    assert_eq!((foreign.code(), foreign.message()), (Code::NotFound, unknown.message()));
    assert_eq!(foreign.details(), unknown.details());

    let listed = stage.people.list_people(by(here.administrator, pb::ListPeopleRequest::default())).await;
    let people = listed.expect("a list").into_inner().people;
    assert_eq!(people.len(), 1);
    assert_eq!(people[0].id, here.administrator.id().to_string());
}

#[tokio::test]
async fn neither_role_of_the_database_reaches_what_is_the_others() {
    let stage = Stage::new().await;
    let config = stage.host.config();
    let connect = async |role: &str| {
        config.database_as("identity", role).expect("a role").connect().await.expect("connected")
    };
    let mut app = connect("app").await;
    for table in ["account", "tenant_registry", "sign_in_place", "invitation", "signing_key", "refresh_token"]
    {
        let sql = sqlx::AssertSqlSafe(format!("select count(*) from signin.{table}"));
        assert!(sqlx::query(sql).execute(&mut app).await.is_err(), "the app role reads {table}");
    }
    let mut relay = connect("relay").await;
    assert!(sqlx::query("select count(*) from signin.account").execute(&mut relay).await.is_err());
    let mut signin = connect("signin").await;
    for table in ["person", "person_role", "tenant", "platform.tenant", "platform.outbox", "platform.audit"] {
        let sql = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        assert!(sqlx::query(sql).execute(&mut signin).await.is_err(), "the sign-in role reads {table}");
    }
}

#[tokio::test]
async fn no_name_address_or_code_leaves_or_stays_where_it_should_not() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    let place = stage.place(operator, "clapton").await;
    let request = stage.invitation(&[OrganisationRole::Checks]);
    let (_, code) = stage.invite(place.administrator, request).await;
    for event in stage.world.written(&stage.host).await {
        let text = String::from_utf8_lossy(&event.payload).into_owned();
        for personal in ["Giver One", "Administrator", "example", "A Co-op", "clapton"] {
            assert!(!text.contains(personal), "{} tells {personal}", event.event_type);
        }
    }
    let mut admin = stage.world.admin(&stage.host).await;
    let answers: Vec<Vec<u8>> = sqlx::query_scalar("select answer from platform.saved_answer")
        .fetch_all(&mut admin)
        .await
        .expect("saved answers");
    assert_eq!(answers.len(), 1);
    let saved = pb::InvitePersonResponse::decode(answers[0].as_slice()).expect("an answer");
    assert!(saved.invitation.is_empty() && !code.is_empty());
    let hashes: Vec<String> = sqlx::query_scalar("select password_hash from signin.account")
        .fetch_all(&mut admin)
        .await
        .expect("accounts");
    assert_eq!(hashes.len(), 2);
    for hash in hashes {
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(!hash.contains(PASSWORD));
    }
}

/// The reviewed table: who may do what. A change here is a change of the rules that protect people.
#[test]
fn the_policy_is_the_reviewed_one() {
    use kith_platform::authz::{Action as _, Policy};
    let policy = Policy::new(SERVICE.policy.0, SERVICE.policy.1).expect("a policy");
    let actions: Vec<&str> = kith_identity::Action::ALL.iter().map(|action| action.name()).collect();
    let table = policy.table(&actions, kith_identity::Action::STANDING);
    assert_eq!(table, include_str!("../policy_table.txt"));
}

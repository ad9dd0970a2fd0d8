//! Integrators: other systems with one role in one tenant.

use kith_identity::{BreakGlassFace, LeavingFace};
use kith_platform::context::Actor;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::common::v1::OrganisationRole::{self, Administrator, Checks};
use kith_proto::common::v1::{Grantee, GranteeKind};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::break_glass_review_service_server::BreakGlassReviewService as _;
use kith_proto::identity::v1::consent_service_server::ConsentService as _;
use kith_proto::identity::v1::credential_service_server::CredentialService as _;
use kith_proto::identity::v1::integrator_service_server::IntegratorService as _;
use kith_proto::identity::v1::leaving_service_server::LeavingService as _;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use kith_proto::identity::v1::session_service_server::SessionService as _;
use kith_proto::identity::v1::tenant_service_server::TenantService as _;
use tonic::{Code, Request, Status};

use crate::stage::{PASSWORD, Stage, by};

async fn sign_in(stage: &Stage, id: &str, secret: &str) -> Result<pb::SignInIntegratorResponse, Status> {
    let request = pb::SignInIntegratorRequest { client_id: id.into(), client_secret: secret.into() };
    Ok(stage.integrators.sign_in_integrator(Request::new(request)).await?.into_inner())
}

fn adding(stage: &Stage, role: OrganisationRole) -> pb::AddIntegratorRequest {
    pb::AddIntegratorRequest { request_id: stage.id(), display_name: "Payroll".into(), role: role.into() }
}

async fn actor(stage: &Stage, id: &str, secret: &str) -> Actor {
    let token = sign_in(stage, id, secret).await.expect("signed in").access_token;
    stage.host.verifier().verify(&token).expect("a token that verifies")
}

/// Proves ID-55.
#[tokio::test]
async fn an_integrator_has_one_role_until_it_is_revoked() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    let place = stage.place(operator, "clapton").await;
    let request = adding(&stage, Administrator);
    let add = async || {
        let answer = stage.integrators.add_integrator(by(place.administrator, request.clone())).await;
        answer.expect("added").into_inner()
    };
    let added = add().await;
    assert_eq!(add().await, added, "the same call again tells the same secret");
    let integrator = added.integrator.clone().expect("an integrator");
    let token = sign_in(&stage, &integrator.id, &added.client_secret).await.expect("signed in");
    assert_eq!(token.tenant_id, place.tenant.id);
    let robot = actor(&stage, &integrator.id, &added.client_secret).await;
    assert_eq!(robot.id().to_string(), integrator.id, "in the audit it is itself");

    stage.tenants.get_tenant(by(robot, pb::GetTenantRequest {})).await.expect("its tenant");
    let people =
        stage.people.list_people(by(robot, pb::ListPeopleRequest::default())).await.expect("its role");
    assert!(people.into_inner().people.iter().all(|person| person.id != integrator.id), "it is no person");
    // It owns nothing.
    let status =
        stage.sessions.list_sessions(by(robot, pb::ListSessionsRequest {})).await.expect_err("no person");
    assert_eq!(reason(&status), (Code::PermissionDenied, "PERMISSION_DENIED".into()));

    // And is nothing elsewhere.
    let elsewhere = stage.place(operator, "hackney").await;
    let revoke = |id: &str| pb::RevokeIntegratorRequest { request_id: stage.id(), integrator_id: id.into() };
    let hit = stage.integrators.revoke_integrator(by(elsewhere.administrator, revoke(&integrator.id))).await;
    let miss = stage.integrators.revoke_integrator(by(elsewhere.administrator, revoke(&stage.id()))).await;
    let (hit, miss) = (hit.expect_err("another tenant's"), miss.expect_err("nobody's"));
    assert_eq!((hit.code(), hit.message(), hit.details()), (miss.code(), miss.message(), miss.details()));
    assert_eq!(hit.code(), Code::NotFound);

    let request = revoke(&integrator.id);
    for _ in 0..2 {
        let answer = stage.integrators.revoke_integrator(by(place.administrator, request.clone())).await;
        let revoked = answer.expect("revoked").into_inner().integrator.expect("an integrator");
        assert!(revoked.revoke_time.is_some());
    }
    let status = sign_in(&stage, &integrator.id, &added.client_secret).await.expect_err("revoked");
    assert_eq!(reason(&status), (Code::Unauthenticated, "SIGN_IN_REFUSED".into()));
    let status = stage.tenants.get_tenant(by(robot, pb::GetTenantRequest {})).await.expect_err("at once");
    assert_eq!(reason(&status), (Code::NotFound, "NOT_FOUND".into()));
    let written = stage.written().await;
    let told = written.iter().filter(|event| *event == "identity.role.set.v1").count();
    assert_eq!(told, 4, "two administrators, its role, and its end: {written:?}");
    let page = pb::ListIntegratorsRequest::default();
    let listed = stage.integrators.list_integrators(by(place.administrator, page)).await.expect("the list");
    assert_eq!(listed.into_inner().integrators.len(), 1, "revoked ones stay listed");
}

#[tokio::test]
async fn only_an_administrator_makes_one_and_no_wrong_secret_opens() {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let checker = stage.joined(&place, "checks@clapton.example", &[Checks]).await;
    let status = stage.integrators.add_integrator(by(checker, adding(&stage, Checks))).await.expect_err("no");
    assert_eq!(reason(&status), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    let nonsense = pb::AddIntegratorRequest { request_id: stage.id(), ..Default::default() };
    let status =
        stage.integrators.add_integrator(by(place.administrator, nonsense)).await.expect_err("nonsense");
    assert_eq!(wrong_fields(&status), ["display_name", "role"]);

    let added = stage.integrators.add_integrator(by(place.administrator, adding(&stage, Checks))).await;
    let added = added.expect("added").into_inner();
    let id = added.integrator.expect("an integrator").id;
    let mut answers = Vec::new();
    for (client, secret) in [
        (id.as_str(), "kith-nonsense"),
        (stage.id().as_str(), added.client_secret.as_str()),
        ("nonsense", added.client_secret.as_str()),
    ] {
        let status = sign_in(&stage, client, secret).await.expect_err("wrong");
        assert_eq!(reason(&status), (Code::Unauthenticated, "SIGN_IN_REFUSED".into()));
        answers.push((status.message().to_owned(), status.details().to_vec()));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    let robot = actor(&stage, &id, &added.client_secret).await;
    let status = stage
        .people
        .list_people(by(robot, pb::ListPeopleRequest::default()))
        .await
        .expect_err("not its role");
    assert_eq!(status.code(), Code::PermissionDenied);
    for _ in 0..10 {
        sign_in(&stage, &id, "kith-nonsense").await.expect_err("wrong");
    }
    let status = sign_in(&stage, &id, &added.client_secret).await.expect_err("guessed too often");
    assert_eq!(reason(&status), (Code::ResourceExhausted, "TOO_MANY_ATTEMPTS".into()));
}

/// It has the role that it was made with and no other, has nothing that is a person's, and no door for people opens to it,
/// were it made with the most that there is.
#[tokio::test]
async fn an_integrator_gets_no_second_role_and_is_nobody_at_the_doors_for_people() {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let added =
        stage.integrators.add_integrator(by(place.administrator, adding(&stage, Administrator))).await;
    let added = added.expect("added").into_inner();
    let (id, secret) = (added.integrator.expect("an integrator").id, added.client_secret);
    let robot = actor(&stage, &id, &secret).await;

    let before = stage.written().await.len();
    for who in [place.administrator, robot] {
        for roles in [vec![Checks.into()], vec![Administrator.into(), Checks.into()], vec![]] {
            let request = pb::SetRolesRequest {
                request_id: stage.id(),
                person_id: id.clone(),
                roles,
                ..Default::default()
            };
            let status = stage.people.set_roles(by(who, request)).await.expect_err("it is no person");
            assert_eq!(reason(&status), (Code::NotFound, "NOT_FOUND".into()));
        }
    }
    assert_eq!(stage.written().await.len(), before, "nothing is told");
    let page = pb::ListIntegratorsRequest::default();
    let listed = stage.integrators.list_integrators(by(place.administrator, page)).await.expect("the list");
    let roles: Vec<_> = listed.into_inner().integrators.iter().map(pb::Integrator::role).collect();
    assert_eq!(roles, [Administrator]);

    let token = sign_in(&stage, &id, &secret).await.expect("signed in").access_token;
    for email in [format!("{id}@clapton.example"), "first@clapton.example".into()] {
        let status = stage.attempt(&email, &secret).await.expect_err("no account");
        assert_eq!(reason(&status), (Code::Unauthenticated, "SIGN_IN_REFUSED".into()));
        let request = pb::SignInWithRecoveryCodeRequest { email, code: secret.clone(), ..Default::default() };
        let answer = stage.credentials.sign_in_with_recovery_code(Request::new(request)).await;
        assert_eq!(answer.expect_err("no account").code(), Code::Unauthenticated);
    }
    for nothing in [&token, &secret] {
        stage.refresh(nothing).await.expect_err("there is nothing to refresh");
    }

    let denied = |what: &str, status: Option<Status>| {
        let status = status.unwrap_or_else(|| panic!("{what} is answered"));
        assert_eq!(reason(&status), (Code::PermissionDenied, "PERMISSION_DENIED".into()), "{what}");
    };
    let request = pb::EndSessionRequest { request_id: stage.id(), session_id: stage.id() };
    denied("a session", stage.sessions.end_session(by(robot, request)).await.err());
    let request = pb::EndOtherSessionsRequest { request_id: stage.id(), ..Default::default() };
    denied("sessions", stage.sessions.end_other_sessions(by(robot, request)).await.err());
    let request = pb::GetCredentialsRequest {};
    denied("credentials", stage.credentials.get_credentials(by(robot, request)).await.err());
    let request = pb::ChangePasswordRequest {
        request_id: stage.id(),
        current_password: secret.clone(),
        new_password: PASSWORD.into(),
    };
    denied("a password", stage.credentials.change_password(by(robot, request)).await.err());
    let request = pb::MakeRecoveryCodesRequest { request_id: stage.id() };
    denied("codes", stage.credentials.make_recovery_codes(by(robot, request)).await.err());
    denied("a passkey", stage.begin_passkey(robot).await.err());
    let leaving = LeavingFace::new(stage.desk.clone());
    let request = pb::LeaveTenantRequest { request_id: stage.id() };
    denied("leaving", leaving.leave_tenant(by(robot, request)).await.err());
    let looks = BreakGlassFace::new(stage.desk.clone());
    let contact_person_id = place.administrator.id().to_string();
    let request = pb::ChooseContactRequest { request_id: stage.id(), contact_person_id };
    denied("a contact", looks.choose_contact(by(robot, request)).await.err());
    let request = pb::GiveConsentRequest {
        request_id: stage.id(),
        part: "profile.seeking".into(),
        purpose: "introduction".into(),
        valid_until: "2027-11-21".into(),
        grantee: Some(Grantee { kind: GranteeKind::Hat.into(), id: String::new(), hat: "giver".into() }),
        ..Default::default()
    };
    denied("consent", stage.consents.give_consent(by(robot, request)).await.err());
}

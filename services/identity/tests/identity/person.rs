//! People: invited, joined, named, with their roles.

use chrono::Duration;
use kith_platform::context::Actor;
use kith_platform::id::{PersonId, Uuid};
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::common::v1::OrganisationRole::{self, Administrator, Checks};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use kith_proto::identity::v1::tenant_service_server::TenantService as _;
use tonic::{Code, Status};

use crate::stage::{Place, Stage, by};

async fn clapton() -> (Stage, Place) {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    (stage, place)
}

fn not_valid() -> (Code, String) {
    (Code::FailedPrecondition, "INVITATION_NOT_VALID".into())
}

async fn set_roles(
    stage: &Stage,
    actor: Actor,
    person: Uuid,
    roles: &[OrganisationRole],
) -> Result<pb::Person, Status> {
    let request = pb::SetRolesRequest {
        request_id: stage.id(),
        person_id: person.to_string(),
        roles: roles.iter().map(|role| (*role).into()).collect(),
        ..Default::default()
    };
    Ok(stage.people.set_roles(by(actor, request)).await?.into_inner().person.expect("a person"))
}

#[tokio::test]
async fn somebody_is_invited_and_joins_once() {
    let (stage, place) = clapton().await;
    let (person, code) = stage.invite(place.administrator, stage.invitation(&[Checks])).await;
    assert!(!person.joined);
    assert_eq!(person.roles, [i32::from(Checks)]);
    let accepted = stage.accept(&code, "Giver@Example.org").await.expect("joined");
    assert_eq!((accepted.person_id.as_str(), accepted.tenant.as_str()), (person.id.as_str(), "clapton"));

    let again = stage.accept(&code, "giver@example.org").await.expect("the same account may repeat it");
    assert_eq!(again, accepted);
    for (email, password) in [
        ("somebody@example.org", crate::stage::PASSWORD),
        ("giver@example.org", "wrong horse battery"),
        ("first@clapton.example", crate::stage::PASSWORD),
    ] {
        let status = stage.accept_with(&code, email, password).await.expect_err("used");
        assert_eq!(reason(&status), not_valid());
    }
    let status = stage.accept("kith-nonsense", "giver@example.org").await.expect_err("unknown");
    assert_eq!(reason(&status), not_valid());
    let written = stage.written().await;
    assert_eq!(written.iter().filter(|kind| *kind == "identity.person.joined.v1").count(), 2);
}

#[tokio::test]
async fn of_two_who_take_an_invitation_at_once_one_gets_it() {
    let (stage, place) = clapton().await;
    let (_, code) = stage.invite(place.administrator, stage.invitation(&[])).await;
    let (one, two) =
        tokio::join!(stage.accept(&code, "one@example.org"), stage.accept(&code, "two@example.org"));
    assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|joined| **joined).count(), 1);
    let loser = if one.is_ok() { "two@example.org" } else { "one@example.org" };
    assert_eq!(reason(&stage.accept(&code, loser).await.expect_err("taken")), not_valid());
    assert!(stage.attempt(loser, crate::stage::PASSWORD).await.is_err(), "no account was left behind");
}

#[tokio::test]
async fn an_account_takes_up_a_second_place_with_its_own_password() {
    let (stage, place) = clapton().await;
    let (_, code) = stage.invite(place.administrator, stage.invitation(&[])).await;
    let status = stage.accept(&code, "first@clapton.example").await.expect_err("already somebody here");
    assert_eq!(reason(&status), (Code::FailedPrecondition, "ACCOUNT_HAS_PLACE".into()));
    let status = stage
        .accept_with(&code, "host@example.org", "wrong horse battery")
        .await
        .expect_err("an account that exists is not taken over");
    assert_eq!(reason(&status), (Code::Unauthenticated, "SIGN_IN_REFUSED".into()));
    stage.accept(&code, "host@example.org").await.expect("joined with the right password");
    let tokens = stage.tokens("host@example.org", "").await;
    assert_eq!(tokens.tenant_id, place.tenant.id);
}

#[tokio::test]
async fn an_invitation_runs_out_after_fourteen_days_and_is_renewed_by_inviting_again() {
    let (stage, place) = clapton().await;
    let request = stage.invitation(&[]);
    let (person, code) = stage.invite(place.administrator, request.clone()).await;
    stage.world.clock.advance(Duration::days(14));
    assert_eq!(reason(&stage.accept(&code, "giver@example.org").await.expect_err("late")), not_valid());
    let again = pb::InvitePersonRequest { request_id: stage.id(), id: person.id, ..request };
    let (_, renewed) = stage.invite(place.administrator, again).await;
    stage.accept(&renewed, "giver@example.org").await.expect("in time");
}

#[tokio::test]
async fn inviting_is_repeated_for_ever_and_other_content_is_refused() {
    let (stage, place) = clapton().await;
    let request = stage.invitation(&[Checks]);
    let first = stage.invite(place.administrator, request.clone()).await;
    assert_eq!(first.0.id, request.request_id, "the request id is the id where none is given");
    assert_eq!(stage.invite(place.administrator, request.clone()).await, first);
    let with_id =
        pb::InvitePersonRequest { request_id: stage.id(), id: first.0.id.clone(), ..request.clone() };
    assert_eq!(stage.invite(place.administrator, with_id.clone()).await, first);

    let refused = async |request| {
        let answer = stage.people.invite_person(by(place.administrator, request)).await;
        reason(&answer.expect_err("refused"))
    };
    let other = pb::InvitePersonRequest { display_name: "Another".into(), ..request };
    assert_eq!(refused(other).await, (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
    let other = pb::InvitePersonRequest { request_id: stage.id(), roles: vec![], ..with_id.clone() };
    assert_eq!(refused(other).await, (Code::AlreadyExists, "ID_EXISTS".into()));

    // Whatever became of them since: the content is what they were invited with.
    stage.accept(&first.1, "giver@example.org").await.expect("joined");
    let person: Uuid = first.0.id.parse().expect("an id");
    set_roles(&stage, place.administrator, person, &[]).await.expect("changed");
    let before = stage.written().await.len();
    let later = pb::InvitePersonRequest { request_id: stage.id(), ..with_id };
    let (now, code) = stage.invite(place.administrator, later).await;
    assert!(now.joined && now.roles.is_empty() && code.is_empty());
    assert_eq!(stage.written().await.len(), before, "nothing happened twice");
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_is_stored() {
    let (stage, place) = clapton().await;
    let before = stage.written().await.len();
    let request = pb::InvitePersonRequest {
        request_id: "x".into(),
        id: "y".into(),
        display_name: String::new(),
        roles: vec![1, 0, 99],
        email: "nowhere".into(),
    };
    let status = stage.people.invite_person(by(place.administrator, request)).await.expect_err("refused");
    assert_eq!(wrong_fields(&status), ["request_id", "id", "display_name", "roles[1]", "roles[2]", "email"]);
    let status = stage.accept_with("", "nobody", "short").await.expect_err("refused");
    assert_eq!(wrong_fields(&status), ["invitation", "email", "password"]);
    let request = pb::GetPeopleRequest { ids: vec!["x".into(), stage.id(), String::new()] };
    let status = stage.people.get_people(by(place.administrator, request)).await.expect_err("refused");
    assert_eq!(wrong_fields(&status), ["ids[0]", "ids[2]"]);
    for ids in [vec![], vec![stage.id(); 201]] {
        let request = pb::GetPeopleRequest { ids };
        let status = stage.people.get_people(by(place.administrator, request)).await.expect_err("refused");
        assert_eq!(wrong_fields(&status), ["ids"]);
    }
    let request = pb::SetRolesRequest { etag: "7".into(), roles: vec![0], ..Default::default() };
    let status = stage.people.set_roles(by(place.administrator, request)).await.expect_err("refused");
    assert_eq!(wrong_fields(&status), ["request_id", "person_id", "roles[0]", "etag"]);
    assert_eq!(stage.written().await.len(), before);
}

#[tokio::test]
async fn names_are_answered_in_the_order_asked_and_each_look_is_written_down() {
    let (stage, place) = clapton().await;
    let giver = stage.joined(&place, "giver@example.org", &[Checks]).await;
    let unknown = Uuid::from_u128(5).to_string();
    let (first, own) = (place.administrator.id().to_string(), giver.id().to_string());
    let request = pb::GetPeopleRequest { ids: vec![own.clone(), unknown, first.clone(), own.clone()] };
    let answer = stage.people.get_people(by(giver, request)).await.expect("names").into_inner();
    let seen: Vec<(&str, &str)> =
        answer.people.iter().map(|person| (person.id.as_str(), person.display_name.as_str())).collect();
    assert_eq!(seen, [(own.as_str(), "Giver One"), (first.as_str(), "Administrator")]);

    let mut admin = stage.world.admin(&stage.host).await;
    let noted: Vec<Uuid> = sqlx::query_scalar(
        "select person_id from platform.audit where action = 'GetPeople' and actor_id = $1 and allowed",
    )
    .bind(giver.id())
    .fetch_all(&mut admin)
    .await
    .expect("the audit");
    assert!(noted.contains(&place.administrator.id()), "who is looked up can read it");
}

#[tokio::test]
async fn what_is_the_administrators_is_refused_to_everybody_else() {
    let (stage, place) = clapton().await;
    let giver = stage.joined(&place, "giver@example.org", &[Checks]).await;
    let tenant = place.administrator.tenant().expect("a tenant");
    let nobody = Actor::Person { tenant, person: PersonId(Uuid::from_u128(5)), session: Uuid::nil() };
    for actor in [giver, nobody] {
        let list = stage.people.list_people(by(actor, pb::ListPeopleRequest::default())).await;
        assert_eq!(list.expect_err("refused").code(), Code::PermissionDenied);
        let invite = stage.people.invite_person(by(actor, stage.invitation(&[]))).await;
        assert_eq!(invite.expect_err("refused").code(), Code::PermissionDenied);
    }
    let live = pb::GoLiveRequest { request_id: stage.id() };
    let refused = stage.tenants.go_live(by(giver, live)).await.expect_err("refused");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let refused = set_roles(&stage, giver, giver.id(), &[Administrator]).await.expect_err("refused");
    assert_eq!(refused.code(), Code::PermissionDenied, "nobody makes themselves administrator");
    let bystander = stage.joined(&place, "bystander@example.org", &[]).await;
    for unknown in [Uuid::from_u128(5), giver.id()] {
        let refused = set_roles(&stage, bystander, unknown, &[]).await.expect_err("refused");
        assert_eq!(refused.code(), Code::NotFound, "who is not known to somebody is as if nobody was there");
    }
    let live = pb::GoLiveRequest { request_id: stage.id() };
    let refused = stage.tenants.go_live(by(nobody, live)).await.expect_err("refused");
    assert_eq!(refused.code(), Code::NotFound, "who is nobody here does not see the tenant");
    let names = pb::GetPeopleRequest { ids: vec![giver.id().to_string()] };
    let refused = stage.people.get_people(by(nobody, names)).await.expect_err("refused");
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn the_last_administrator_who_has_joined_cannot_be_removed() {
    let (stage, place) = clapton().await;
    let first = place.administrator;
    let last = (Code::FailedPrecondition, "LAST_ADMINISTRATOR".to_owned());
    let refused = set_roles(&stage, first, first.id(), &[]).await.expect_err("the last one");
    assert_eq!(reason(&refused), last);
    stage.invite(first, stage.invitation(&[Administrator])).await;
    let refused = set_roles(&stage, first, first.id(), &[]).await.expect_err("the other has not joined");
    assert_eq!(reason(&refused), last);
}

#[tokio::test]
async fn two_administrators_cannot_remove_each_other_at_once() {
    let (stage, place) = clapton().await;
    let first = place.administrator;
    let second = stage.joined(&place, "second@example.org", &[Administrator]).await;
    // Both are held back until both are under way, so that they really meet.
    let mut admin = stage.world.admin(&stage.host).await;
    sqlx::raw_sql("begin; select from person for update").execute(&mut admin).await.expect("locked");
    let let_go = async {
        for _ in 0..10_000 {
            // A transaction sees the same activity until it asks for a fresh look.
            sqlx::raw_sql("select pg_stat_clear_snapshot()").execute(&mut admin).await.expect("fresh");
            let waiting: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity
                 where datname = current_database() and wait_event_type = 'Lock'",
            )
            .fetch_one(&mut admin)
            .await
            .expect("a count");
            if waiting == 2 {
                sqlx::raw_sql("commit").execute(&mut admin).await.expect("let go");
                return;
            }
        }
        panic!("the two calls did not meet");
    };
    let (one, two, ()) = tokio::join!(
        set_roles(&stage, first, second.id(), &[]),
        set_roles(&stage, second, first.id(), &[]),
        let_go
    );
    // The other is no administrator any more. The first still knows the second, whom they invited; not the other way round.
    let (refused, expected) = match (one, two) {
        (Ok(_), Err(refused)) => (refused, Code::NotFound),
        (Err(refused), Ok(_)) => (refused, Code::PermissionDenied),
        (one, two) => panic!("exactly one succeeds: {one:?} {two:?}"),
    };
    assert_eq!(refused.code(), expected);
}

#[tokio::test]
async fn roles_are_set_by_etag_and_setting_what_is_so_changes_nothing() {
    let (stage, place) = clapton().await;
    let (person, _) = stage.invite(place.administrator, stage.invitation(&[])).await;
    let request = pb::SetRolesRequest {
        request_id: stage.id(),
        person_id: person.id.clone(),
        roles: vec![Checks.into(), Checks.into()],
        etag: person.etag.clone(),
        ..Default::default()
    };
    let call = |request| stage.people.set_roles(by(place.administrator, request));
    let set = call(request.clone()).await.expect("set").into_inner().person.expect("a person");
    assert_eq!(set.roles, [i32::from(Checks)]);
    assert_ne!(set.etag, person.etag);
    let before = stage.written().await.len();
    let replay = call(request.clone()).await.expect("the saved answer").into_inner();
    assert_eq!(replay.person.as_ref(), Some(&set));
    let same = pb::SetRolesRequest { request_id: stage.id(), etag: String::new(), ..request.clone() };
    assert_eq!(call(same).await.expect("it is so already").into_inner().person, Some(set));
    assert_eq!(stage.written().await.len(), before, "nothing happened twice");
    let stale = pb::SetRolesRequest { request_id: stage.id(), roles: vec![], ..request };
    assert_eq!(reason(&call(stale).await.expect_err("stale")), (Code::Aborted, "STALE_ETAG".into()));
}

#[tokio::test]
async fn people_are_listed_in_pages_oldest_first() {
    let (stage, place) = clapton().await;
    for _ in 0..3 {
        stage.world.clock.advance(Duration::seconds(1));
        stage.invite(place.administrator, stage.invitation(&[])).await;
    }
    let (mut ids, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListPeopleRequest { page_size: 2, page_token };
        let page = stage.people.list_people(by(place.administrator, request)).await.expect("a page");
        let page = page.into_inner();
        ids.extend(page.people.into_iter().map(|person| person.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(ids.len(), 4);
    assert_eq!(ids[0], place.administrator.id().to_string());
    assert!(ids.windows(2).skip(1).all(|pair| pair[0] < pair[1]), "in the order of invitation");
}

/// Each wrong password with a code says that the address has an account; the code is spent before that tells much.
#[tokio::test]
async fn a_code_does_not_stay_good_for_trying_addresses() {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let invitation = stage.invitation(&[]);
    let (_, code) = stage.invite(place.administrator, invitation.clone()).await;
    for _ in 0..5 {
        let refused = stage.accept_with(&code, "first@clapton.example", "wrong horse battery").await;
        assert_eq!(reason(&refused.expect_err("wrong")), (Code::Unauthenticated, "SIGN_IN_REFUSED".into()));
    }
    let refused = stage.accept(&code, "new@example.org").await.expect_err("spent");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "INVITATION_NOT_VALID".into()));
    // Who was invited asks again, and is let in.
    let (_, code) = stage.invite(place.administrator, invitation).await;
    stage.accept(&code, "new@example.org").await.expect("joined");
}

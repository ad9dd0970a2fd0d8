//! The organisation's roles with their dates.

use kith_identity::do_what_is_due;
use kith_platform::context::Actor;
use kith_platform::testing::wrong_fields;
use kith_proto::common::v1::OrganisationRole::{
    self, AdminTeam, Administrator, Checks, Coach, HrSupport, PlatformSupport, PrivacyLead,
    RegisteredManager, SafeguardingLead,
};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use tonic::Status;

use crate::stage::{Place, Stage, by};

/// Those that the playbook names.
const NAMED: [OrganisationRole; 6] =
    [RegisteredManager, Coach, SafeguardingLead, HrSupport, PlatformSupport, AdminTeam];

async fn set(
    stage: &Stage,
    place: &Place,
    person: Actor,
    roles: &[OrganisationRole],
    ends: &[(OrganisationRole, &str)],
) -> Result<pb::Person, Status> {
    let end = |(role, day): &(OrganisationRole, &str)| pb::RoleEnd {
        role: (*role).into(),
        valid_until: (*day).to_owned(),
    };
    let request = pb::SetRolesRequest {
        request_id: stage.id(),
        person_id: person.id().to_string(),
        roles: roles.iter().map(|role| (*role).into()).collect(),
        ends: ends.iter().map(end).collect(),
        etag: String::new(),
    };
    let answer = stage.people.set_roles(by(place.administrator, request)).await?.into_inner();
    Ok(answer.person.expect("a person"))
}

async fn terms(stage: &Stage, reader: Actor, person: Actor) -> Vec<(OrganisationRole, String, String)> {
    let request = pb::ListRoleTermsRequest { person_id: person.id().to_string() };
    let answer = stage.people.list_role_terms(by(reader, request)).await.expect("listed").into_inner();
    let mut terms: Vec<_> = answer
        .terms
        .into_iter()
        .map(|term| (term.role(), term.valid_from.clone(), term.valid_until.clone()))
        .collect();
    terms.sort_by_key(|(role, from, _)| (i32::from(*role), from.clone()));
    terms
}

/// Proves ID-31: the roles of the organisation have their dates, end on their day by themselves, and give nobody a right
/// over another person.
#[tokio::test]
async fn the_roles_of_the_organisation_have_dates_and_no_line_authority() {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let person = stage.joined(&place, "person@clapton.example", &[]).await;
    let other = stage.joined(&place, "other@clapton.example", &[]).await;
    let ends = [(Coach, "2026-12-01"), (HrSupport, "2027-01-01")];
    let after = set(&stage, &place, person, &NAMED, &ends).await.expect("set");
    assert_eq!(after.roles.len(), 6);
    let today = "2026-11-21".to_owned();
    let expected = |role, until: &str| (role, today.clone(), until.to_owned());
    let listed = terms(&stage, other, person).await;
    let wanted = [
        expected(RegisteredManager, ""),
        expected(Coach, "2026-12-01"),
        expected(SafeguardingLead, ""),
        expected(HrSupport, "2027-01-01"),
        expected(PlatformSupport, ""),
        expected(AdminTeam, ""),
    ];
    assert_eq!(listed, wanted, "everybody of the place may know");

    // None of the six may do anything with another person that anybody could not.
    let target = other.id().to_string();
    let request = pb::SetRolesRequest { request_id: stage.id(), person_id: target, ..Default::default() };
    stage
        .people
        .set_roles(by(person, request))
        .await
        .expect_err("no role but the administrator's sets roles");
    stage
        .people
        .list_people(by(person, pb::ListPeopleRequest::default()))
        .await
        .expect_err("nor lists people");
    stage.people.invite_person(by(person, stage.invitation(&[]))).await.expect_err("nor invites");

    // Ends that make no sense.
    for (role, day) in [(Checks, "2027-01-01"), (Coach, "2026-11-21"), (Administrator, "2027-01-01")] {
        let mut roles = NAMED.to_vec();
        roles.push(Administrator);
        let refused = set(&stage, &place, person, &roles, &[(role, day)]).await.expect_err("no such end");
        assert_eq!(wrong_fields(&refused), ["ends"], "{role:?} {day}");
    }

    // One is taken away today, one ends on its day; each is told.
    let left = [Coach, SafeguardingLead, HrSupport, PlatformSupport, AdminTeam];
    set(&stage, &place, person, &left, &[(Coach, "2026-12-01")]).await.expect("set");
    let listed = terms(&stage, other, person).await;
    assert_eq!(listed[0], expected(RegisteredManager, "2026-11-21"));
    assert_eq!(listed[3], expected(HrSupport, ""), "its end was taken back");
    let told = async || {
        let written = stage.written().await;
        written.iter().filter(|event| *event == "identity.role.set.v1").count()
    };
    let before = told().await;
    assert_eq!(do_what_is_due(&stage.desk).await.expect("looked").roles, 0, "not yet");
    stage.world.clock.advance(chrono::Duration::days(10));
    let (one, two) = tokio::join!(do_what_is_due(&stage.desk), do_what_is_due(&stage.desk));
    assert_eq!(one.expect("looked").roles + two.expect("looked").roles, 1, "two replicas end it once");
    assert_eq!(told().await, before + 1);
    let request = pb::GetPeopleRequest { ids: vec![person.id().to_string()] };
    let seen = stage.people.get_people(by(place.administrator, request)).await.expect("seen").into_inner();
    assert!(!seen.people[0].roles().any(|role| role == Coach) && seen.people[0].roles.len() == 4);

    // Given again it is another term, and leaving ends them all.
    set(&stage, &place, person, &[Coach, PrivacyLead], &[]).await.expect("set");
    let coach: Vec<_> =
        terms(&stage, other, person).await.into_iter().filter(|term| term.0 == Coach).collect();
    assert_eq!(coach.len(), 2);
    assert_eq!(coach[1], (Coach, "2026-12-01".to_owned(), String::new()));
    set(&stage, &place, person, &[], &[]).await.expect("set");
    assert!(terms(&stage, other, person).await.iter().all(|(_, _, until)| !until.is_empty()));
}

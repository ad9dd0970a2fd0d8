//! Whose name one may see: of people one shares a Team or a Circle with, acts for, is represented by, or invited.

use kith_identity::RepresentativesFace;
use kith_platform::context::Actor;
use kith_platform::id::Uuid;
use kith_proto::common::v1::OrganisationRole::{Administrator, Checks, Coach, PrivacyLead};
use kith_proto::common::v1::{RepresentationBasis, RepresentationScope};
use kith_proto::governance::v1 as governance;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use kith_proto::identity::v1::representatives_service_server::RepresentativesService as _;
use kith_proto::teams::v1 as teams;
use kith_proto::teams::v1::MembershipState::{Invited, Left, Member};
use prost::Message as _;
use sqlx::Row as _;

use crate::stage::{Place, Stage, by};

struct Cast {
    stage: Stage,
    place: Place,
    owner: Actor,
    giver: Actor,
    stranger: Actor,
    team: Uuid,
    circle: Uuid,
}

impl Cast {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let place = stage.place(stage.operator().await, "clapton").await;
        Self {
            owner: stage.joined(&place, "owner@example.org", &[]).await,
            giver: stage.joined(&place, "giver@example.org", &[]).await,
            stranger: stage.joined(&place, "stranger@example.org", &[]).await,
            team: stage.id().parse().expect("an id"),
            circle: stage.id().parse().expect("an id"),
            stage,
            place,
        }
    }

    /// Teams tells a Team of the Owner's with these members.
    async fn tell_team(&self, no: i64, members: &[(Actor, teams::MembershipState, &str, &str)]) {
        let member =
            |(person, state, from, until): &(Actor, teams::MembershipState, &str, &str)| teams::Membership {
                id: self.stage.id(),
                person_id: person.id().to_string(),
                kind: teams::MemberKind::Volunteer.into(),
                state: (*state).into(),
                valid_from: (*from).into(),
                valid_until: (*until).into(),
            };
        let state = teams::TeamSnapshot {
            team_id: self.team.to_string(),
            owner_person_id: self.owner.id().to_string(),
            circle_id: self.circle.to_string(),
            members: members.iter().map(member).collect(),
            ..Default::default()
        };
        let event = teams::TeamMemberJoined { state: Some(state) };
        let tenant = self.place.administrator.tenant().expect("a tenant");
        self.stage.world.deliver(&self.stage.host, tenant, self.team, no, &event).await;
    }

    /// Governance tells the Circle; its id is the Team's, which must not mix them.
    async fn tell_circle(&self, no: i64, seats: &[(Actor, governance::SeatState)]) {
        let seat = |(person, state): &(Actor, governance::SeatState)| governance::CircleMember {
            person_id: person.id().to_string(),
            state: (*state).into(),
            valid_from: "2026-03-01".into(),
            // What has ended has ended today.
            valid_until: if *state == governance::SeatState::Ended {
                "2026-11-21".into()
            } else {
                String::new()
            },
        };
        let state = governance::CircleSnapshot {
            circle_id: self.team.to_string(),
            members: seats.iter().map(seat).collect(),
            hats: Vec::new(),
        };
        let event = governance::CircleMembersChanged { state: Some(state) };
        let tenant = self.place.administrator.tenant().expect("a tenant");
        self.stage.world.deliver(&self.stage.host, tenant, self.team, no, &event).await;
    }

    async fn people(&self, who: Actor, ids: Vec<String>) -> pb::GetPeopleResponse {
        let request = pb::GetPeopleRequest { ids };
        self.stage.people.get_people(by(who, request)).await.expect("an answer").into_inner()
    }

    /// Whether one knows the other; where not, the answer has to be the one for an id that nobody has, in every byte.
    async fn knows(&self, who: Actor, other: Actor) -> bool {
        let seen = self.people(who, vec![other.id().to_string()]).await;
        if seen.people.is_empty() {
            let unknown = self.people(who, vec![self.stage.id()]).await;
            assert_eq!(seen.encode_to_vec(), unknown.encode_to_vec());
        }
        !seen.people.is_empty()
    }

    /// Who of them knows whom, both ways.
    async fn each_other(&self, one: Actor, other: Actor) -> (bool, bool) {
        (self.knows(one, other).await, self.knows(other, one).await)
    }
}

const BOTH: (bool, bool) = (true, true);
const NEITHER: (bool, bool) = (false, false);

#[tokio::test]
async fn to_be_in_the_same_place_is_not_enough_to_be_named() {
    let cast = Cast::new().await;
    assert!(cast.knows(cast.owner, cast.owner).await, "one's own name");
    let nobody = cast.people(cast.owner, vec![cast.stage.id()]).await;
    assert!(nobody.people.is_empty(), "where it is asked for");
    assert_eq!(cast.each_other(cast.owner, cast.giver).await, NEITHER);
    assert!(!cast.knows(cast.giver, cast.place.administrator).await);
    // Asked for together, who is not known leaves no gap.
    let ids = [cast.giver, cast.owner, cast.stranger].map(|one| one.id().to_string()).to_vec();
    let seen = cast.people(cast.owner, ids).await.people;
    assert_eq!(seen.iter().map(|one| one.id.clone()).collect::<Vec<_>>(), [cast.owner.id().to_string()]);
    // Nobody has been looked at, so nobody reads that they were, and the host neither that somebody tried.
    let mut admin = cast.stage.world.admin(&cast.stage.host).await;
    let rows =
        sqlx::query("select person_id from platform.audit where action = 'GetPeople' and actor_id = $1")
            .bind(cast.owner.id())
            .fetch_all(&mut admin)
            .await
            .expect("the audit");
    assert!(!rows.is_empty());
    assert!(rows.iter().all(|row| row.get::<Uuid, _>("person_id") == cast.owner.id()));
}

#[tokio::test]
async fn a_team_knows_its_people_by_name_while_they_belong_to_it() {
    let cast = Cast::new().await;
    // Before the event is here nobody knows anybody: a name may come a moment later.
    assert_eq!(cast.each_other(cast.owner, cast.giver).await, NEITHER);
    cast.tell_team(1, &[(cast.giver, Invited, "2026-03-01", "")]).await;
    assert_eq!(
        cast.each_other(cast.owner, cast.giver).await,
        NEITHER,
        "asking somebody does not tell their name"
    );
    cast.tell_team(2, &[(cast.giver, Member, "2026-03-01", "")]).await;
    assert_eq!(cast.each_other(cast.owner, cast.giver).await, BOTH);
    assert_eq!(cast.each_other(cast.owner, cast.stranger).await, NEITHER);
    // The second is to begin tomorrow.
    let both = [(cast.giver, Member, "2026-03-01", ""), (cast.stranger, Member, "2026-11-22", "")];
    cast.tell_team(3, &both).await;
    assert_eq!(cast.each_other(cast.giver, cast.stranger).await, NEITHER);
    cast.stage.world.clock.advance(chrono::Duration::days(1));
    assert_eq!(cast.each_other(cast.giver, cast.stranger).await, BOTH);
    // Left, came back, and left for good, from tomorrow on.
    let left = [
        (cast.giver, Left, "2026-03-01", "2026-04-01"),
        (cast.giver, Left, "2026-05-01", "2026-11-23"),
        (cast.stranger, Member, "2026-11-22", ""),
    ];
    cast.tell_team(4, &left).await;
    assert_eq!(cast.each_other(cast.giver, cast.owner).await, BOTH);
    cast.stage.world.clock.advance(chrono::Duration::days(1));
    assert_eq!(cast.each_other(cast.giver, cast.owner).await, NEITHER);
    assert_eq!(cast.each_other(cast.stranger, cast.owner).await, BOTH);
    // What is told late changes nothing.
    cast.tell_team(2, &[(cast.giver, Member, "2026-03-01", "")]).await;
    assert_eq!(cast.each_other(cast.giver, cast.owner).await, NEITHER);

    let mut admin = cast.stage.world.admin(&cast.stage.host).await;
    let basis: Vec<String> = sqlx::query_scalar(
        "select distinct basis from platform.audit where action = 'GetPeople' and actor_id = $1 and person_id = $2",
    )
    .bind(cast.giver.id())
    .bind(cast.owner.id())
    .fetch_all(&mut admin)
    .await
    .expect("the audit");
    assert_eq!(basis, ["anyone fellow"], "and it is written down why they were seen");
}

#[tokio::test]
async fn a_circle_knows_who_has_a_seat_and_a_team_of_the_same_id_is_not_it() {
    use governance::SeatState::{Ended, Held, Proposed};
    let cast = Cast::new().await;
    cast.tell_circle(1, &[(cast.stranger, Held), (cast.giver, Proposed)]).await;
    assert_eq!(cast.each_other(cast.stranger, cast.giver).await, NEITHER, "asked, not there yet");
    cast.tell_circle(2, &[(cast.stranger, Held), (cast.giver, Held)]).await;
    assert_eq!(cast.each_other(cast.stranger, cast.giver).await, BOTH);
    cast.tell_team(1, &[]).await;
    assert_eq!(cast.each_other(cast.owner, cast.giver).await, NEITHER);
    assert_eq!(cast.each_other(cast.stranger, cast.giver).await, BOTH, "the Circle is as it was");
    cast.tell_circle(3, &[(cast.stranger, Held), (cast.giver, Ended)]).await;
    assert_eq!(cast.each_other(cast.stranger, cast.giver).await, NEITHER, "until the day before");
    cast.tell_circle(4, &[(cast.stranger, Held), (cast.giver, Held)]).await;
    cast.tell_circle(5, &[(cast.stranger, Held)]).await;
    assert_eq!(cast.each_other(cast.stranger, cast.giver).await, NEITHER);
}

#[tokio::test]
async fn who_acts_for_somebody_and_that_person_know_each_other_once_it_is_confirmed_and_until_it_ends() {
    let cast = Cast::new().await;
    let checks = cast.stage.joined(&cast.place, "checks@example.org", &[Checks]).await;
    let face = RepresentativesFace::new(cast.stage.host.clone());
    let request = pb::RecordRepresentativeRequest {
        request_id: cast.stage.id(),
        person_id: cast.owner.id().to_string(),
        representative_person_id: cast.stranger.id().to_string(),
        basis: RepresentationBasis::Nomination.into(),
        scopes: vec![RepresentationScope::Property.into()],
        ..Default::default()
    };
    let one = face.record_representative(by(cast.owner, request)).await.expect("recorded").into_inner();
    let id = one.representative.expect("one").id;
    assert_eq!(
        cast.each_other(cast.owner, cast.stranger).await,
        NEITHER,
        "to choose somebody does not name them"
    );
    let request = pb::ConfirmRepresentativeRequest {
        request_id: cast.stage.id(),
        representative_id: id.clone(),
        etag: String::new(),
    };
    face.confirm_representative(by(checks, request)).await.expect("confirmed");
    assert_eq!(cast.each_other(cast.owner, cast.stranger).await, BOTH);
    assert_eq!(cast.each_other(cast.giver, cast.stranger).await, NEITHER);
    let request = pb::EndRepresentativeRequest {
        request_id: cast.stage.id(),
        representative_id: id,
        etag: String::new(),
    };
    face.end_representative(by(cast.stranger, request)).await.expect("ended");
    assert_eq!(cast.each_other(cast.owner, cast.stranger).await, NEITHER);
}

#[tokio::test]
async fn roles_that_need_names_have_them_and_no_other_role_does() {
    let cast = Cast::new().await;
    for (role, knows) in [(Administrator, true), (Checks, true), (PrivacyLead, true), (Coach, false)] {
        let email = format!("{}@example.org", role.as_str_name().to_lowercase());
        let one = cast.stage.joined(&cast.place, &email, &[role]).await;
        assert_eq!(cast.knows(one, cast.stranger).await, knows, "{role:?}");
        assert!(!cast.knows(cast.stranger, one).await, "{role:?}");
    }
}

#[tokio::test]
async fn who_invited_somebody_knows_them_even_when_the_role_is_gone() {
    let cast = Cast::new().await;
    let second = cast.stage.joined(&cast.place, "second@example.org", &[Administrator]).await;
    let (invited, _) = cast.stage.invite(second, cast.stage.invitation(&[])).await;
    let none = pb::SetRolesRequest {
        request_id: cast.stage.id(),
        person_id: second.id().to_string(),
        ..Default::default()
    };
    cast.stage.people.set_roles(by(cast.place.administrator, none)).await.expect("set");
    let seen = cast.people(second, vec![invited.id, cast.stranger.id().to_string()]).await.people;
    assert_eq!(seen.len(), 1, "whom they invited, and not whom another did");
}

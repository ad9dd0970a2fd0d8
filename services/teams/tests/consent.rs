//! A Team as somebody sees it who does not belong to it: what the Owner lets them see, from the Promise on.

use kith_platform::Host;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::testing::{World, reason, request_of};
use kith_proto::common::v1::{ConsentSnapshot, ConsentState, Grantee, GranteeKind};
use kith_proto::identity::v1::{ConsentGiven, ConsentWithdrawn};
use kith_proto::matching::v1::{GiverRegistered, GiverSnapshot};
use kith_proto::teams::v1::teams_service_server::TeamsService as _;
use kith_proto::teams::v1::{self as pb, MemberKind};
use kith_teams::{SERVICE, Teams};
use tonic::Code;

struct Stage {
    world: World,
    host: Host,
    teams: Teams,
    tenant: TenantId,
    owner: PersonId,
    team: pb::Team,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new();
        let host = world.host(&SERVICE).await;
        let tenant = world.tenant(&host, true).await;
        let (teams, owner) = (Teams::new(host.clone()), world.person());
        let mut stage = Self { world, host, teams, tenant, owner, team: pb::Team::default() };
        stage.team = stage.start(owner).await;
        stage
    }

    fn id(&self) -> String {
        self.world.ids.uuid(self.world.clock.now()).to_string()
    }

    async fn start(&self, owner: PersonId) -> pb::Team {
        let request = pb::StartTeamRequest {
            request_id: self.id(),
            circle_id: self.id(),
            outward_code: "E5".into(),
            ..Default::default()
        };
        let answer = self.teams.start_team(request_of(self.tenant, owner, request)).await.expect("a Team");
        answer.into_inner().team.expect("a Team")
    }

    async fn sign(&self) {
        let request = pb::SignPromiseRequest {
            request_id: self.id(),
            team_id: self.team.id.clone(),
            text_version: "2026-1".into(),
            occurred_at: None,
        };
        self.teams.sign_promise(request_of(self.tenant, self.owner, request)).await.expect("signed");
    }

    async fn ask(&self, team: &pb::Team, owner: PersonId, person: PersonId) -> pb::Membership {
        let request = pb::InviteMemberRequest {
            request_id: self.id(),
            team_id: team.id.clone(),
            person_id: person.to_string(),
            kind: MemberKind::FamilyOrFriend.into(),
            ..Default::default()
        };
        let answer = self.teams.invite_member(request_of(self.tenant, owner, request)).await;
        answer.expect("asked").into_inner().membership.expect("a membership")
    }

    async fn join(&self, team: &pb::Team, owner: PersonId, person: PersonId) {
        let asked = self.ask(team, owner, person).await;
        let request = pb::AnswerInvitationRequest {
            request_id: self.id(),
            team_id: team.id.clone(),
            membership_id: asked.id,
            accept: true,
            occurred_at: None,
        };
        self.teams.answer_invitation(request_of(self.tenant, person, request)).await.expect("joined");
    }

    async fn get(&self, by: PersonId) -> Result<pb::Team, (Code, String)> {
        let request = pb::GetTeamRequest { id: self.team.id.clone() };
        let answer = self.teams.get_team(request_of(self.tenant, by, request)).await;
        answer.map(|team| team.into_inner().team.expect("a Team")).map_err(|status| reason(&status))
    }

    /// As identity tells that the Owner lets others see their Team.
    async fn consents(&self, kind: GranteeKind, id: &str, hat: &str) -> ConsentSnapshot {
        self.consents_for("introduction", kind, id, hat).await
    }

    /// The same for whatever purpose.
    async fn consents_for(&self, purpose: &str, kind: GranteeKind, id: &str, hat: &str) -> ConsentSnapshot {
        let state = ConsentSnapshot {
            consent_id: self.id(),
            person_id: self.owner.to_string(),
            part: "profile.team".into(),
            purpose: purpose.into(),
            grantee: Some(Grantee { kind: kind.into(), id: id.into(), hat: hat.into() }),
            valid_from: "2026-11-21".into(),
            valid_until: "2027-11-21".into(),
            version: 1,
            state: ConsentState::Given.into(),
        };
        let id: Uuid = state.consent_id.parse().expect("an id");
        let event = ConsentGiven { state: Some(state.clone()) };
        self.world.deliver(&self.host, self.tenant, id, 1, &event).await;
        self.world.know_copies(&self.host).await;
        state
    }

    async fn withdraws(&self, given: ConsentSnapshot) {
        let id: Uuid = given.consent_id.parse().expect("an id");
        let state = ConsentSnapshot { version: 2, state: ConsentState::Withdrawn.into(), ..given };
        self.world.deliver(&self.host, self.tenant, id, 2, &ConsentWithdrawn { state: Some(state) }).await;
    }
}

fn not_found() -> (Code, String) {
    (Code::NotFound, "NOT_FOUND".into())
}

/// Proves ID-17.
#[tokio::test]
async fn whom_the_owner_lets_see_it_sees_whose_and_where_and_nobody_else_in_it() {
    let stage = Stage::new().await;
    let (member, reader) = (stage.world.person(), stage.world.person());
    stage.join(&stage.team, stage.owner, member).await;
    let given = stage.consents(GranteeKind::Person, &reader.to_string(), "").await;
    assert_eq!(stage.get(reader).await.err(), Some(not_found()), "the Promise comes first");
    stage.sign().await;
    let seen = stage.get(reader).await.expect("seen");
    let expected = pb::Team {
        members: Vec::new(),
        hats: Vec::new(),
        promise: None,
        etag: seen.etag.clone(),
        ..stage.team.clone()
    };
    assert_eq!(seen, expected);
    assert_eq!(stage.get(stage.world.person()).await.err(), Some(not_found()));
    let counted = stage.world.person();
    stage.consents_for("evaluation", GranteeKind::Person, &counted.to_string(), "").await;
    assert_eq!(stage.get(counted).await.err(), Some(not_found()), "for another purpose it opens nothing");

    stage.withdraws(given).await;
    assert_eq!(stage.get(reader).await.err(), Some(not_found()));
    assert_eq!(stage.get(member).await.expect("a member").members.len(), 1);
}

#[tokio::test]
async fn whoever_was_asked_to_join_sees_whose_it_is_and_where_by_consent_only() {
    let stage = Stage::new().await;
    stage.sign().await;
    let asked = stage.world.person();
    stage.ask(&stage.team, stage.owner, asked).await;
    let place =
        async || stage.get(asked).await.map(|team| (team.members.len(), team.outward_code, team.circle_id));
    let hidden = Ok((1, String::new(), String::new()));
    assert_eq!(place().await, hidden);
    assert_eq!(stage.get(asked).await.expect("seen").owner_person_id, stage.owner.to_string());
    stage.consents(GranteeKind::Person, &asked.to_string(), "").await;
    assert_eq!(place().await, Ok((1, "E5".into(), stage.team.circle_id.clone())));

    // An old copy takes away what rests on it, and leaves what does not.
    stage.world.clock.advance(chrono::Duration::seconds(61));
    assert_eq!(place().await, hidden);
}

#[tokio::test]
async fn a_consent_to_a_team_or_a_hat_reaches_who_is_of_it_at_present() {
    let stage = Stage::new().await;
    stage.sign().await;
    let (owner, member) = (stage.world.person(), stage.world.person());
    let other = stage.start(owner).await;
    stage.join(&other, owner, member).await;
    let given = stage.consents(GranteeKind::Team, &other.id, "").await;
    assert!(stage.get(owner).await.is_ok() && stage.get(member).await.is_ok());
    // Who is of which Team is known here, and no copy that grows old.
    stage.world.clock.advance(chrono::Duration::seconds(61));
    stage.world.know_copy(&stage.host, "identity.consent").await;
    assert!(stage.get(owner).await.is_ok() && stage.get(member).await.is_ok());
    stage.withdraws(given).await;
    stage.consents(GranteeKind::Hat, "", "owner").await;
    assert!(stage.get(owner).await.is_ok());
    assert_eq!(stage.get(member).await.err(), Some(not_found()));
}

/// Givers are known from matching.
#[tokio::test]
async fn a_consent_to_givers_reaches_whoever_gives_support_anywhere() {
    let stage = Stage::new().await;
    stage.sign().await;
    let (giver, nobody) = (stage.world.person(), stage.world.person());
    let given = stage.consents(GranteeKind::Hat, "", "giver").await;
    assert_eq!(stage.get(giver).await.err(), Some(not_found()), "gives no support yet");
    for no in [1, 2] {
        let state = GiverSnapshot { person_id: giver.to_string(), ..Default::default() };
        let event = GiverRegistered { state: Some(state) };
        stage.world.deliver(&stage.host, stage.tenant, giver.0, no, &event).await;
    }
    stage.world.know_copies(&stage.host).await;
    assert_eq!(stage.get(giver).await.expect("gives support").outward_code, "E5");

    // Matching tells nothing any more: who gave support long ago may give none now.
    stage.world.clock.advance(chrono::Duration::seconds(61));
    stage.world.know_copy(&stage.host, "identity.consent").await;
    assert_eq!(stage.get(giver).await.err(), Some((Code::Unavailable, "CONSENT_STALE".into())));
    assert_eq!(stage.get(nobody).await.err(), Some(not_found()));
    stage.world.know_copy(&stage.host, "matching.giver").await;
    assert!(stage.get(giver).await.is_ok());
    assert_eq!(stage.get(nobody).await.err(), Some(not_found()));
    stage.withdraws(given).await;
    assert_eq!(stage.get(giver).await.err(), Some(not_found()));
}

#[tokio::test]
async fn an_old_copy_opens_nothing_to_whom_only_a_consent_lets_in() {
    let stage = Stage::new().await;
    stage.sign().await;
    let reader = stage.world.person();
    stage.consents(GranteeKind::Person, &reader.to_string(), "").await;
    stage.world.clock.advance(chrono::Duration::seconds(60));
    assert!(stage.get(reader).await.is_ok(), "as old as it may be");
    stage.world.clock.advance(chrono::Duration::seconds(1));
    assert_eq!(stage.get(reader).await.err(), Some((Code::Unavailable, "CONSENT_STALE".into())));
    assert_eq!(stage.get(stage.world.person()).await.err(), Some(not_found()));
    assert!(stage.get(stage.owner).await.is_ok());
}

/// That the database failed is said as what it is, not as the copy's age: it passes by itself and needs no consent anew. Red
/// where every error is taken for a refusal.
#[tokio::test]
async fn a_connection_that_is_lost_is_no_old_copy() {
    let stage = Stage::new().await;
    stage.sign().await;
    let reader = stage.world.person();
    stage.consents(GranteeKind::Person, &reader.to_string(), "").await;
    stage.world.clock.advance(chrono::Duration::seconds(61));
    let lost = stage.world.cut_at(&stage.host, "platform.break_glass", stage.get(reader)).await;
    assert_eq!(lost.err(), Some((Code::Unavailable, "UNAVAILABLE".into())));
    assert_eq!(stage.get(reader).await.err(), Some((Code::Unavailable, "CONSENT_STALE".into())));
}

//! Somebody leaves the tenant: their places and hats in every Team end, and nobody asks them again.

use chrono::{DateTime, Utc};
use kith_platform::Host;
use kith_platform::fields::timestamp;
use kith_platform::id::{PersonId, TenantId};
use kith_platform::testing::{World, reason, request_of};
use kith_proto::common::v1::PersonSnapshot;
use kith_proto::identity::v1::PersonLeft;
use kith_proto::teams::v1::teams_service_server::TeamsService as _;
use kith_proto::teams::v1::{self as pb, MembershipState};
use kith_teams::{SERVICE, Teams};
use prost::Message as _;
use tonic::{Code, Status};

struct Stage {
    world: World,
    host: Host,
    teams: Teams,
    tenant: TenantId,
    owner: PersonId,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new();
        let host = world.host(&SERVICE).await;
        let tenant = world.tenant(&host, false).await;
        let owner = world.person();
        Self { teams: Teams::new(host.clone()), world, host, tenant, owner }
    }

    fn id(&self) -> String {
        self.world.ids.uuid(self.world.clock.now()).to_string()
    }

    async fn team(&self) -> String {
        let request = pb::StartTeamRequest {
            request_id: self.id(),
            circle_id: self.id(),
            outward_code: "E5".into(),
            ..Default::default()
        };
        let answer =
            self.teams.start_team(request_of(self.tenant, self.owner, request)).await.expect("a Team");
        answer.into_inner().team.expect("a Team").id
    }

    async fn ask(&self, team: &str, person: PersonId) -> Result<String, Status> {
        let request = pb::InviteMemberRequest {
            request_id: self.id(),
            team_id: team.to_owned(),
            person_id: person.to_string(),
            kind: pb::MemberKind::Worker.into(),
            ..Default::default()
        };
        let answer = self.teams.invite_member(request_of(self.tenant, self.owner, request)).await?;
        Ok(answer.into_inner().membership.expect("a membership").id)
    }

    async fn join(&self, team: &str, person: PersonId) {
        let request = pb::AnswerInvitationRequest {
            request_id: self.id(),
            team_id: team.to_owned(),
            membership_id: self.ask(team, person).await.expect("asked"),
            accept: true,
            occurred_at: None,
        };
        self.teams.answer_invitation(request_of(self.tenant, person, request)).await.expect("a member");
    }

    async fn propose_hat(&self, team: &str, person: PersonId) -> Result<String, Status> {
        let request = pb::ProposeHatRequest {
            request_id: self.id(),
            team_id: team.to_owned(),
            hat: pb::Hat::RotaHolder.into(),
            person_id: person.to_string(),
            valid_from: "2026-11-21".into(),
            valid_until: "2027-11-21".into(),
            ..Default::default()
        };
        let answer = self.teams.propose_hat(request_of(self.tenant, self.owner, request)).await?;
        Ok(answer.into_inner().holding.expect("a holding").id)
    }

    async fn hat(&self, team: &str, person: PersonId) {
        let request = pb::AnswerHatRequest {
            request_id: self.id(),
            team_id: team.to_owned(),
            holding_id: self.propose_hat(team, person).await.expect("proposed"),
            consent: true,
            occurred_at: None,
        };
        self.teams.answer_hat(request_of(self.tenant, person, request)).await.expect("held");
    }

    async fn get(&self, by: PersonId, team: &str) -> Result<pb::Team, Status> {
        let request = pb::GetTeamRequest { id: team.to_owned() };
        Ok(self
            .teams
            .get_team(request_of(self.tenant, by, request))
            .await?
            .into_inner()
            .team
            .expect("a Team"))
    }

    /// Identity tells that somebody has left.
    async fn leaves(&self, person: PersonId, at: DateTime<Utc>, no: i64) {
        let state = PersonSnapshot {
            person_id: person.to_string(),
            joined: true,
            left: true,
            left_time: Some(timestamp(at)),
        };
        self.world.deliver(&self.host, self.tenant, person, no, &PersonLeft { state: Some(state) }).await;
    }
}

/// Proves ID-37 for Teams: whoever leaves the place leaves every Team with it, hats included, without anybody's doing; the
/// others and the Team go on, and what was stays on record.
#[tokio::test]
async fn whoever_leaves_the_place_leaves_every_team_and_hat() {
    let stage = Stage::new().await;
    let (giver, stays) = (stage.world.person(), stage.world.person());
    let (first, second, asked) = (stage.team().await, stage.team().await, stage.team().await);
    for team in [&first, &second] {
        stage.join(team, giver).await;
        stage.join(team, stays).await;
    }
    stage.hat(&first, giver).await;
    stage.ask(&asked, giver).await.expect("asked, and not answered");
    let before = stage.world.written(&stage.host).await.len();

    stage.world.clock.advance(chrono::Duration::days(3));
    stage.leaves(giver, stage.world.clock.now(), 1).await;
    let events = stage.world.written(&stage.host).await.split_off(before);
    let types: Vec<&str> = events.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(types, ["teams.team.member_left.v1"; 3], "each Team is told of once");
    for event in &events {
        let told =
            pb::TeamMemberLeft::decode(event.payload.as_slice()).expect("the event").state.expect("a state");
        assert!(told.hats.is_empty(), "no hat is worn by who is gone");
        let theirs = told.members.iter().filter(|member| member.person_id == giver.to_string());
        for member in theirs {
            assert_eq!((member.state(), member.valid_until.as_str()), (MembershipState::Left, "2026-11-24"));
        }
    }
    let team = stage.get(stage.owner, &first).await.expect("the Team goes on");
    let of = |person: PersonId| {
        let found = team.members.iter().find(|member| member.person_id == person.to_string());
        found.expect("on record").state()
    };
    assert_eq!((of(giver), of(stays)), (MembershipState::Left, MembershipState::Member));
    assert_eq!(stage.get(giver, &first).await.expect_err("no member any more").code(), Code::NotFound);
    stage.get(stays, &second).await.expect("the others stay");

    // Told again nothing happens, and nobody asks somebody who is gone.
    let before = stage.world.written(&stage.host).await.len();
    stage.leaves(giver, stage.world.clock.now(), 2).await;
    assert_eq!(stage.world.written(&stage.host).await.len(), before);
    let has_left = (Code::FailedPrecondition, "HAS_LEFT".to_owned());
    assert_eq!(reason(&stage.ask(&first, giver).await.expect_err("gone")), has_left);
}

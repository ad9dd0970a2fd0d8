//! A Circle with one Team, known from the events of teams and governance.

use kith_evaluation::{Indicators, Rounds, SERVICE};
use kith_platform::Host;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::testing::{World, request_of};
use kith_proto::evaluation::v1::rounds_service_server::RoundsService as _;
use kith_proto::evaluation::v1::{self as pb, open_round_request};
use kith_proto::governance::v1 as governance;
use kith_proto::teams::v1 as teams;
use tonic::{Request, Response, Status};

pub struct Stage {
    pub world: World,
    pub host: Host,
    pub rounds: Rounds,
    pub indicators: Indicators,
    pub tenant: TenantId,
    pub circle: Uuid,
    pub team: Uuid,
    pub owner: PersonId,
    pub member: PersonId,
    /// Ten further members.
    pub others: Vec<PersonId>,
    /// Was a member until the first of October.
    pub left: PersonId,
    pub circle_member: PersonId,
    /// Was asked into the Circle and has not answered.
    pub asked: PersonId,
}

impl Stage {
    pub async fn new() -> Self {
        let world = World::new();
        let host = world.host(&SERVICE).await;
        let tenant = world.tenant(&host, false).await;
        let id = || world.ids.uuid(world.clock.now());
        let (circle, team) = (id(), id());
        let stage = Self {
            rounds: Rounds::new(host.clone()),
            indicators: Indicators::new(host.clone()),
            tenant,
            circle,
            team,
            owner: world.person(),
            member: world.person(),
            others: (0..10).map(|_| world.person()).collect(),
            left: world.person(),
            circle_member: world.person(),
            asked: world.person(),
            world,
            host,
        };
        stage.tell_team(1).await;
        stage.tell_circle(1).await;
        stage
    }

    pub fn id(&self) -> Uuid {
        self.world.ids.uuid(self.world.clock.now())
    }

    async fn tell_team(&self, no: i64) {
        self.tell_members(no, &[]).await;
    }

    /// The Team with some more members from today on.
    pub async fn tell_members(&self, no: i64, more: &[PersonId]) {
        let member = |person: PersonId, state: teams::MembershipState, until: &str| teams::Membership {
            id: self.id().to_string(),
            person_id: person.to_string(),
            kind: teams::MemberKind::Worker.into(),
            state: state.into(),
            valid_from: "2026-03-01".into(),
            valid_until: until.into(),
        };
        let mut members = vec![
            member(self.member, teams::MembershipState::Member, ""),
            member(self.left, teams::MembershipState::Left, "2026-10-01"),
        ];
        for one in self.others.iter().chain(more) {
            members.push(member(*one, teams::MembershipState::Member, ""));
        }
        let state = teams::TeamSnapshot {
            team_id: self.team.to_string(),
            owner_person_id: self.owner.to_string(),
            circle_id: self.circle.to_string(),
            members,
            ..Default::default()
        };
        let event = teams::TeamMemberJoined { state: Some(state) };
        self.world.deliver(&self.host, self.tenant, self.team, no, &event).await;
    }

    async fn tell_circle(&self, no: i64) {
        let seat = |person: PersonId, state: governance::SeatState| governance::CircleMember {
            person_id: person.to_string(),
            state: state.into(),
            valid_from: "2026-03-01".into(),
            ..Default::default()
        };
        let members = vec![
            seat(self.circle_member, governance::SeatState::Held),
            seat(self.asked, governance::SeatState::Proposed),
        ];
        self.tell_seats(no, members).await;
    }

    pub async fn tell_seats(&self, no: i64, members: Vec<governance::CircleMember>) {
        let state =
            governance::CircleSnapshot { circle_id: self.circle.to_string(), members, hats: Vec::new() };
        let event = governance::CircleMembersChanged { state: Some(state) };
        self.world.deliver(&self.host, self.tenant, self.circle, no, &event).await;
    }

    pub fn request<M>(&self, by: PersonId, message: M) -> Request<M> {
        request_of(self.tenant, by, message)
    }

    pub fn team_round(&self) -> pb::OpenRoundRequest {
        pb::OpenRoundRequest {
            request_id: self.id().to_string(),
            id: String::new(),
            instrument: pb::Instrument::Swemwbs.into(),
            scope: Some(open_round_request::Scope::TeamId(self.team.to_string())),
        }
    }

    pub fn circle_round(&self) -> pb::OpenRoundRequest {
        let scope = Some(open_round_request::Scope::CircleId(self.circle.to_string()));
        pb::OpenRoundRequest { scope, ..self.team_round() }
    }

    pub async fn open(&self, by: PersonId, request: pb::OpenRoundRequest) -> Result<pb::Round, Status> {
        let answer = self.rounds.open_round(self.request(by, request)).await?.into_inner();
        Ok(answer.round.expect("a round"))
    }

    /// The code that somebody fetches for themselves.
    pub async fn code(&self, by: PersonId, round: &pb::Round) -> Result<String, Status> {
        let request = pb::GetReplyCodeRequest { round_id: round.id.clone() };
        Ok(self.rounds.get_reply_code(self.request(by, request)).await?.into_inner().reply_code)
    }

    /// A round of the Team, and the code of each of the twelve who are asked, the Owner's first.
    pub async fn opened(&self) -> (pb::Round, Vec<String>) {
        let round = self.open(self.owner, self.team_round()).await.expect("a round");
        let mut codes = Vec::new();
        for person in [self.owner, self.member].iter().chain(&self.others) {
            codes.push(self.code(*person, &round).await.expect("their code"));
        }
        (round, codes)
    }

    /// Answers without a token; 0 stands for an item left out.
    pub async fn answer(
        &self,
        code: &str,
        items: &[i32],
    ) -> Result<Response<pb::AnswerRoundResponse>, Status> {
        let answers =
            items.iter().map(|item| pb::ItemAnswer { value: (*item != 0).then_some(*item) }).collect();
        self.rounds
            .answer_round(Request::new(pb::AnswerRoundRequest { reply_code: code.to_owned(), answers }))
            .await
    }

    pub async fn close(&self, by: PersonId, round: &pb::Round) -> Result<pb::Round, Status> {
        let request = pb::CloseRoundRequest { request_id: self.id().to_string(), round_id: round.id.clone() };
        let answer = self.rounds.close_round(self.request(by, request)).await?;
        Ok(answer.into_inner().round.expect("a round"))
    }

    pub async fn result(
        &self,
        by: PersonId,
        round: &pb::Round,
    ) -> Result<pb::GetRoundResultResponse, Status> {
        let request = pb::GetRoundResultRequest { round_id: round.id.clone() };
        Ok(self.rounds.get_round_result(self.request(by, request)).await?.into_inner())
    }

    /// A closed round of the Team with these answers.
    pub async fn closed_round(&self, answers: &[[i32; 7]]) -> pb::Round {
        let (round, codes) = self.opened().await;
        for (code, items) in codes.iter().zip(answers) {
            self.answer(code, items).await.expect("answered");
        }
        self.close(self.owner, &round).await.expect("closed")
    }
}

pub const FIVE_ANSWERS: [[i32; 7]; 5] = [
    [3, 3, 2, 2, 2, 2, 2],
    [3, 3, 3, 2, 2, 2, 2],
    [3, 3, 3, 3, 3, 3, 3],
    [4, 4, 3, 3, 3, 3, 3],
    [5, 5, 4, 4, 4, 4, 4],
];

//! A tenant with an administrator and a Circle, and the calls that people make.

use std::collections::BTreeSet;
use std::sync::Mutex;

use kith_governance::{Circles, Proposals, SERVICE};
use kith_platform::Host;
use kith_platform::id::{PersonId, TenantId};
use kith_platform::testing::{World, request_of};
use kith_proto::common::v1::{OrganisationRole, PersonSnapshot, RoleSnapshot};
use kith_proto::governance::v1 as pb;
use kith_proto::governance::v1::circles_service_server::CirclesService as _;
use kith_proto::governance::v1::proposals_service_server::ProposalsService as _;
use kith_proto::identity::v1::{PersonJoined, RoleSet};
use tonic::Status;

pub struct Stage {
    pub world: World,
    pub host: Host,
    pub circles: Circles,
    pub proposals: Proposals,
    pub tenant: TenantId,
    pub administrator: PersonId,
    /// Whom governance knows of.
    known: Mutex<BTreeSet<PersonId>>,
}

pub const STEPS: [pb::ProposalState; 4] = [
    pb::ProposalState::Presented,
    pb::ProposalState::Clarifying,
    pb::ProposalState::Reactions,
    pb::ProposalState::ConsentRound,
];

impl Stage {
    /// A tenant in preparation with its administrator.
    pub async fn new() -> Self {
        let world = World::new();
        let host = world.host(&SERVICE).await;
        let tenant = world.tenant(&host, true).await;
        let administrator = world.person();
        let state = Some(RoleSnapshot {
            person_id: administrator.to_string(),
            roles: vec![OrganisationRole::Administrator.into()],
        });
        world.deliver(&host, tenant, administrator, 1, &RoleSet { state }).await;
        let (circles, proposals) = (Circles::new(host.clone()), Proposals::new(host.clone()));
        Self { world, host, circles, proposals, tenant, administrator, known: Mutex::default() }
    }

    /// A Circle of that many members, the first of whom is its Facilitator.
    pub async fn with_circle(members: usize) -> (Self, String, Vec<PersonId>) {
        let stage = Self::new().await;
        let circle = stage.create("Clapton Care Circle").await.expect("a Circle").id;
        let people: Vec<PersonId> = (0..members).map(|_| stage.world.person()).collect();
        for person in &people {
            stage.invite(stage.administrator, &circle, *person, "").await.expect("asked");
            stage.join(*person, &circle, true).await.expect("said yes");
        }
        let asked = stage
            .propose_hat(stage.administrator, &circle, people[0], pb::CircleHat::Facilitator, "2026-11-01")
            .await
            .expect("asked");
        stage.answer_hat(people[0], &circle, &asked.hats[0].id, true).await.expect("said yes");
        (stage, circle, people)
    }

    pub async fn go_live(&self) {
        self.world.know_tenant(&self.host, self.tenant, false).await;
    }

    pub fn id(&self) -> String {
        self.world.ids.uuid(self.world.clock.now()).to_string()
    }

    pub fn create_request(&self, display_name: &str) -> pb::CreateCircleRequest {
        pb::CreateCircleRequest {
            request_id: self.id(),
            display_name: display_name.into(),
            aim: "good care in Clapton".into(),
            domain: "care and its money in E5".into(),
            ..Default::default()
        }
    }

    pub async fn create(&self, display_name: &str) -> Result<pb::Circle, Status> {
        let request = self.create_request(display_name);
        let answer = self.circles.create_circle(request_of(self.tenant, self.administrator, request)).await?;
        Ok(answer.into_inner().circle.expect("a Circle"))
    }

    pub async fn circle(&self, by: PersonId, id: &str) -> Result<pb::Circle, Status> {
        let request = pb::GetCircleRequest { id: id.into() };
        let answer = self.circles.get_circle(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().circle.expect("a Circle"))
    }

    /// Lets governance know of a person, once.
    pub async fn introduce(&self, person: PersonId) {
        if !self.known.lock().expect("no test panicked here").insert(person) {
            return;
        }
        let state = Some(PersonSnapshot {
            person_id: person.to_string(),
            joined: true,
            left: false,
            left_time: None,
        });
        self.world.deliver(&self.host, self.tenant, person, 1, &PersonJoined { state }).await;
    }

    pub async fn invite(
        &self,
        by: PersonId,
        circle: &str,
        person: PersonId,
        valid_from: &str,
    ) -> Result<pb::Circle, Status> {
        self.introduce(person).await;
        let request = pb::InviteCircleMemberRequest {
            request_id: self.id(),
            circle_id: circle.into(),
            person_id: person.to_string(),
            valid_from: valid_from.into(),
            occurred_at: None,
        };
        let answer = self.circles.invite_circle_member(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().circle.expect("a Circle"))
    }

    pub async fn join(&self, by: PersonId, circle: &str, accept: bool) -> Result<pb::Circle, Status> {
        let request =
            pb::AnswerCircleInvitationRequest { request_id: self.id(), circle_id: circle.into(), accept };
        let answer = self.circles.answer_circle_invitation(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().circle.expect("a Circle"))
    }

    /// Asks for a hat for a year from that day.
    pub async fn propose_hat(
        &self,
        by: PersonId,
        circle: &str,
        person: PersonId,
        hat: pb::CircleHat,
        valid_from: &str,
    ) -> Result<pb::Circle, Status> {
        let year: i32 = valid_from[..4].parse().expect("a year");
        let valid_until = format!("{}{}", year + 1, &valid_from[4..]);
        self.propose_term(by, circle, person, hat, (valid_from, &valid_until)).await
    }

    pub async fn propose_term(
        &self,
        by: PersonId,
        circle: &str,
        person: PersonId,
        hat: pb::CircleHat,
        (valid_from, valid_until): (&str, &str),
    ) -> Result<pb::Circle, Status> {
        let request = pb::ProposeCircleHatRequest {
            request_id: self.id(),
            id: self.id(),
            circle_id: circle.into(),
            hat: hat.into(),
            person_id: person.to_string(),
            valid_from: valid_from.into(),
            valid_until: valid_until.into(),
        };
        let answer = self.circles.propose_circle_hat(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().circle.expect("a Circle"))
    }

    pub async fn answer_hat(
        &self,
        by: PersonId,
        circle: &str,
        holding: &str,
        consent: bool,
    ) -> Result<pb::Circle, Status> {
        let request = pb::AnswerCircleHatRequest {
            request_id: self.id(),
            circle_id: circle.into(),
            holding_id: holding.into(),
            consent,
        };
        let answer = self.circles.answer_circle_hat(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().circle.expect("a Circle"))
    }

    pub fn draft_request(&self, circle: &str, version: pb::ProposalVersion) -> pb::DraftProposalRequest {
        pb::DraftProposalRequest {
            request_id: self.id(),
            circle_id: circle.into(),
            title: "What we add for the commons".into(),
            version: Some(version),
            ..Default::default()
        }
    }

    pub async fn draft(
        &self,
        by: PersonId,
        circle: &str,
        version: pb::ProposalVersion,
    ) -> Result<pb::Proposal, Status> {
        let request = self.draft_request(circle, version);
        let answer = self.proposals.draft_proposal(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().proposal.expect("a proposal"))
    }

    pub async fn proposal(&self, by: PersonId, id: &str) -> Result<pb::Proposal, Status> {
        let request = pb::GetProposalRequest { id: id.into() };
        let answer = self.proposals.get_proposal(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().proposal.expect("a proposal"))
    }

    pub async fn advance(
        &self,
        by: PersonId,
        proposal: &str,
        to: pb::ProposalState,
    ) -> Result<pb::Proposal, Status> {
        let request =
            pb::AdvanceProposalRequest { request_id: self.id(), proposal_id: proposal.into(), to: to.into() };
        let answer = self.proposals.advance_proposal(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().proposal.expect("a proposal"))
    }

    /// Drafts by the Facilitator and takes every step to the consent round.
    pub async fn open_round(&self, by: PersonId, circle: &str, version: pb::ProposalVersion) -> String {
        let proposal = self.draft(by, circle, version).await.expect("drafted").id;
        for step in STEPS {
            self.advance(by, &proposal, step).await.expect("a step");
        }
        proposal
    }

    /// Consents where the argument is empty; objects otherwise.
    pub async fn answer(
        &self,
        by: PersonId,
        proposal: &str,
        version: i32,
        objection: &str,
    ) -> Result<pb::Proposal, Status> {
        let request = pb::AnswerProposalRequest {
            request_id: self.id(),
            proposal_id: proposal.into(),
            version,
            consent: objection.is_empty(),
            argument: objection.into(),
        };
        let answer = self.proposals.answer_proposal(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().proposal.expect("a proposal"))
    }

    pub async fn amend(
        &self,
        by: PersonId,
        proposal: &str,
        version: pb::ProposalVersion,
        etag: &str,
    ) -> Result<pb::Proposal, Status> {
        let request = pb::AmendProposalRequest {
            request_id: self.id(),
            proposal_id: proposal.into(),
            version: Some(version),
            etag: etag.into(),
        };
        let answer = self.proposals.amend_proposal(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().proposal.expect("a proposal"))
    }

    pub async fn withdraw(&self, by: PersonId, proposal: &str) -> Result<pb::Proposal, Status> {
        let request = pb::WithdrawProposalRequest { request_id: self.id(), proposal_id: proposal.into() };
        let answer = self.proposals.withdraw_proposal(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().proposal.expect("a proposal"))
    }

    pub async fn record(&self, by: PersonId, proposal: &str) -> Result<pb::Decision, Status> {
        let request = pb::RecordDecisionRequest { request_id: self.id(), proposal_id: proposal.into() };
        let answer = self.proposals.record_decision(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().decision.expect("a decision"))
    }

    /// Everybody consents to version 1 and the first records the decision.
    pub async fn decide(
        &self,
        circle: &str,
        people: &[PersonId],
        version: pb::ProposalVersion,
    ) -> Result<pb::Decision, Status> {
        let proposal = self.open_round(people[0], circle, version).await;
        for person in people {
            self.answer(*person, &proposal, 1, "").await.expect("consented");
        }
        self.record(people[0], &proposal).await
    }

    pub async fn decision(&self, by: PersonId, id: &str) -> Result<pb::Decision, Status> {
        let request = pb::GetDecisionRequest { id: id.into() };
        let answer = self.proposals.get_decision(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().decision.expect("a decision"))
    }

    /// The types of the events written since that many.
    pub async fn told_since(&self, seen: usize) -> Vec<String> {
        let written = self.world.written(&self.host).await;
        written.into_iter().skip(seen).map(|event| event.event_type).collect()
    }
}

/// A version in words only.
pub fn words(text: &str) -> pb::ProposalVersion {
    pb::ProposalVersion {
        text: text.into(),
        term_months: 12,
        measure: "the books balance and nobody goes short".into(),
        review_date: "2027-05-21".into(),
        ..Default::default()
    }
}

/// A version that changes the rule `independent`: 10 % on top and 5 % off from that day.
pub fn rule_from(effective_from: &str) -> pb::ProposalVersion {
    let mode = pb::contribution_rule_change::Mode::OnRate(pb::OnRate { added_bp: 1000, deducted_bp: 500 });
    let change = pb::ContributionRuleChange {
        rule_name: "independent".into(),
        effective_from: effective_from.into(),
        mode: Some(mode),
    };
    let effect = pb::Effect { effect: Some(pb::effect::Effect::ContributionRule(change)) };
    pb::ProposalVersion { effect: Some(effect), ..words("We try 10 % on top and 5 % off.") }
}

/// A version that revokes a decision from that day.
pub fn revocation(decision: &str, revoked_from: &str) -> pb::ProposalVersion {
    let change = pb::Revocation { decision_id: decision.into(), revoked_from: revoked_from.into() };
    let effect = pb::Effect { effect: Some(pb::effect::Effect::Revocation(change)) };
    pb::ProposalVersion { effect: Some(effect), ..words("We go back to the old rule.") }
}

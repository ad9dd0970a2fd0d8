//! Somebody who is nowhere else: whatever is found of them was put in by them.

use kith_platform::clock::Clock;
use kith_proto::common::v1::{OpenBreakGlassRequest, OpenBreakGlassResponse};
use kith_proto::finance::v1 as finance;
use kith_proto::governance::v1 as governance;
use kith_proto::identity::v1 as identity;
use kith_proto::matching::v1 as matching;
use kith_proto::teams::v1 as teams;
use kith_tests::looked_into;
use kith_tests::people::{method_of, with_request_id};
use prost::Message as _;

use super::journey::Journey;

const STEPS: [governance::ProposalState; 4] = [
    governance::ProposalState::Presented,
    governance::ProposalState::Clarifying,
    governance::ProposalState::Reactions,
    governance::ProposalState::ConsentRound,
];

/// Somebody who is nowhere else, with things to say that are nowhere else.
pub struct Canary {
    pub id: String,
    pub email: String,
    pub password: String,
    /// What must be gone in the end.
    pub words: Vec<String>,
}

impl Journey {
    /// Somebody who joins, starts a Team, pays for it privately and gives support too; everybody has heard of it.
    pub async fn canary(&self, name: &str) -> Canary {
        let canary = self.begin_canary(name).await;
        self.people.until_settled().await;
        canary
    }

    /// The same as far as it is up to them.
    pub async fn begin_canary(&self, name: &str) -> Canary {
        let display_name = format!("Zebulon {name} Quartermain");
        let email = format!("canary.{name}@quartermain.example").to_lowercase();
        let password = format!("the canary pass phrase of {name}");
        let (billing_name, billing_address) =
            (format!("Messrs Quartermain for {name}"), format!("{name} Lodge, Canary Wharf Lane"));
        let invite =
            identity::InvitePersonRequest { display_name: display_name.clone(), ..Default::default() };
        let invited: identity::InvitePersonResponse =
            self.administrator().ask(invite).await.expect("invited");
        let id = invited.person.expect("a person").id;
        let person = self.people.with_id(&id);
        let accept = identity::AcceptInvitationRequest {
            invitation: invited.invitation.clone(),
            email: email.clone(),
            password: password.clone(),
            ..Default::default()
        };
        let _: identity::AcceptInvitationResponse = person.ask(accept).await.expect("joined");
        let circle_id = person.circle().await;
        let start = teams::StartTeamRequest { circle_id, outward_code: "EH7".into(), ..Default::default() };
        let team: teams::StartTeamResponse = person.ask(start).await.expect("a Team");
        let payer = finance::Payer {
            id: self.people.uuid().to_string(),
            team_id: team.team.expect("a Team").id,
            kind: finance::PayerKind::Private.into(),
            billing_name: billing_name.clone(),
            billing_address: billing_address.clone(),
        };
        let add = finance::AddPayerRequest { payer: Some(payer), ..Default::default() };
        let _: finance::AddPayerResponse = person.ask(add).await.expect("a payer");
        let register = matching::RegisterGiverRequest {
            status: matching::GiverStatus::Volunteer.into(),
            outward_code: "EH7".into(),
            ..Default::default()
        };
        let _: matching::RegisterGiverResponse = person.ask(register).await.expect("a giver");
        let (paper, place) = (format!("Quartermain's wish of {name}"), format!("a drawer at {name} Lodge"));
        person.record_legal_fact(&paper, &place).await;
        let needs = format!("speak slowly to {name} Quartermain, and of one thing at a time");
        let set = identity::SetCommunicationRequest {
            preferred_channel: identity::Channel::Phone.into(),
            needs: needs.clone(),
            ..Default::default()
        };
        let _: identity::SetCommunicationResponse = person.ask(set).await.expect("said");
        let mut words = vec![display_name, email.clone(), password.clone()];
        words.extend([billing_name, billing_address, paper, place, needs]);
        Canary { id, email, password, words }
    }

    /// What others have of them in words too: their objection in the Circle, and why somebody had to look at their record.
    pub async fn is_talked_about(&self, canary: &mut Canary) {
        for service in looked_into() {
            let open = OpenBreakGlassRequest {
                person_id: canary.id.clone(),
                reason: "risk_to_life".into(),
                stated_reason: format!("the door of {} stays shut, says {service}", canary.email),
                ..Default::default()
            };
            canary.words.push(open.stated_reason.clone());
            let method = method_of(&open);
            let body = with_request_id(method, &open, self.people.uuid());
            let token = self.people.token_of(self.people.tenant, self.administrator);
            let opened = self.people.send((service, method), body, Some(&token), &[]).await.expect("a look");
            OpenBreakGlassResponse::decode(opened.as_slice()).expect("the answer of the contract");
        }
        let argument = format!("{} would rather be asked first", canary.email);
        self.object(canary, &argument).await;
        canary.words.push(argument);
    }

    /// Joins the Circle and objects to what another member proposes.
    async fn object(&self, canary: &Canary, argument: &str) {
        let (facilitator, person) = (self.people.named("Owner One"), self.people.with_id(&canary.id));
        let circle_id = person.circle().await;
        let invite = governance::InviteCircleMemberRequest {
            circle_id: circle_id.clone(),
            person_id: canary.id.clone(),
            ..Default::default()
        };
        let _: governance::InviteCircleMemberResponse = facilitator.ask(invite).await.expect("invited");
        let accept = governance::AnswerCircleInvitationRequest {
            circle_id: circle_id.clone(),
            accept: true,
            ..Default::default()
        };
        let _: governance::AnswerCircleInvitationResponse = person.ask(accept).await.expect("joined");
        let review = Clock::System.now().date_naive() + chrono::Days::new(90);
        let draft = governance::DraftProposalRequest {
            circle_id,
            title: "Tea at meetings".into(),
            version: Some(governance::ProposalVersion {
                text: "There is tea.".into(),
                term_months: 12,
                measure: "it is drunk".into(),
                review_date: review.to_string(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let drafted: governance::DraftProposalResponse = facilitator.ask(draft).await.expect("drafted");
        let proposal_id = drafted.proposal.expect("the proposal").id;
        for step in STEPS {
            let advance = governance::AdvanceProposalRequest {
                proposal_id: proposal_id.clone(),
                to: step.into(),
                ..Default::default()
            };
            let _: governance::AdvanceProposalResponse =
                facilitator.ask(advance).await.expect("the next step");
        }
        let answer = governance::AnswerProposalRequest {
            proposal_id,
            version: 1,
            consent: false,
            argument: argument.to_owned(),
            ..Default::default()
        };
        let _: governance::AnswerProposalResponse = person.ask(answer).await.expect("objected");
    }
}

//! What a month does not bring of itself: a decision by consent, an emergency look to be reviewed, a round with a result, a
//! legal fact, an erasure that is asked for.

use chrono::Days;
use kith_platform::clock::Clock;
use kith_platform::fields::date_text;
use kith_proto::common::v1 as common;
use kith_proto::common::v1::OrganisationRole;
use kith_proto::evaluation::v1 as evaluation;
use kith_proto::governance::v1 as governance;
use kith_proto::governance::v1::contribution_rule_change::Mode;
use kith_proto::governance::v1::effect::Effect;
use kith_proto::identity::v1 as identity;
use kith_tests::people::{People, Someone, method_of, with_request_id};
use kith_tests::stack::Stack;
use prost::Message as _;

const STEPS: [governance::ProposalState; 4] = [
    governance::ProposalState::Presented,
    governance::ProposalState::Clarifying,
    governance::ProposalState::Reactions,
    governance::ProposalState::ConsentRound,
];

/// Where an emergency opens something.
pub const WITH_RECORDS: [&str; 2] = ["teams", "appointments"];

/// Brings all of it about.
pub async fn set(stack: &Stack, people: &People) {
    decide(people).await;
    look_in_an_emergency(people, people.administrator(stack).await).await;
    close_a_round(people).await;
    people.named("Giver One").record_legal_fact("an advance statement", "in a drawer").await;
    let erasure = identity::AskErasureRequest::default();
    let _: identity::AskErasureResponse = people.named("Owner Two").ask(erasure).await.expect("asked");
    people.until_settled().await;
}

/// A change of rules to which every member of the Circle consents.
async fn decide(people: &People) {
    let facilitator = people.named("Owner One");
    let circle_id = facilitator.circle().await;
    let get = governance::GetCircleRequest { id: circle_id.clone() };
    let circle: governance::GetCircleResponse = facilitator.ask(get).await.expect("the Circle");
    let change = governance::ContributionRuleChange {
        rule_name: "a rule of this test".into(),
        effective_from: "2026-04-01".into(),
        mode: Some(Mode::OnRate(governance::OnRate { added_bp: 1000, deducted_bp: 0 })),
    };
    let version = governance::ProposalVersion {
        text: "Ten on top.".into(),
        effect: Some(governance::Effect { effect: Some(Effect::ContributionRule(change)) }),
        term_months: 12,
        measure: "the commons covers the hats".into(),
        review_date: date_text(Some(Clock::System.now().date_naive() + Days::new(180))),
        ..Default::default()
    };
    let draft = governance::DraftProposalRequest {
        circle_id,
        title: "A rule".into(),
        version: Some(version),
        ..Default::default()
    };
    let drafted: governance::DraftProposalResponse = facilitator.ask(draft).await.expect("drafted");
    let proposal_id = drafted.proposal.expect("a proposal").id;
    for step in STEPS {
        let proposal_id = proposal_id.clone();
        let advance =
            governance::AdvanceProposalRequest { proposal_id, to: step.into(), ..Default::default() };
        let _: governance::AdvanceProposalResponse = facilitator.ask(advance).await.expect("the next step");
    }
    let members = circle.circle.expect("the Circle").members.into_iter();
    for member in members.filter(|member| member.state() == governance::SeatState::Held) {
        let proposal_id = proposal_id.clone();
        let consent = governance::AnswerProposalRequest {
            proposal_id,
            version: 1,
            consent: true,
            ..Default::default()
        };
        let member = people.with_id(&member.person_id);
        let _: governance::AnswerProposalResponse = member.ask(consent).await.expect("consent");
    }
    let record = governance::RecordDecisionRequest { proposal_id, ..Default::default() };
    let _: governance::RecordDecisionResponse = facilitator.ask(record).await.expect("decided");
}

/// Emergency looks at an Owner's record wherever there is one, for a privacy lead to review.
async fn look_in_an_emergency(people: &People, administrator: Someone<'_>) {
    use OrganisationRole::{Checks, PrivacyLead};
    let (owner, coach, lead) =
        (people.named("Owner One"), people.named("Giver Eight"), people.named("Giver Seven"));
    for (who, role) in [(coach, Checks), (lead, PrivacyLead)] {
        let roles = identity::SetRolesRequest {
            person_id: who.id.to_string(),
            roles: vec![role.into()],
            ..Default::default()
        };
        let _: identity::SetRolesResponse = administrator.ask(roles).await.expect("the roles are set");
    }
    people.until_settled().await;
    let open = common::OpenBreakGlassRequest {
        person_id: owner.id.to_string(),
        reason: "risk_to_life".into(),
        stated_reason: "nobody opens the door since yesterday".into(),
        ..Default::default()
    };
    let method = method_of(&open);
    let token = people.token_of(people.tenant, coach.id);
    for service in WITH_RECORDS {
        let body = with_request_id(method, &open, people.uuid());
        let opened = people.send((service, method), body, Some(&token), &[]).await.expect("opened");
        common::OpenBreakGlassResponse::decode(opened.as_slice()).expect("the answer of the contract");
    }
}

/// A round of a Team's that is over, and one that is not; too few have answered for a figure, and that is an answer.
async fn close_a_round(people: &People) {
    let owner = people.named("Owner One");
    let open = evaluation::OpenRoundRequest {
        instrument: evaluation::Instrument::Swemwbs.into(),
        scope: Some(evaluation::open_round_request::Scope::TeamId(owner.own_team().await)),
        ..Default::default()
    };
    // One more stays open, so that there are codes to be fetched; its id is the first of all, so that it is looked at.
    let id = kith_platform::id::Uuid::from_u128(1).to_string();
    let stays_open = evaluation::OpenRoundRequest { id, ..open.clone() };
    let _: evaluation::OpenRoundResponse = owner.ask(stays_open).await.expect("opened");
    let opened: evaluation::OpenRoundResponse = owner.ask(open).await.expect("opened");
    let round_id = opened.round.expect("a round").id;
    let close = evaluation::CloseRoundRequest { round_id, ..Default::default() };
    let _: evaluation::CloseRoundResponse = owner.ask(close).await.expect("closed");
}

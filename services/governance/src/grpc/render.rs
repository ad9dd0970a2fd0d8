//! Domain → messages.

use kith_platform::etag;
use kith_platform::fields::{date_text, timestamp};
use kith_proto::governance::v1 as pb;

use crate::domain::circle::{Circle, Hat, Holding, Member, Seat};
use crate::domain::content::{Effect, Mode, RuleChange};
use crate::domain::decision::Decision;
use crate::domain::proposal::{Answer, Proposal, State, Version};

impl From<Circle> for pb::Circle {
    fn from(circle: Circle) -> Self {
        Self {
            id: circle.id.to_string(),
            display_name: circle.display_name,
            aim: circle.aim,
            domain: circle.domain,
            members: circle.members.into_iter().map(Into::into).collect(),
            hats: circle.hats.into_iter().map(Into::into).collect(),
            etag: etag::of(circle.version),
        }
    }
}

impl From<Seat> for pb::SeatState {
    fn from(seat: Seat) -> Self {
        match seat {
            Seat::Proposed => Self::Proposed,
            Seat::Held => Self::Held,
            Seat::Declined => Self::Declined,
            Seat::Ended => Self::Ended,
        }
    }
}

impl From<Member> for pb::CircleMember {
    fn from(member: Member) -> Self {
        Self {
            person_id: member.person.to_string(),
            state: pb::SeatState::from(member.state).into(),
            valid_from: date_text(Some(member.valid_from)),
            valid_until: date_text(member.valid_until),
        }
    }
}

impl From<Holding> for pb::CircleHatHolding {
    fn from(holding: Holding) -> Self {
        let hat = match holding.hat {
            Hat::Leader => pb::CircleHat::Leader,
            Hat::Delegate => pb::CircleHat::Delegate,
            Hat::Facilitator => pb::CircleHat::Facilitator,
            Hat::Secretary => pb::CircleHat::Secretary,
            Hat::LogbookKeeper => pb::CircleHat::LogbookKeeper,
            Hat::NumbersPerson => pb::CircleHat::NumbersPerson,
        };
        Self {
            id: holding.id.to_string(),
            hat: hat.into(),
            person_id: holding.person.to_string(),
            state: pb::SeatState::from(holding.state).into(),
            valid_from: date_text(Some(holding.valid_from)),
            valid_until: date_text(Some(holding.valid_until)),
        }
    }
}

impl From<RuleChange> for pb::ContributionRuleChange {
    fn from(rule: RuleChange) -> Self {
        let mode = match rule.mode {
            Mode::OnRate { added_bp, deducted_bp } => {
                pb::contribution_rule_change::Mode::OnRate(pb::OnRate { added_bp, deducted_bp })
            }
            Mode::ShareOfTotal { share_bp } => {
                pb::contribution_rule_change::Mode::ShareOfTotal(pb::ShareOfTotal { share_bp })
            }
        };
        Self {
            rule_name: rule.rule_name,
            effective_from: date_text(Some(rule.effective_from)),
            mode: Some(mode),
        }
    }
}

impl From<Version> for pb::ProposalVersion {
    fn from(version: Version) -> Self {
        let effect = version.content.effect.map(|effect| match effect {
            Effect::ContributionRule(rule) => pb::effect::Effect::ContributionRule(rule.into()),
            Effect::Revocation { decision, revoked_from } => {
                let revoked_from = date_text(Some(revoked_from));
                pb::effect::Effect::Revocation(pb::Revocation {
                    decision_id: decision.to_string(),
                    revoked_from,
                })
            }
        });
        Self {
            number: version.number,
            text: version.content.text,
            effect: effect.map(|effect| pb::Effect { effect: Some(effect) }),
            term_months: version.content.term_months,
            measure: version.content.measure,
            review_date: date_text(Some(version.content.review_date)),
            content_hash: version.content_hash,
        }
    }
}

impl From<Answer> for pb::Answer {
    fn from(answer: Answer) -> Self {
        Self {
            person_id: answer.person.to_string(),
            version: answer.version,
            consent: answer.consent,
            argument: answer.argument,
        }
    }
}

impl From<Proposal> for pb::Proposal {
    fn from(proposal: Proposal) -> Self {
        let state = match proposal.state {
            State::Draft => pb::ProposalState::Draft,
            State::Presented => pb::ProposalState::Presented,
            State::Clarifying => pb::ProposalState::Clarifying,
            State::Reactions => pb::ProposalState::Reactions,
            State::ConsentRound => pb::ProposalState::ConsentRound,
            State::Integrating => pb::ProposalState::Integrating,
            State::Adopted => pb::ProposalState::Adopted,
            State::Withdrawn => pb::ProposalState::Withdrawn,
        };
        let mut versions: Vec<pb::ProposalVersion> = proposal.earlier.into_iter().map(Into::into).collect();
        versions.push(proposal.in_force.into());
        Self {
            id: proposal.id.to_string(),
            circle_id: proposal.circle.to_string(),
            proposer_person_id: proposal.proposer.to_string(),
            title: proposal.title,
            state: state.into(),
            versions,
            answers: proposal.answers.into_iter().map(Into::into).collect(),
            decision_id: proposal.decision.map(|id| id.to_string()).unwrap_or_default(),
            etag: etag::of(proposal.version),
        }
    }
}

impl From<Decision> for pb::Decision {
    fn from(decision: Decision) -> Self {
        Self {
            id: decision.id.to_string(),
            circle_id: decision.circle.to_string(),
            proposal_id: decision.proposal.to_string(),
            version: Some(decision.version.into()),
            consented_person_ids: decision.consented.iter().map(ToString::to_string).collect(),
            decide_time: Some(timestamp(decision.decided_at)),
            revoked_from: date_text(decision.revoked_from),
            mandate_id: decision.mandate.map(|mandate| mandate.id.to_string()).unwrap_or_default(),
        }
    }
}

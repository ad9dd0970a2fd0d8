//! A decision: what a Circle adopted, by whose consent to which content, and what it changes elsewhere.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::id::PersonId;

use super::circle::Circle;
use super::content::{Effect, RuleChange};
use super::proposal::{Proposal, State, Version};
use super::{CircleId, DecisionId, MandateId, ProposalId, Reach, Refused};

/// What a decision changes elsewhere. It ends with its decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mandate {
    /// Its id.
    pub id: MandateId,
    /// The change.
    pub rule: RuleChange,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Its id.
    pub id: DecisionId,
    /// The Circle that decided.
    pub circle: CircleId,
    /// The proposal that it came from.
    pub proposal: ProposalId,
    /// The version that was adopted, with its hash.
    pub version: Version,
    /// Who consented to that version: all current members of that day, by id.
    pub consented: Vec<PersonId>,
    /// When.
    pub decided_at: DateTime<Utc>,
    /// First day on which its effect, and its mandate's, has ended by a later decision.
    pub revoked_from: Option<NaiveDate>,
    /// What it changes elsewhere.
    pub mandate: Option<Mandate>,
}

/// What the clock and the id maker give a new decision.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// For the decision.
    pub decision: DecisionId,
    /// For its mandate, where it issues one.
    pub mandate: MandateId,
    /// When it is decided.
    pub at: DateTime<Utc>,
}

/// Refuses an effect that names what it cannot change. `named` is the decision that a revocation names, where known.
pub fn check_effect(
    effect: Option<&Effect>,
    circle: CircleId,
    named: Option<&Decision>,
) -> Result<(), Refused> {
    let Some(Effect::Revocation { decision, revoked_from }) = effect else { return Ok(()) };
    let earlier = named
        .filter(|earlier| earlier.id == *decision && earlier.circle == circle)
        .ok_or(Refused::RevokesUnknownDecision)?;
    let mandate = earlier.mandate.as_ref().ok_or(Refused::NothingToRevoke)?;
    if earlier.revoked_from.is_some() {
        return Err(Refused::AlreadyRevoked);
    }
    if *revoked_from < mandate.rule.effective_from {
        return Err(Refused::RevokedBeforeEffect);
    }
    Ok(())
}

/// Records the decision of a proposal to whose version in force every current member has consented, and ends the
/// decision that it revokes. `None` where it was recorded before.
pub fn record(
    proposal: &mut Proposal,
    circle: &Circle,
    named: Option<&mut Decision>,
    reach: Reach,
    stamp: Stamp,
) -> Result<Option<Decision>, Refused> {
    if proposal.state == State::Adopted {
        return Ok(None);
    }
    let effect = proposal.in_force.content.effect.clone();
    check_effect(effect.as_ref(), proposal.circle, named.as_deref())?;
    let consented = proposal.adopt(circle, reach, stamp.decision)?;
    let mandate = match effect {
        Some(Effect::ContributionRule(rule)) => Some(Mandate { id: stamp.mandate, rule }),
        Some(Effect::Revocation { revoked_from, .. }) => {
            if let Some(earlier) = named {
                earlier.revoked_from = Some(revoked_from);
            }
            None
        }
        None => None,
    };
    Ok(Some(Decision {
        id: stamp.decision,
        circle: proposal.circle,
        proposal: proposal.id,
        version: proposal.in_force.clone(),
        consented,
        decided_at: stamp.at,
        revoked_from: None,
        mandate,
    }))
}

//! A proposal: from draft to decision in fixed steps, on versioned text. Nobody overrules a standing objection: it is
//! worked into a new version, about which everyone is asked anew, or its owner withdraws it.

use chrono::{DateTime, Utc};
use kith_platform::id::PersonId;

use super::circle::Circle;
use super::content::Content;
use super::{CircleId, DecisionId, Outcome, ProposalId, Reach, Refused};

/// Where a proposal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Being written.
    Draft,
    /// Presented to the Circle.
    Presented,
    /// Clarifying questions.
    Clarifying,
    /// A round of reactions.
    Reactions,
    /// Every member is asked for consent.
    ConsentRound,
    /// An objection stands and is being worked into a new version. The round stays open.
    Integrating,
    /// Decided.
    Adopted,
    /// Withdrawn by its proposer.
    Withdrawn,
}

impl State {
    /// Whether members may answer now.
    const fn round_is_open(self) -> bool {
        matches!(self, Self::ConsentRound | Self::Integrating)
    }
}

/// A step that the Facilitator takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The proposer presents it.
    Present,
    /// Clarifying questions.
    Clarify,
    /// A round of reactions.
    React,
    /// The consent round opens.
    AskForConsent,
}

impl Step {
    /// All of them in their order, each with the state that it leads to and that state's name.
    const IN_ORDER: [(Self, State, &'static str); 4] = [
        (Self::Present, State::Presented, "presented"),
        (Self::Clarify, State::Clarifying, "clarifying"),
        (Self::React, State::Reactions, "reactions"),
        (Self::AskForConsent, State::ConsentRound, "consent round"),
    ];
}

/// One version of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// From 1.
    pub number: i32,
    /// What it says.
    pub content: Content,
    /// What members consent to.
    pub content_hash: String,
}

impl Version {
    fn new(number: i32, content: Content) -> Self {
        let content_hash = content.hash();
        Self { number, content, content_hash }
    }
}

/// A member's last answer to one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who.
    pub person: PersonId,
    /// The version that it is about.
    pub version: i32,
    /// Consent, or an objection.
    pub consent: bool,
    /// The argument of an objection; a concern that does not block, beside a consent.
    pub argument: String,
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Its id.
    pub id: ProposalId,
    /// The Circle that decides.
    pub circle: CircleId,
    /// Who proposes.
    pub proposer: PersonId,
    /// What it is called.
    pub title: String,
    /// Where it stands.
    pub state: State,
    /// The version in force.
    pub in_force: Version,
    /// The versions before it, oldest first.
    pub earlier: Vec<Version>,
    /// The last answer of each member to each version, by version and person.
    pub answers: Vec<Answer>,
    /// The decision once adopted.
    pub decision: Option<DecisionId>,
    /// When it was drafted.
    pub created_at: DateTime<Utc>,
    /// Raised with every change.
    pub version: i64,
}

impl Proposal {
    /// Drafts a proposal. What the effect may name is checked beside it (`decision::check_effect`).
    pub fn draft(
        id: ProposalId,
        circle: &Circle,
        proposer: PersonId,
        title: String,
        content: Content,
        (reach, now): (Reach, DateTime<Utc>),
    ) -> Result<Self, Refused> {
        if !circle.has_member(proposer, reach.today) {
            return Err(Refused::NotAMember);
        }
        content.check_dates(reach)?;
        Ok(Self {
            id,
            circle: circle.id,
            proposer,
            title,
            state: State::Draft,
            in_force: Version::new(1, content),
            earlier: Vec::new(),
            answers: Vec::new(),
            decision: None,
            created_at: now,
            version: 1,
        })
    }

    /// Whether a repeated draft says what this one said at first.
    pub fn was_drafted_as(
        &self,
        circle: CircleId,
        proposer: PersonId,
        title: &str,
        content: &Content,
    ) -> bool {
        let first = self.earlier.first().unwrap_or(&self.in_force);
        self.circle == circle
            && self.proposer == proposer
            && self.title == title
            && first.content_hash == content.hash()
    }

    /// Takes a step. One that was taken already changes nothing; none is skipped.
    pub fn advance(&mut self, step: Step) -> Result<Outcome, Refused> {
        if self.state == State::Withdrawn {
            return Err(Refused::Withdrawn);
        }
        // Past the four steps (integrating, adopted) all of them have been taken.
        let taken = match self.state {
            State::Draft => 0,
            state => Step::IN_ORDER.iter().position(|(_, to, _)| *to == state).map_or(4, |place| place + 1),
        };
        if Step::IN_ORDER[..taken].iter().any(|(earlier, ..)| *earlier == step) {
            return Ok(Outcome::Unchanged);
        }
        let (next_step, next_state, next) = Step::IN_ORDER[taken];
        if next_step != step {
            return Err(Refused::StepSkipped { next });
        }
        self.state = next_state;
        Ok(Outcome::Changed)
    }

    /// A member's own consent or objection to the version in force. While the round is open they may change it.
    pub fn answer(&mut self, circle: &Circle, reach: Reach, answer: Answer) -> Result<Outcome, Refused> {
        let known = self
            .answers
            .iter()
            .position(|each| each.person == answer.person && each.version == answer.version);
        let is_repeat = known.is_some_and(|index| self.answers[index] == answer);
        if self.state == State::Adopted && is_repeat {
            return Ok(Outcome::Unchanged);
        }
        self.refuse_closed()?;
        if !self.state.round_is_open() {
            return Err(Refused::RoundNotOpen);
        }
        if answer.version != self.in_force.number {
            return Err(Refused::VersionNotInForce { in_force: self.in_force.number });
        }
        if !circle.has_member(answer.person, reach.today) {
            return Err(Refused::NotAMember);
        }
        if !answer.consent && answer.argument.trim().is_empty() {
            return Err(Refused::ArgumentMissing);
        }
        if is_repeat {
            return Ok(Outcome::Unchanged);
        }
        match known {
            Some(index) => self.answers[index] = answer,
            None => self.answers.push(answer),
        }
        self.answers.sort_by_key(|each| (each.version, each.person));
        self.state = if self.standing_objections() > 0 { State::Integrating } else { State::ConsentRound };
        Ok(Outcome::Changed)
    }

    /// Makes a new version. Where the consent round was reached, everyone is asked anew; before that, the steps go on
    /// from where they are. The same content again changes nothing, so that no objection can be cleared away with it.
    pub fn amend(&mut self, content: Content, reach: Reach) -> Result<Outcome, Refused> {
        let hash = content.hash();
        let said_before = |version: &Version| version.content_hash == hash;
        let adopted_after_it = self.state == State::Adopted && self.earlier.iter().any(said_before);
        if adopted_after_it || (self.state != State::Withdrawn && said_before(&self.in_force)) {
            return Ok(Outcome::Unchanged);
        }
        self.refuse_closed()?;
        content.check_dates(reach)?;
        let next = Version::new(self.in_force.number + 1, content);
        self.earlier.push(std::mem::replace(&mut self.in_force, next));
        if self.state == State::Integrating {
            self.state = State::ConsentRound;
        }
        Ok(Outcome::Changed)
    }

    /// Takes the proposal back, before it is adopted.
    pub fn withdraw(&mut self) -> Result<Outcome, Refused> {
        if self.state == State::Withdrawn {
            return Ok(Outcome::Unchanged);
        }
        self.refuse_closed()?;
        self.state = State::Withdrawn;
        Ok(Outcome::Changed)
    }

    /// Adopts the version in force and answers who consented to it: every current member, or nothing happens.
    pub(super) fn adopt(
        &mut self,
        circle: &Circle,
        reach: Reach,
        decision: DecisionId,
    ) -> Result<Vec<PersonId>, Refused> {
        self.refuse_closed()?;
        if !self.state.round_is_open() {
            return Err(Refused::RoundNotOpen);
        }
        let objections = self.standing_objections();
        if objections > 0 {
            return Err(Refused::ObjectionStands { count: objections });
        }
        let mut members = circle.current_members(reach.today);
        members.sort_unstable();
        if members.is_empty() {
            return Err(Refused::NobodyToConsent);
        }
        let missing = members.iter().filter(|member| !self.has_consent_of(**member)).count();
        if missing > 0 {
            return Err(Refused::ConsentMissing { count: missing });
        }
        self.in_force.content.check_dates(reach)?;
        self.state = State::Adopted;
        self.decision = Some(decision);
        Ok(members)
    }

    fn standing_objections(&self) -> usize {
        let stands = |answer: &&Answer| answer.version == self.in_force.number && !answer.consent;
        self.answers.iter().filter(stands).count()
    }

    fn has_consent_of(&self, person: PersonId) -> bool {
        let consents = |answer: &Answer| {
            answer.person == person && answer.version == self.in_force.number && answer.consent
        };
        self.answers.iter().any(consents)
    }

    fn refuse_closed(&self) -> Result<(), Refused> {
        match self.state {
            State::Withdrawn => Err(Refused::Withdrawn),
            State::Adopted => Err(Refused::AlreadyAdopted),
            _ => Ok(()),
        }
    }
}

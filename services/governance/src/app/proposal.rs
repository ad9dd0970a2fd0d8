//! Proposals from draft to the consent round, amendment and withdrawal.

use chrono::{DateTime, Utc};
use kith_platform::authz::Subject;
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::etag;
use kith_platform::id::Uuid;
use kith_platform::page::Page;

use super::{reach, standing};
use crate::domain::circle::Circle;
use crate::domain::content::{Content, Effect};
use crate::domain::decision::{Decision, check_effect};
use crate::domain::proposal::{self, Proposal, Step};
use crate::domain::{CircleId, Outcome, ProposalId};
use crate::policy::Action;
use crate::store;

/// Drafts a proposal.
#[derive(Clone, Debug)]
pub struct Draft {
    pub id: Option<ProposalId>,
    pub circle: CircleId,
    pub title: String,
    pub content: Content,
}

/// Drafts a proposal. The same client-made id with the same content answers the proposal that exists.
pub async fn draft(tx: &mut Tx, command: Draft) -> Result<Proposal> {
    let person = tx.person()?;
    let circle = store::circle::load(tx, command.circle).await?.ok_or(Error::NotFound("circle"))?;
    let standing = standing(tx, Some(&circle), None).await?;
    let id = command.id.unwrap_or_else(|| tx.new_id());
    tx.require(Action::DraftProposal, Subject::of("circle", circle.id), &standing)?;
    if let Some(existing) = store::proposal::load(tx, id).await? {
        let same = existing.was_drafted_as(circle.id, person, &command.title, &command.content);
        return if same { Ok(existing) } else { Err(Common::IdExists.into()) };
    }
    let effect = command.content.effect.clone();
    let days = (reach(tx)?, tx.now());
    let proposal = Proposal::draft(id, &circle, person, command.title, command.content, days)?;
    refuse_impossible_effect(tx, effect.as_ref(), circle.id).await?;
    store::proposal::insert(tx, &proposal).await?;
    Ok(proposal)
}

/// Answers a proposal to the members of its Circle.
pub async fn get(tx: &mut Tx, id: ProposalId) -> Result<Proposal> {
    Ok(open(tx, id, Action::GetProposal).await?.0)
}

/// Which proposals are listed.
#[derive(Clone, Debug)]
pub struct List {
    pub circle: CircleId,
    pub page: Page<(DateTime<Utc>, Uuid)>,
}

/// Lists the proposals of a Circle for its members, with the token of the next page.
pub async fn list(tx: &mut Tx, query: List) -> Result<(Vec<Proposal>, String)> {
    let circle = store::circle::load(tx, query.circle).await?.ok_or(Error::NotFound("circle"))?;
    let standing = standing(tx, Some(&circle), None).await?;
    tx.require(Action::ListProposals, Subject::of("circle", circle.id), &standing)?;
    let mut proposals = store::proposal::list(tx, circle.id, &query.page).await?;
    let next = query.page.cut(&mut proposals, |proposal| (proposal.created_at, proposal.id.0));
    Ok((proposals, next))
}

/// Takes the next step.
#[derive(Clone, Copy, Debug)]
pub struct Advance {
    pub proposal: ProposalId,
    pub step: Step,
}

/// Takes the next step.
pub async fn advance(tx: &mut Tx, command: Advance) -> Result<Proposal> {
    let (mut proposal, _) = open(tx, command.proposal, Action::AdvanceProposal).await?;
    if proposal.advance(command.step)? == Outcome::Changed {
        store::proposal::save_state(tx, &mut proposal).await?;
    }
    Ok(proposal)
}

/// Consents or objects.
#[derive(Clone, Debug)]
pub struct Answer {
    pub proposal: ProposalId,
    pub version: i32,
    pub consent: bool,
    pub argument: String,
}

/// Consents or objects, for oneself.
pub async fn answer(tx: &mut Tx, command: Answer) -> Result<Proposal> {
    let (mut proposal, circle) = open(tx, command.proposal, Action::AnswerProposal).await?;
    let Answer { version, consent, argument, .. } = command;
    let answer = proposal::Answer { person: tx.person()?, version, consent, argument };
    let reach = reach(tx)?;
    if proposal.answer(&circle, reach, answer.clone())? == Outcome::Changed {
        store::proposal::put_answer(tx, proposal.id, &answer).await?;
        store::proposal::save_state(tx, &mut proposal).await?;
    }
    Ok(proposal)
}

/// Makes a new version.
#[derive(Clone, Debug)]
pub struct Amend {
    pub proposal: ProposalId,
    pub content: Content,
    pub etag: Option<i64>,
}

/// Makes a new version. Etag and effect are checked only where something changes, so that a repeat stays one.
pub async fn amend(tx: &mut Tx, command: Amend) -> Result<Proposal> {
    let (mut proposal, _) = open(tx, command.proposal, Action::AmendProposal).await?;
    let effect = command.content.effect.clone();
    let reach = reach(tx)?;
    if proposal.amend(command.content, reach)? == Outcome::Changed {
        etag::check(command.etag, proposal.version)?;
        refuse_impossible_effect(tx, effect.as_ref(), proposal.circle).await?;
        let written_by = tx.person()?;
        store::proposal::insert_version(tx, &proposal, written_by).await?;
        store::proposal::save_state(tx, &mut proposal).await?;
    }
    Ok(proposal)
}

/// Withdraws a proposal.
pub async fn withdraw(tx: &mut Tx, id: ProposalId) -> Result<Proposal> {
    let (mut proposal, _) = open(tx, id, Action::WithdrawProposal).await?;
    if proposal.withdraw()? == Outcome::Changed {
        store::proposal::save_state(tx, &mut proposal).await?;
    }
    Ok(proposal)
}

/// Loads a proposal and its Circle for a change or a look, and asks the policy with the caller's standing. For a
/// decision the Circle is locked too, so that nobody joins while it is decided whether all have consented.
pub async fn open(tx: &mut Tx, id: ProposalId, action: Action) -> Result<(Proposal, Circle)> {
    let circle = store::proposal::circle_of(tx, id).await?.ok_or(Error::NotFound("proposal"))?;
    let circle = if action == Action::RecordDecision {
        store::circle::load_for_update(tx, circle).await?
    } else {
        store::circle::load(tx, circle).await?
    };
    let proposal = if action == Action::GetProposal {
        store::proposal::load(tx, id).await?
    } else {
        store::proposal::load_for_update(tx, id).await?
    };
    let (proposal, circle) = proposal.zip(circle).ok_or(Error::NotFound("proposal"))?;
    let standing = standing(tx, Some(&circle), Some(proposal.proposer)).await?;
    tx.require(action, Subject::about("proposal", id, proposal.proposer), &standing)?;
    Ok((proposal, circle))
}

/// Refuses early what could never be decided.
async fn refuse_impossible_effect(tx: &mut Tx, effect: Option<&Effect>, circle: CircleId) -> Result<()> {
    let named = load_named(tx, effect, false).await?;
    Ok(check_effect(effect, circle, named.as_ref())?)
}

/// The decision that a revocation names, where there is one; locked where it is about to be revoked.
pub async fn load_named(tx: &mut Tx, effect: Option<&Effect>, lock: bool) -> Result<Option<Decision>> {
    match effect {
        Some(Effect::Revocation { decision, .. }) if lock => {
            store::decision::load_for_update(tx, *decision).await
        }
        Some(Effect::Revocation { decision, .. }) => store::decision::load(tx, *decision).await,
        _ => Ok(None),
    }
}

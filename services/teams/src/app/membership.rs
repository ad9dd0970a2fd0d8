//! Asking somebody to join, their answers, and leaving.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::PersonId;
use kith_platform::local::wall_clock;
use kith_platform::people;

use super::leaving::must_be_here;
use super::team::{open, speaker};
use crate::domain::membership::{Kind, Membership, State};
use crate::domain::{Change, MembershipId, Refused, TeamId};
use crate::events::{self, Fact};
use crate::policy::Action;
use crate::store;

/// Asks a person to join.
#[derive(Clone, Debug)]
pub struct Invite {
    pub id: Option<MembershipId>,
    pub team: TeamId,
    pub person: PersonId,
    pub kind: Kind,
    pub valid_from: Option<NaiveDate>,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Asks a person to join: invited where the Owner asks, suggested where a member does.
pub async fn invite(tx: &mut Tx, command: Invite) -> Result<Membership> {
    let (mut team, standing) = open(tx, command.team, None, Action::InviteMember).await?;
    let id = command.id.unwrap_or_else(|| tx.new_id());
    if let Some(existing) = team.membership(id) {
        let same = existing.person == command.person
            && existing.kind == command.kind
            && command.valid_from.is_none_or(|day| day == existing.valid_from);
        return if same { Ok(existing.clone()) } else { Err(Common::IdExists.into()) };
    }
    must_be_here(tx, command.person).await?;
    let occurred_at = tx.occurred_at(command.occurred_at)?;
    let valid_from = command.valid_from.unwrap_or(wall_clock(occurred_at, tx.place()?.zone).date());
    let by = speaker(&team, &standing, tx.person()?, Some(command.person));
    let membership = team.ask(id, command.person, command.kind, valid_from, by)?.clone();
    store::team::put_membership(tx, &mut team, &membership).await?;
    events::tell(tx, &team, Fact::MemberAsked);
    Ok(membership)
}

/// Answers an invitation or a suggestion.
#[derive(Clone, Debug)]
pub struct Answer {
    pub team: TeamId,
    pub membership: MembershipId,
    pub accept: bool,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Says yes or no, for oneself: the Owner to a suggestion, the person to an invitation.
pub async fn answer(tx: &mut Tx, command: Answer) -> Result<Membership> {
    let about = store::team::person_of_membership(tx, command.team, command.membership).await?;
    let (mut team, standing) = open(tx, command.team, about, Action::AnswerInvitation).await?;
    tx.occurred_at(command.occurred_at)?;
    let (person, owner) = (speaker(&team, &standing, tx.person()?, about), team.owner);
    let membership = team.membership(command.membership).ok_or(Error::NotFound("membership"))?;
    let change = membership.answer(person, owner, command.accept)?;
    let membership = membership.clone();
    if change == Change::Changed {
        store::team::put_membership(tx, &mut team, &membership).await?;
        let joined = membership.state == State::Member;
        events::tell(tx, &team, if joined { Fact::MemberJoined } else { Fact::MemberAsked });
    }
    Ok(membership)
}

/// Ends a membership.
#[derive(Clone, Debug)]
pub struct End {
    pub team: TeamId,
    pub membership: MembershipId,
    pub valid_until: Option<NaiveDate>,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Leaves a Team, or ends a membership as its Owner.
pub async fn end(tx: &mut Tx, command: End) -> Result<Membership> {
    let about = store::team::person_of_membership(tx, command.team, command.membership).await?;
    let (mut team, _) = open(tx, command.team, about, Action::EndMembership).await?;
    let occurred_at = tx.occurred_at(command.occurred_at)?;
    let valid_until = command.valid_until.unwrap_or(wall_clock(occurred_at, tx.place()?.zone).date());
    if team.membership(command.membership).is_none() {
        return Err(Error::NotFound("membership"));
    }
    let change = team.end_membership(command.membership, valid_until)?;
    let membership = team.membership(command.membership).ok_or(Refused::NotAMember)?.clone();
    if change == Change::Changed {
        store::team::put_membership(tx, &mut team, &membership).await?;
        events::tell(tx, &team, Fact::MemberLeft);
    }
    Ok(membership)
}

/// Both sides said yes after a trial.
#[derive(Clone, Debug)]
pub struct Welcome {
    pub id: MembershipId,
    pub team: TeamId,
    pub person: PersonId,
    pub kind: Kind,
    pub trial_until: Option<NaiveDate>,
}

/// The Team proposes membership after a trial: the Owner's yes was given when the trial was concluded, and the giver
/// answers. Changes nothing where the person was asked already or the Team is not there.
/// Nobody is asked who has left.
pub async fn welcome(tx: &mut Tx, command: Welcome) -> Result<()> {
    let Some(mut team) = store::team::load_for_update(tx, command.team).await? else {
        return Ok(());
    };
    if people::left_at(tx, command.person).await?.is_some() {
        return Ok(());
    }
    let today = tx.today()?;
    let valid_from = command.trial_until.map_or(today, |day| day.min(today));
    let owner = team.owner;
    match team.ask(command.id, command.person, command.kind, valid_from, owner) {
        Ok(membership) => {
            let membership = membership.clone();
            store::team::put_membership(tx, &mut team, &membership).await?;
            events::tell(tx, &team, Fact::MemberAsked);
            Ok(())
        }
        Err(Refused::AlreadyAsked) => Ok(()),
        Err(refused) => Err(refused.into()),
    }
}

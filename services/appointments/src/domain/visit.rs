//! Visits: what was planned, what really happened, and what is agreed and settled.
//!
//! Plan, actual and agreed are kept apart. Every transition may be repeated: what is so already stays as it is.

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, Timelike, Utc};
use chrono_tz::Tz;
use kith_platform::id::PersonId;

use super::facts::{Actual, Cancellation, Moment, OnTheDay, ProposedCover, ProposedMove, Settled};
use super::pattern::{Period, check_start};
use super::series::{Series, promise_missing};
use super::{Actor, Outcome, Refused, SeriesId, Settlement, Side, TeamId, VisitId, VisitKind, VisitState};

/// A visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Its id.
    pub id: VisitId,
    /// Of which series.
    pub series_id: SeriesId,
    /// Of which Team.
    pub team_id: TeamId,
    /// The giver; the covering one where it is covered.
    pub giver: PersonId,
    /// What for.
    pub kind: VisitKind,
    /// Wall-clock start as first planned; never changes.
    pub occurrence_local: NaiveDateTime,
    /// Wall-clock start as planned now.
    pub starts_local: NaiveDateTime,
    /// Whose clock.
    pub zone: Tz,
    /// How much later on the clock it ends, in minutes.
    pub wall_minutes: i32,
    /// The plan as instants.
    pub plan: Period,
    /// Where it stands.
    pub state: VisitState,
    /// What really happened, as recorded.
    pub actual: Option<Actual>,
    /// What pay and charges follow; `None` while nothing is to be settled.
    pub settled: Option<Settled>,
    /// Raised whenever `settled` changes.
    pub settlement_no: i64,
    /// Where it was called off, also where it was covered afterwards.
    pub cancellation: Option<Cancellation>,
    /// Another time that awaits its answer.
    pub proposed_move: Option<ProposedMove>,
    /// A cover that awaits its answer.
    pub proposed_cover: Option<ProposedCover>,
    /// Whether it was brought in from before the tenant went live.
    pub brought_in: bool,
    /// Rises with every change.
    pub version: i64,
}

impl Visit {
    /// A visit of an agreed series, as planned.
    pub fn planned(
        id: VisitId,
        series: &Series,
        starts_local: NaiveDateTime,
        plan: Period,
        brought_in: bool,
    ) -> Self {
        Self {
            id,
            series_id: series.id,
            team_id: series.team_id,
            giver: series.giver,
            kind: series.kind,
            occurrence_local: starts_local,
            starts_local,
            zone: series.pattern.zone,
            wall_minutes: series.pattern.wall_minutes,
            plan,
            state: VisitState::Planned,
            actual: None,
            settled: None,
            settlement_no: 0,
            cancellation: None,
            proposed_move: None,
            proposed_cover: None,
            brought_in,
            version: 1,
        }
    }

    /// The local day that its terms, its Promise and its month go by.
    pub fn day(&self) -> NaiveDate {
        self.occurrence_local.date()
    }

    /// Whether giver and Owner are booked for it.
    pub const fn is_booked(&self) -> bool {
        matches!(self.state, VisitState::Planned | VisitState::Agreed)
    }

    /// Whether somebody is its giver, or is asked to be.
    pub fn is_for(&self, person: PersonId) -> bool {
        self.giver == person || self.proposed_cover.is_some_and(|proposal| proposal.giver == person)
    }

    /// Whether somebody is or was its giver, or is asked to be.
    pub fn concerns(&self, person: PersonId) -> bool {
        let called_off = |earlier: Cancellation| earlier.by == Actor { person, side: Side::Giver };
        self.is_for(person) || self.cancellation.is_some_and(called_off)
    }

    /// Whether somebody is its giver now.
    pub fn is_given_by(&self, person: PersonId) -> bool {
        self.giver == person
    }

    /// Calls the visit off. The giver's side is never charged. The Team's side is, where less than the notice remained;
    /// in a live tenant a past cancellation counts by when it was written down until the giver confirms it.
    pub fn cancel(&mut self, actor: Actor, moment: Moment, day: OnTheDay) -> Result<Outcome, Refused> {
        if self.cancellation.is_some_and(|earlier| self.is_the_same_word(earlier, actor, moment)) {
            return Ok(Outcome::Unchanged);
        }
        if matches!(self.state, VisitState::Cancelled | VisitState::LateCancelled) {
            return Err(Refused::AlreadyCalledOff);
        }
        self.check_planned()?;
        self.check_theirs(actor)?;
        if moment.occurred_at >= self.plan.ends_at {
            return Err(Refused::AlreadyOver);
        }
        let in_time = |at: DateTime<Utc>| self.plan.starts_at - at >= Duration::hours(day.notice_hours);
        let claims_in_time = actor.side == Side::Giver || in_time(moment.occurred_at);
        let counts_in_time = actor.side == Side::Giver
            || (claims_in_time && (moment.preparing || in_time(moment.recorded_at)));

        self.state = if counts_in_time { VisitState::Cancelled } else { VisitState::LateCancelled };
        self.cancellation = Some(Cancellation {
            by: actor,
            occurred_at: moment.occurred_at,
            awaits_confirmation: claims_in_time && !counts_in_time,
        });
        self.brought_in |= moment.preparing;
        self.proposed_move = None;
        self.settle(if counts_in_time { None } else { self.charged_for_nothing(day) });
        Ok(Outcome::Changed)
    }

    /// Only paid time is charged although nobody came, and nothing is paid without a Promise.
    fn charged_for_nothing(&self, day: OnTheDay) -> Option<Settled> {
        let charged = day.settlement == Some(Settlement::Money) && day.promise_holds;
        charged.then_some(Settled { period: self.plan, settlement: Settlement::Money })
    }

    /// The giver says that the Team's side did call off in time.
    pub fn confirm_cancellation(&mut self, actor: Actor) -> Result<Outcome, Refused> {
        self.check_theirs(Actor { side: Side::Giver, ..actor })?;
        let Some(cancellation) = self.cancellation.as_mut().filter(|earlier| earlier.by.side == Side::Team)
        else {
            return Err(Refused::NothingToConfirm);
        };
        if !cancellation.awaits_confirmation {
            let confirmed_already = self.state == VisitState::Cancelled;
            return if confirmed_already { Ok(Outcome::Unchanged) } else { Err(Refused::NothingToConfirm) };
        }
        cancellation.awaits_confirmation = false;
        self.state = VisitState::Cancelled;
        self.settle(None);
        Ok(Outcome::Changed)
    }

    /// Asks somebody to cover what its giver called off, or offers oneself. `actor.side` is the giver's where the
    /// covering giver speaks.
    pub fn propose_cover(&mut self, actor: Actor, covering: PersonId) -> Result<Outcome, Refused> {
        if actor.side == Side::Giver && actor.person != covering {
            return Err(Refused::NotTheirVisit);
        }
        let proposal = ProposedCover { giver: covering, by: actor.side };
        if self.proposed_cover == Some(proposal) || (self.is_covered() && self.giver == covering) {
            return Ok(Outcome::Unchanged);
        }
        if self.state != VisitState::Cancelled || !self.called_off_by_giver() {
            return Err(Refused::NotCoverable);
        }
        if self.proposed_cover.is_some() {
            return Err(Refused::AnotherProposed);
        }
        self.proposed_cover = Some(proposal);
        Ok(Outcome::Changed)
    }

    /// The other side says yes or no to that giver as cover. With a yes the visit is planned again, with them.
    pub fn answer_cover(
        &mut self,
        actor: Actor,
        covering: PersonId,
        accept: bool,
    ) -> Result<Outcome, Refused> {
        let Some(proposal) = self.proposed_cover.filter(|proposal| proposal.giver == covering) else {
            return if accept && self.is_covered() && self.giver == covering {
                Ok(Outcome::Unchanged)
            } else {
                Err(Refused::NothingProposed)
            };
        };
        if actor.side == proposal.by {
            return Err(Refused::SameSide);
        }
        if actor.side == Side::Giver && actor.person != proposal.giver {
            return Err(Refused::NotTheirVisit);
        }
        self.proposed_cover = None;
        if accept {
            self.giver = proposal.giver;
            self.state = VisitState::Planned;
        }
        Ok(Outcome::Changed)
    }

    /// Somebody who was asked to cover, or offered to, cannot any more.
    pub fn forget_cover_by(&mut self, person: PersonId) -> Outcome {
        if self.proposed_cover.is_none_or(|proposal| proposal.giver != person) {
            return Outcome::Unchanged;
        }
        self.proposed_cover = None;
        Outcome::Changed
    }

    /// Whether it is planned and begins at that moment or later.
    pub fn is_planned_after(&self, moment: DateTime<Utc>) -> bool {
        self.state == VisitState::Planned && self.plan.starts_at >= moment
    }

    /// Proposes another time of the same wall length. With the time it has already, a side takes its proposal back.
    pub fn propose_move(&mut self, actor: Actor, starts_local: NaiveDateTime) -> Result<Outcome, Refused> {
        check_start(starts_local)?;
        self.check_theirs(actor)?;
        let proposal =
            (self.starts_local != starts_local).then_some(ProposedMove { starts_local, by: actor.side });
        if self.proposed_move == proposal {
            return Ok(Outcome::Unchanged);
        }
        self.check_planned()?;
        if self.proposed_move.is_some_and(|earlier| earlier.by != actor.side) {
            return Err(Refused::AnotherProposed);
        }
        self.proposed_move = proposal;
        Ok(Outcome::Changed)
    }

    /// The other side says yes or no to that time.
    pub fn answer_move(
        &mut self,
        actor: Actor,
        starts_local: NaiveDateTime,
        accept: bool,
    ) -> Result<Outcome, Refused> {
        self.check_theirs(actor)?;
        let Some(proposal) = self.proposed_move.filter(|proposal| proposal.starts_local == starts_local)
        else {
            let moved_already = accept && self.starts_local == starts_local;
            return if moved_already { Ok(Outcome::Unchanged) } else { Err(Refused::NothingProposed) };
        };
        if actor.side == proposal.by {
            return Err(Refused::SameSide);
        }
        self.check_planned()?;
        self.proposed_move = None;
        if accept {
            self.starts_local = proposal.starts_local;
            self.plan = Period::planned(proposal.starts_local, self.wall_minutes, self.zone);
        }
        Ok(Outcome::Changed)
    }

    /// Records when it really began and ended. Where the other side recorded the same before, both have said so.
    /// After the visit was agreed this proposes a correction, which counts once it is agreed too.
    pub fn record_actual(
        &mut self,
        actor: Actor,
        began: DateTime<Utc>,
        ended: DateTime<Utc>,
    ) -> Result<Outcome, Refused> {
        self.check_theirs(actor)?;
        let whole = |at: DateTime<Utc>| at.second() == 0 && at.nanosecond() == 0;
        if !whole(began) || !whole(ended) || ended <= began || ended - began > Duration::hours(48) {
            return Err(Refused::ActualOutOfRange);
        }
        let period = Period { starts_at: began, ends_at: ended };
        let same = self.actual.filter(|actual| actual.period == period);
        if same.is_some_and(|actual| actual.by == actor.side || actual.accepted) {
            return Ok(Outcome::Unchanged);
        }
        if !self.is_booked() {
            return Err(Refused::WrongState { state: self.state });
        }
        self.actual = Some(match same {
            Some(actual) => Actual { accepted: true, ..actual },
            None => Actual { period, by: actor.side, accepted: false },
        });
        Ok(Outcome::Changed)
    }

    /// The Team's side agrees what happened: the recorded times where there are any, otherwise the plan. Times that the
    /// Team's side recorded itself must have been recorded by the giver too.
    pub fn agree(&mut self, actor: Actor, moment: Moment, day: OnTheDay) -> Result<Outcome, Refused> {
        if actor.side != Side::Team {
            return Err(Refused::TeamSideOnly);
        }
        let happened = self.actual.map_or(self.plan, |actual| actual.period);
        let agreed_before = self.settled.filter(|_| self.state == VisitState::Agreed);
        if agreed_before.is_some_and(|settled| settled.period == happened) {
            return Ok(Outcome::Unchanged);
        }
        if !self.is_booked() {
            return Err(Refused::WrongState { state: self.state });
        }
        if self.actual.is_some_and(|actual| actual.by == Side::Team && !actual.accepted) {
            return Err(Refused::ActualNotAccepted);
        }
        if moment.occurred_at < happened.ends_at {
            return Err(Refused::NotOverYet);
        }
        // What was agreed as paid or unpaid stays so when only its times are corrected.
        let settlement = agreed_before.map(|settled| settled.settlement).or(day.settlement);
        let settlement = settlement.ok_or(Refused::NoTerms)?;
        if promise_missing(Some(settlement), day.promise_holds) {
            return Err(Refused::PromiseNotSigned);
        }
        self.state = VisitState::Agreed;
        self.proposed_move = None;
        self.brought_in |= moment.preparing;
        self.settle(Some(Settled { period: happened, settlement }));
        Ok(Outcome::Changed)
    }

    /// The Team's side has it settled again with nothing of it changed, as the terms of its day now are; the number that
    /// rises tells finance to take the earlier settlement back. It happened once, so nothing is dated.
    pub fn settle_again(&mut self, actor: Actor, day: OnTheDay) -> Result<(), Refused> {
        if actor.side != Side::Team {
            return Err(Refused::TeamSideOnly);
        }
        self.settled = match (self.state, self.settled) {
            (VisitState::Agreed, Some(Settled { period, .. })) => {
                let settlement = day.settlement.ok_or(Refused::NoTerms)?;
                if promise_missing(Some(settlement), day.promise_holds) {
                    return Err(Refused::PromiseNotSigned);
                }
                Some(Settled { period, settlement })
            }
            (VisitState::LateCancelled, _) => self.charged_for_nothing(day),
            _ => return Err(Refused::WrongState { state: self.state }),
        };
        self.settlement_no += 1;
        Ok(())
    }

    /// The Team's side says that nobody came.
    pub fn mark_missed(&mut self, actor: Actor, moment: Moment) -> Result<Outcome, Refused> {
        if actor.side != Side::Team {
            return Err(Refused::TeamSideOnly);
        }
        if self.state == VisitState::Missed {
            return Ok(Outcome::Unchanged);
        }
        self.check_planned()?;
        if self.actual.is_some_and(|actual| actual.by == Side::Giver || actual.accepted) {
            return Err(Refused::ActualRecorded);
        }
        if moment.occurred_at < self.plan.starts_at {
            return Err(Refused::NotOverYet);
        }
        self.state = VisitState::Missed;
        self.proposed_move = None;
        self.brought_in |= moment.preparing;
        Ok(Outcome::Changed)
    }

    /// Whether somebody says again what they said when they called off, also after it was covered.
    fn is_the_same_word(&self, earlier: Cancellation, actor: Actor, moment: Moment) -> bool {
        let same_voice = earlier.by.side == actor.side && (actor.side == Side::Team || earlier.by == actor);
        let still_holds =
            self.state != VisitState::Planned || (actor.side == Side::Giver && actor.person != self.giver);
        same_voice && (earlier.occurred_at == moment.occurred_at || (!moment.stated && still_holds))
    }

    fn called_off_by_giver(&self) -> bool {
        self.cancellation.is_some_and(|earlier| earlier.by.side == Side::Giver)
    }

    /// Whether somebody covers what its giver called off.
    pub fn is_covered(&self) -> bool {
        self.called_off_by_giver() && self.state != VisitState::Cancelled
    }

    fn check_planned(&self) -> Result<(), Refused> {
        if self.state == VisitState::Planned {
            Ok(())
        } else {
            Err(Refused::WrongState { state: self.state })
        }
    }

    fn check_theirs(&self, actor: Actor) -> Result<(), Refused> {
        let of_another = actor.side == Side::Giver && actor.person != self.giver;
        if of_another { Err(Refused::NotTheirVisit) } else { Ok(()) }
    }

    fn settle(&mut self, settled: Option<Settled>) {
        if self.settled != settled {
            self.settled = settled;
            self.settlement_no += 1;
        }
    }
}

#[cfg(test)]
#[path = "visit_tests.rs"]
mod tests;

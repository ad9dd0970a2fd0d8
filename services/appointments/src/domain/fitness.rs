//! Fitness: whether a giver may have a visit with a Team on a day.

use chrono::{NaiveDate, NaiveDateTime};

use super::giver::Giver;
use super::introduction::Introduction;
use super::team::{Admission, Team};
use super::{Refused, VisitKind};

/// What is known of a giver towards one Team.
#[derive(Clone, Debug)]
pub struct Fitness {
    /// The giver.
    pub giver: Giver,
    /// Their introductions to the Team.
    pub introductions: Vec<Introduction>,
    /// Sessions planned or held under each introduction's trial, in the same order.
    pub sessions: Vec<i64>,
    /// The first day on which the giver is not in this place any more, if they left.
    pub left_on: Option<NaiveDate>,
}

impl Fitness {
    /// Refuses a day on which the giver has left, neither belongs to the Team nor is on trial with it, or is not ready.
    pub fn check_day(
        &self,
        team: &Team,
        kind: VisitKind,
        starts_local: NaiveDateTime,
    ) -> Result<Admission, Refused> {
        let day = starts_local.date();
        if self.left_on.is_some_and(|left_on| left_on <= day) {
            return Err(Refused::GiverHasLeft);
        }
        let admission = team
            .admits(self.giver.person, &self.introductions, kind, day)
            .ok_or(Refused::NotInTeam { starts_local })?;
        if !self.giver.is_ready_on(day) {
            return Err(Refused::GiverNotReady { starts_local });
        }
        Ok(admission)
    }

    /// As [`Self::check_day`], for one visit more: it counts as a session where the giver is on trial.
    pub fn admit(
        &mut self,
        team: &Team,
        kind: VisitKind,
        starts_local: NaiveDateTime,
    ) -> Result<(), Refused> {
        let Admission::Trial(place) = self.check_day(team, kind, starts_local)? else {
            return Ok(());
        };
        let agreed = self.introductions[place].open_trial().map_or(0, |trial| trial.sessions);
        let taken = &mut self.sessions[place];
        if *taken >= i64::from(agreed) {
            return Err(Refused::TrialSessionsUsed { sessions: agreed });
        }
        *taken += 1;
        Ok(())
    }
}

//! The list of visits that wait for something, or that a person should look at.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::Uuid;
use kith_platform::page::Page;

use super::standing::{note_owners, require_for_either};
use crate::domain::settlement::Listed;
use crate::domain::{CircleId, TeamId};
use crate::policy::Action;
use crate::store;

/// Asks for the list of a Team or of a Circle.
#[derive(Clone, Debug)]
pub struct List {
    pub team_id: Option<TeamId>,
    pub circle_id: Option<CircleId>,
    pub page: Page<(NaiveDate, Uuid, String)>,
}

/// Lists unsettled visits by planned day, one that is listed for two reasons twice, with the token of the next page.
pub async fn list(tx: &mut Tx, query: List) -> Result<(Vec<Listed>, String)> {
    require_for_either(tx, Action::ListUnsettledVisits, query.team_id, query.circle_id).await?;
    let mut visits = store::unsettled::page(tx, query.team_id, query.circle_id, &query.page).await?;
    let next = query.page.cut(&mut visits, |visit| {
        (visit.planned_date, visit.visit_id.0, store::unsettled::word(visit.reason).to_owned())
    });
    note_owners(tx, visits.iter().map(|visit| visit.team_id)).await?;
    Ok((visits, next))
}

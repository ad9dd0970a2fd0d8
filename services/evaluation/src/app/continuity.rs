//! How continuous a Team's support was.

use kith_platform::authz::{Standing, Subject};
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};

use crate::domain::TeamId;
use crate::domain::continuity::{Continuity, Month};
use crate::policy::Action;
use crate::store;

/// Asks for the continuity of a Team's support.
#[derive(Clone, Copy, Debug)]
pub struct Get {
    pub team: TeamId,
    pub month: Month,
}

/// Works out the continuity of a month for the Team itself and for the members of its Circle.
pub async fn get(tx: &mut Tx, query: Get) -> Result<Continuity> {
    let (person, today) = (tx.person()?, tx.today()?);
    let team = store::team::load(tx, query.team).await?.ok_or(Error::NotFound("team"))?;
    let circle = store::circle::load(tx, team.circle).await?;
    let standing = Standing::new()
        .with("owner", team.owner == person)
        .with("member", team.has_member(person, today))
        .with("circle_member", circle.has_member(person, today));
    tx.require(Action::GetContinuity, Subject::about("team", team.id, team.owner), &standing)?;
    let visits = store::visit::agreed_of_month(tx, team.id, query.month).await?;
    Ok(Continuity::of(&visits))
}

//! What becomes of somebody's places and hats when they leave the tenant.

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;
use kith_platform::local::wall_clock;
use kith_platform::people::{self, Departure};

use crate::domain::{Refused, team::Parting};
use crate::events::{self, Fact};
use crate::store;

/// Ends the memberships of somebody who has left, takes their hats off and closes what they were asked. The Teams go on, a
/// Team of their own included: what others keep of them stays. Told a second time it changes nothing.
pub async fn left(tx: &mut Tx, departure: Departure) -> Result<()> {
    let Departure { person, left_at } = departure;
    let day = wall_clock(left_at, tx.place()?.zone).date();
    for id in store::team::touching(tx, person).await? {
        let Some(mut team) = store::team::load_for_update(tx, id).await? else {
            continue;
        };
        let Parting { memberships, holdings } = team.part_with(person, day);
        for holding in &holdings {
            store::team::put_holding(tx, &mut team, holding).await?;
        }
        for membership in &memberships {
            store::team::put_membership(tx, &mut team, membership).await?;
        }
        if !memberships.is_empty() {
            events::tell(tx, &team, Fact::MemberLeft);
        } else if !holdings.is_empty() {
            events::tell(tx, &team, Fact::HatsChanged);
        }
    }
    Ok(())
}

/// Refuses somebody who has left, for what is asked of them now.
pub async fn must_be_here(tx: &mut Tx, person: PersonId) -> Result<()> {
    match people::left_at(tx, person).await? {
        Some(_) => Err(Refused::HasLeft.into()),
        None => Ok(()),
    }
}

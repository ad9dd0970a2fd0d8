//! What becomes of somebody's places and hats in Circles when they leave the tenant.

use chrono::{DateTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;
use kith_platform::local::wall_clock;
use kith_platform::people::Departure;

use crate::domain::Refused;
use crate::domain::circle::Circle;
use crate::events::{self, CircleFact};
use crate::store;

/// Ends the places of somebody who has left, takes their hats off and closes what they were asked. The Circles go on: no
/// decision waits for them any more. Told a second time it changes nothing. The person is locked already, their Circles are
/// locked here, in the order of their ids: see [`super`].
pub async fn left(tx: &mut Tx, departure: Departure) -> Result<()> {
    let Departure { person, left_at } = departure;
    for id in store::circle::touching(tx, person).await? {
        if let Some(mut circle) = store::circle::load_for_update(tx, id).await? {
            part(tx, &mut circle, person, left_at).await?;
        }
    }
    Ok(())
}

/// Ends what somebody has in one Circle.
pub async fn part(tx: &mut Tx, circle: &mut Circle, person: PersonId, left_at: DateTime<Utc>) -> Result<()> {
    let day = wall_clock(left_at, tx.place()?.zone).date();
    let parting = circle.part_with(person, day);
    for holding in &parting.hats {
        store::circle::put_holding(tx, circle, *holding).await?;
    }
    if parting.place {
        store::circle::put_member(tx, circle, person).await?;
        events::tell_circle(tx, circle, CircleFact::MembersChanged);
    } else if !parting.hats.is_empty() {
        events::tell_circle(tx, circle, CircleFact::HatsChanged);
    }
    Ok(())
}

/// Refuses somebody who has left ([`kith_platform::people::left_at`], asked before the Circle was locked), for what they answer or are
/// asked now.
pub fn must_be_here(left_at: Option<DateTime<Utc>>) -> Result<(), Refused> {
    if left_at.is_some() { Err(Refused::HasLeft) } else { Ok(()) }
}

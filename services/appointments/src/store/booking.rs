//! Who is booked when. That nobody is booked twice is held by `booking_no_overlap`.

use std::collections::HashSet;

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;

use crate::domain::visit::Visit;
use crate::domain::{Refused, VisitId};

/// Books the visits' giver and their Owner for their plans. What would book somebody twice is left out by the database
/// and refused here, with the first such start.
pub async fn place(tx: &mut Tx, visits: &[Visit], owner: PersonId) -> Result<()> {
    let tenant = tx.tenant();
    let mut rows = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for visit in visits {
        for person in [visit.giver, owner] {
            rows.0.push(visit.id.0);
            rows.1.push(person.0);
            rows.2.push(visit.plan.starts_at);
            rows.3.push(visit.plan.ends_at);
        }
    }
    let placed = sqlx::query!(
        "insert into booking (tenant_id, visit_id, person_id, starts_at, ends_at, group_id)
         select $1, visit_id, person_id, starts_at, ends_at, visit_id
         from unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[])
             as booked (visit_id, person_id, starts_at, ends_at)
         on conflict on constraint booking_no_overlap do nothing
         returning visit_id, person_id",
        tenant.0,
        &rows.0,
        &rows.1,
        &rows.2,
        &rows.3
    )
    .fetch_all(tx.conn())
    .await?;
    let placed: HashSet<_> = placed.into_iter().map(|row| (row.visit_id, row.person_id)).collect();
    for visit in visits {
        if [visit.giver, owner].iter().any(|person| !placed.contains(&(visit.id.0, person.0))) {
            return Err(Refused::DoubleBooking { starts_local: visit.starts_local }.into());
        }
    }
    Ok(())
}

/// Frees whoever was booked for the visit.
pub async fn remove(tx: &mut Tx, visit: VisitId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("delete from booking where tenant_id = $1 and visit_id = $2", tenant.0, visit.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

//! What is kept of givers.

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;
use sqlx::types::Json;

use crate::domain::giver::{Giver, Readiness, Terms};

/// A giver; somebody of whom nothing is known here has neither readiness nor terms.
pub async fn load(tx: &mut Tx, person: PersonId) -> Result<Giver> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"select readiness as "readiness: Json<Readiness>", terms as "terms: Json<Vec<Terms>>"
         from known_giver where tenant_id = $1 and person_id = $2"#,
        tenant.0,
        person.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(match row {
        Some(row) => {
            Giver { person, readiness: row.readiness.map(|readiness| readiness.0), terms: row.terms.0 }
        }
        None => Giver { person, readiness: None, terms: Vec::new() },
    })
}

/// Keeps a giver as they are now.
pub async fn save(tx: &mut Tx, giver: &Giver) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into known_giver (tenant_id, person_id, readiness, terms) values ($1, $2, $3, $4)
         on conflict on constraint known_giver_pkey do update set readiness = $3, terms = $4",
        tenant.0,
        giver.person.0,
        giver.readiness.map(Json) as _,
        Json(&giver.terms) as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

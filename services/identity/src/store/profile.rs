//! How the tenant presents itself.

use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Error, Result};

use super::words;
use crate::domain::account::Email;
use crate::domain::profile::{Profile, Wording};

/// Reads the profile, and locks it with the tenant where it is to be changed.
pub async fn load(tx: &mut Tx, for_update: bool) -> Result<Option<Profile>> {
    let tenant = tx.tenant();
    if for_update {
        sqlx::query!("select tenant_id from tenant where tenant_id = $1 for update", tenant.0)
            .fetch_optional(tx.conn())
            .await?;
    }
    let row =
        sqlx::query!("select display_name, mail_sender, version from tenant where tenant_id = $1", tenant.0)
            .fetch_optional(tx.conn())
            .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let mail_sender = match row.mail_sender.as_str() {
        "" => None,
        address => Some(Email::parse(address).ok_or_else(|| Error::Inconsistent {
            table: "tenant",
            row: tenant.to_string(),
            problem: "its mail sender is no address".into(),
        })?),
    };
    let rows = sqlx::query!(
        "select thing, valid_from, singular, plural from tenant_wording where tenant_id = $1",
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    let mut wording = Vec::with_capacity(rows.len());
    for row in rows {
        wording.push(Wording {
            thing: words::thing(&row.thing, tenant)?,
            singular: row.singular,
            plural: row.plural,
            valid_from: row.valid_from,
        });
    }
    wording.sort_by_key(|wording| (wording.thing, wording.valid_from));
    Ok(Some(Profile { display_name: row.display_name, mail_sender, wording, version: row.version }))
}

/// Writes the profile and raises its version; the tenant's row is locked.
pub async fn save(tx: &mut Tx, profile: &mut Profile) -> Result<()> {
    let tenant = tx.tenant();
    let saved = sqlx::query!(
        "update tenant set display_name = $3, mail_sender = $4, version = version + 1
         where tenant_id = $1 and version = $2",
        tenant.0,
        profile.version,
        profile.display_name,
        profile.mail_sender.as_ref().map_or("", Email::as_str),
    )
    .execute(tx.conn())
    .await?;
    changed_one(&saved)?;
    profile.version += 1;
    for wording in &profile.wording {
        sqlx::query!(
            "insert into tenant_wording (tenant_id, thing, valid_from, singular, plural) values ($1, $2, $3, $4, $5)
             on conflict on constraint tenant_wording_pk do update set singular = $4, plural = $5",
            tenant.0,
            words::thing_word(wording.thing),
            wording.valid_from,
            wording.singular,
            wording.plural,
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

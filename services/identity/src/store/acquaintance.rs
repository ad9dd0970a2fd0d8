//! Who belongs to which Team or Circle, as the others tell it, and who is what to whom.

use std::collections::HashMap;

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};

use crate::domain::acquaintance::{Group, GroupKind, Ties};

fn kind_word(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Team => "team",
        GroupKind::Circle => "circle",
    }
}

/// Writes who belongs to a Team or a Circle now, in place of what was told before.
pub async fn put(tx: &mut Tx, group: &Group) -> Result<()> {
    let tenant = tx.tenant();
    let kind = kind_word(group.kind);
    sqlx::query!(
        "delete from belonging where tenant_id = $1 and kind = $2 and group_id = $3",
        tenant.0,
        kind,
        group.id.0
    )
    .execute(tx.conn())
    .await?;
    let people: Vec<Uuid> = group.people.iter().map(|belonging| belonging.person.0).collect();
    let from: Vec<Option<NaiveDate>> = group.people.iter().map(|belonging| belonging.valid_from).collect();
    let until: Vec<Option<NaiveDate>> = group.people.iter().map(|belonging| belonging.valid_until).collect();
    sqlx::query!(
        "insert into belonging (tenant_id, kind, group_id, place, person_id, valid_from, valid_until)
         select $1, $2, $3, b.place, b.person, b.valid_from, b.valid_until
         from unnest($4::uuid[], $5::date[], $6::date[]) with ordinality
             as b (person, valid_from, valid_until, place)",
        tenant.0,
        kind,
        group.id.0,
        &people,
        &from as &[Option<NaiveDate>],
        &until as &[Option<NaiveDate>],
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps who invited somebody.
pub async fn invited(tx: &mut Tx, person: PersonId, by: PersonId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into inviter (tenant_id, person_id, invited_by) values ($1, $2, $3)",
        tenant.0,
        person.0,
        by.0
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What somebody is to each of these people on a day.
pub async fn ties(
    tx: &mut Tx,
    person: PersonId,
    others: &[Uuid],
    day: NaiveDate,
) -> Result<HashMap<PersonId, Ties>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select asked.id as "other!",
             exists (
                 select from belonging mine
                     join belonging theirs on theirs.tenant_id = mine.tenant_id and theirs.kind = mine.kind
                         and theirs.group_id = mine.group_id
                     join person them on them.tenant_id = theirs.tenant_id and them.id = theirs.person_id
                         and them.left_at is null
                 where mine.tenant_id = $1 and mine.person_id = $2 and theirs.person_id = asked.id
                     and (mine.valid_from is null or mine.valid_from <= $4)
                     and (mine.valid_until is null or $4 < mine.valid_until)
                     and (theirs.valid_from is null or theirs.valid_from <= $4)
                     and (theirs.valid_until is null or $4 < theirs.valid_until)) as "fellow!",
             exists (
                 select from representative r
                 where r.tenant_id = $1 and r.person_id = asked.id and r.representative_person_id = $2
                     and r.confirmed_at is not null and r.ended_at is null
                     and r.valid_from <= $4 and (r.valid_until is null or $4 < r.valid_until)) as "representative!",
             exists (
                 select from representative r
                 where r.tenant_id = $1 and r.person_id = $2 and r.representative_person_id = asked.id
                     and r.confirmed_at is not null and r.ended_at is null
                     and r.valid_from <= $4 and (r.valid_until is null or $4 < r.valid_until)) as "represented!",
             exists (
                 select from inviter i
                 where i.tenant_id = $1 and i.person_id = asked.id and i.invited_by = $2) as "inviter!"
         from unnest($3::uuid[]) as asked (id)"#,
        tenant.0,
        person.0,
        others,
        day,
    )
    .fetch_all(tx.conn())
    .await?;
    let ties = rows.into_iter().map(|row| {
        let ties = Ties {
            fellow: row.fellow,
            representative: row.representative,
            represented: row.represented,
            inviter: row.inviter,
        };
        (PersonId(row.other), ties)
    });
    Ok(ties.collect())
}

//! Who may know whose name. What teams and governance tell of their members is kept here for that alone.

use std::collections::HashMap;

use kith_platform::authz::Standing;
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};

use crate::domain::acquaintance::{Group, Ties};
use crate::store;

/// The words of standing by which somebody knows a name; `policy.cedar` names the same for `GetPeople`.
const BY_WHICH_A_NAME_IS_KNOWN: &[&str] = &[
    "self",
    "fellow",
    "representative",
    "represented",
    "inviter",
    "administrator",
    "checks",
    "privacy_lead",
    "break_glass",
];

/// Keeps a Team or a Circle as it is told.
pub async fn project(tx: &mut Tx, group: &Group) -> Result<()> {
    store::acquaintance::put(tx, group).await
}

/// Whether somebody of that standing knows the name.
pub fn knows_the_name(standing: &Standing) -> bool {
    BY_WHICH_A_NAME_IS_KNOWN.iter().any(|word| standing.is(word))
}

/// What the caller is in this tenant and to each of these people. Who is nobody here, or nobody any more, is nothing to
/// anybody.
pub async fn towards(tx: &mut Tx, people: &[PersonId]) -> Result<HashMap<PersonId, Standing>> {
    let caller = tx.person()?;
    let standing = super::person::standing(tx).await?;
    let mut ties = HashMap::new();
    if standing.is("anyone") {
        let asked: Vec<Uuid> = people.iter().map(|person| person.0).collect();
        let today = tx.today()?;
        ties = store::acquaintance::ties(tx, caller, &asked, today).await?;
    }
    let towards = |person: &PersonId| {
        let own = *person == caller && standing.is("anyone");
        let ties = ties.get(person).copied().unwrap_or_default();
        (*person, add(standing.clone().with("self", own), ties))
    };
    Ok(people.iter().map(towards).collect())
}

/// Adds the caller's open emergency looks at those whose names they would not know otherwise.
pub async fn look(tx: &mut Tx, towards: &mut HashMap<PersonId, Standing>) -> Result<()> {
    let unknown = towards.iter().filter(|(_, standing)| !knows_the_name(standing));
    let unknown: Vec<PersonId> = unknown.map(|(person, _)| *person).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    for (person, look) in tx.open_looks_at(&unknown).await? {
        let standing = towards.remove(&person).unwrap_or_default();
        towards.insert(person, standing.under_break_glass(look));
    }
    Ok(())
}

/// As [`towards`], for one person.
pub async fn towards_one(tx: &mut Tx, person: PersonId) -> Result<Standing> {
    Ok(towards(tx, &[person]).await?.remove(&person).unwrap_or_default())
}

fn add(standing: Standing, ties: Ties) -> Standing {
    standing
        .with("fellow", ties.fellow)
        .with("representative", ties.representative)
        .with("represented", ties.represented)
        .with("inviter", ties.inviter)
}

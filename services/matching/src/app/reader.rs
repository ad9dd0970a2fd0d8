//! Who reads, as far as consents are concerned, and the words that consents about matching are made of.

use kith_platform::consent::{self, Reader};
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::hats;
use kith_platform::id::PersonId;

use crate::domain::TeamId;
use crate::store;

/// What a Team looks for, and roughly where: given by its Owner.
pub const SEEKING: &str = "profile.seeking";
/// That somebody is open to meeting Owners, how, roughly from where and whether they are ready: given by a giver.
pub const OFFERING: &str = "profile.offering";
/// A giver's profile: how and from where they give support, and their readiness with its dates.
pub const GIVING: &str = "profile.giving";
/// A giver's terms.
pub const TERMS: &str = "profile.terms";
/// Getting to know one another, which is all that matching is for.
pub const INTRODUCTION: &str = "introduction";

/// The caller: the Teams that they are of and the hats that they wear, as teams told, and by what is known here whether they
/// give support.
pub async fn reader(tx: &mut Tx) -> Result<Reader> {
    let person = tx.person()?;
    let reader = consent::reader(tx).await?;
    let gives = store::giver::load(tx, person).await?.is_some();
    Ok(if gives { reader.wearing(hats::GIVER, None) } else { reader })
}

/// Whether somebody is a member of a Team of that Owner's today.
pub async fn is_member_with_owner(tx: &mut Tx, owner: PersonId, member: PersonId) -> Result<bool> {
    let today = tx.today()?;
    let worn = hats::worn_by(tx, member, today).await?;
    let teams = worn.into_iter().filter(|worn| worn.hat == hats::MEMBER).filter_map(|worn| worn.team);
    let teams: Vec<TeamId> = teams.map(TeamId).collect();
    Ok(!teams.is_empty() && store::standing::owners_of(tx, &teams).await?.contains(&owner))
}

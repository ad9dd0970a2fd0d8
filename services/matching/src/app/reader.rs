//! Who reads, as far as consents are concerned, and the words that consents about matching are made of.

use kith_platform::consent::Reader;
use kith_platform::db::Tx;
use kith_platform::error::Result;

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

/// The caller, with the Teams that they are of and the hats that they wear as far as is known here.
pub async fn reader(tx: &mut Tx) -> Result<Reader> {
    let (person, today) = (tx.person()?, tx.today()?);
    let mut reader = Reader::new(person);
    for (team, owner) in store::standing::teams_of(tx, person, today).await? {
        reader = reader.of_team(team);
        if owner == person {
            reader = reader.wearing("owner", Some(team.0));
        }
    }
    if store::giver::load(tx, person).await?.is_some() {
        reader = reader.wearing("giver", None);
    }
    Ok(reader)
}

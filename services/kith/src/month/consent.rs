//! What people let one another see before a trial: each consents for themselves, through the public API.

use anyhow::Result;
use chrono::Days;
use kith_proto::common::v1::{Grantee, GranteeKind};
use kith_proto::identity::v1::GiveConsentRequest;

use super::run::today;
use super::world::{Person, World};

/// How long such a consent lasts, in days.
const LASTS: Days = Days::new(365);

/// The Owner lets givers see what their Team looks for.
pub async fn show_what_is_sought(world: &World, owner: &Person) -> Result<()> {
    give(world, owner, "profile.seeking", "giver").await
}

/// The giver is open to meeting Owners.
pub async fn be_open_to_meeting(world: &World, giver: &Person) -> Result<()> {
    give(world, giver, "profile.offering", "owner").await
}

/// Lets whoever wears a hat see a part of somebody's record while they get to know one another. The id is the same in
/// every run, so that running again never gives anew what was withdrawn.
async fn give(world: &World, person: &Person, part: &str, hat: &str) -> Result<()> {
    let until = today(&world.scenario).checked_add_days(LASTS).unwrap_or_default();
    let request = GiveConsentRequest {
        request_id: String::new(),
        id: world.plan.lasting_id("consent", &[&person.id, part]),
        part: part.to_owned(),
        purpose: "introduction".to_owned(),
        grantee: Some(Grantee { kind: GranteeKind::Hat.into(), id: String::new(), hat: hat.to_owned() }),
        valid_from: String::new(),
        valid_until: until.to_string(),
    };
    person.session.call(request).await?;
    Ok(())
}

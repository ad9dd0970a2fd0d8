//! What the state of a Team says of who is what in it, read in one place for all who listen.

use crate::teams::v1::{HatState, MembershipState, TeamSnapshot};

/// That somebody is something in a Team, as it was told: nothing here is checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldHat<'state> {
    /// `owner`, `member`, or the word of a hat such as `rota_holder`.
    pub hat: String,
    /// UUID.
    pub person_id: &'state str,
    /// First day, `YYYY-MM-DD`; empty for an Owner.
    pub valid_from: &'state str,
    /// First day no longer; empty while it lasts.
    pub valid_until: &'state str,
}

impl TeamSnapshot {
    /// The Owner, everybody whose both sides said yes, and who wears which hat, past ones included.
    pub fn told_hats(&self) -> Vec<ToldHat<'_>> {
        let owner = &self.owner_person_id;
        let mut told =
            vec![ToldHat { hat: "owner".to_owned(), person_id: owner, valid_from: "", valid_until: "" }];
        for member in &self.members {
            if matches!(member.state(), MembershipState::Member | MembershipState::Left) {
                told.push(ToldHat {
                    hat: "member".to_owned(),
                    person_id: &member.person_id,
                    valid_from: &member.valid_from,
                    valid_until: &member.valid_until,
                });
            }
        }
        for holding in &self.hats {
            if holding.state() == HatState::Held {
                told.push(ToldHat {
                    hat: holding.hat().as_str_name().trim_start_matches("HAT_").to_lowercase(),
                    person_id: &holding.person_id,
                    valid_from: &holding.valid_from,
                    valid_until: &holding.valid_until,
                });
            }
        }
        told
    }
}

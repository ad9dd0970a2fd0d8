//! People of a tenant and their organisation roles. No role implies line authority.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::id::PersonId;

use super::{Change, Refused};

/// A role in the organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sets up the tenant, its people, circles and founding rules.
    Administrator,
    /// Records givers' checks and readiness.
    Checks,
    /// Is told of emergency looks and reviews them; answers requests about people's data.
    PrivacyLead,
    /// Answers to the care regulator.
    RegisteredManager,
    /// Coaches Teams and givers.
    Coach,
    /// Is turned to where somebody may be abused or neglected.
    SafeguardingLead,
    /// Helps with contracts, leave and pay.
    HrSupport,
    /// Helps people with the platform.
    PlatformSupport,
    /// Keeps the office.
    AdminTeam,
}

/// A role that somebody holds or held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    pub role: Role,
    pub valid_from: NaiveDate,
    /// First day no longer.
    pub valid_until: Option<NaiveDate>,
}

/// When roles end by themselves: the first day no longer.
pub type Ends = BTreeMap<Role, NaiveDate>;

/// Why roles cannot end so, if they cannot.
pub fn wrong_end(roles: &Roles, ends: &Ends, today: NaiveDate) -> Option<&'static str> {
    for (role, end) in ends {
        if !roles.contains(role) {
            return Some("name a role that is not set");
        }
        if *role == Role::Administrator {
            return Some("a tenant always has an administrator: that role does not end by itself");
        }
        if *end <= today {
            return Some("a role ends after today; leave it out to end it now");
        }
    }
    None
}

/// All roles of somebody.
pub type Roles = BTreeSet<Role>;

/// Someone known in a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: PersonId,
    pub display_name: String,
    pub roles: Roles,
    pub invited_at: DateTime<Utc>,
    /// When they took up their invitation.
    pub joined_at: Option<DateTime<Utc>>,
    /// When they left; what others keep of them stays.
    pub left_at: Option<DateTime<Utc>>,
    /// Raised with every change.
    pub version: i64,
}

impl Person {
    /// Somebody who was just invited.
    pub fn invited(id: PersonId, display_name: String, roles: Roles, now: DateTime<Utc>) -> Self {
        Self { id, display_name, roles, invited_at: now, joined_at: None, left_at: None, version: 1 }
    }

    /// Takes up the invitation.
    pub fn join(&mut self, now: DateTime<Utc>) -> Change {
        if self.joined_at.is_some() {
            return Change::Unchanged;
        }
        self.joined_at = Some(now);
        Change::Changed
    }

    /// Leaves: every role ends with it. A tenant never loses its last administrator.
    pub fn leave(&mut self, other_administrator: bool, now: DateTime<Utc>) -> Result<Change, Refused> {
        if self.left_at.is_some() {
            return Ok(Change::Unchanged);
        }
        self.set_roles(Roles::new(), other_administrator)?;
        self.left_at = Some(now);
        Ok(Change::Changed)
    }

    /// Sets all roles. `other_administrator` is whether somebody else who has joined is administrator: a tenant never
    /// loses the last one.
    pub fn set_roles(&mut self, roles: Roles, other_administrator: bool) -> Result<Change, Refused> {
        if self.roles == roles {
            return Ok(Change::Unchanged);
        }
        let gives_up = self.roles.contains(&Role::Administrator) && !roles.contains(&Role::Administrator);
        if gives_up && !other_administrator {
            return Err(Refused::LastAdministrator);
        }
        self.roles = roles;
        Ok(Change::Changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(roles: &[Role]) -> Person {
        let roles = roles.iter().copied().collect();
        Person::invited(PersonId::default(), "Somebody".into(), roles, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn the_last_administrator_stays() {
        let mut person = with(&[Role::Administrator]);
        let only_checks = Roles::from([Role::Checks]);
        assert_eq!(person.set_roles(only_checks.clone(), false), Err(Refused::LastAdministrator));
        assert_eq!(person.roles, Roles::from([Role::Administrator]), "nothing changed");
        assert_eq!(person.set_roles(only_checks.clone(), true), Ok(Change::Changed));
        assert_eq!(person.set_roles(only_checks, false), Ok(Change::Unchanged));
    }

    #[test]
    fn somebody_joins_once() {
        let mut person = with(&[]);
        let later = DateTime::UNIX_EPOCH + chrono::Duration::days(1);
        assert_eq!(person.join(DateTime::UNIX_EPOCH), Change::Changed);
        assert_eq!(person.join(later), Change::Unchanged);
        assert_eq!(person.joined_at, Some(DateTime::UNIX_EPOCH));
    }

    fn any_roles() -> impl Strategy<Value = Roles> {
        (any::<bool>(), any::<bool>()).prop_map(|(administrator, checks)| {
            let mut roles = Roles::new();
            if administrator {
                roles.insert(Role::Administrator);
            }
            if checks {
                roles.insert(Role::Checks);
            }
            roles
        })
    }

    proptest! {
        #[test]
        fn whatever_is_set_an_administrator_remains(start in any_roles(), steps in proptest::collection::vec((any::<bool>(), any_roles()), 0..12)) {
            let mut people = [with(&[Role::Administrator]), with(&[])];
            people[1].roles = start;
            for (second, roles) in steps {
                let (this, other) = if second { (1, 0) } else { (0, 1) };
                let other_administrator = people[other].roles.contains(&Role::Administrator);
                people[this].set_roles(roles, other_administrator).ok();
                prop_assert!(people.iter().any(|person| person.roles.contains(&Role::Administrator)));
            }
        }
    }
}

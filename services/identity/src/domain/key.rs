//! Signing keys: when the next one is published, signs, and is over.

use chrono::{DateTime, Duration, Utc};

/// How keys rotate.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// For how long each key signs.
    pub period: Duration,
    /// How long a key is published before it signs: so long that a verifier which cannot reach us for a while still knows
    /// every key that signs.
    pub lead: Duration,
    /// How long a token lives.
    pub token_lifetime: Duration,
}

impl Rotation {
    /// How much longer than its last token lives an old key stays published: clocks differ.
    pub fn margin(self) -> Duration {
        self.token_lifetime / 10
    }
}

/// A key as far as its times go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub kid: String,
    pub signs_from: DateTime<Utc>,
}

/// What has to be done about the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// From when on each new key signs.
    pub add: Vec<DateTime<Utc>>,
    /// Keys whose last token has ended.
    pub remove: Vec<String>,
}

/// What has to be done now. `keys` are in the order in which they sign.
pub fn plan(keys: &[Key], rotation: Rotation, now: DateTime<Utc>) -> Plan {
    let (period, lead) = (rotation.period, rotation.lead);
    let mut plan = Plan::default();
    // The very first start: no token is about and no verifier knows any key, so that the first set may hold all at once.
    let first = keys.is_empty();
    if first {
        plan.add.push(now);
    }
    let mut newest = keys.last().map_or(now, |key| key.signs_from);
    while newest + period <= now + lead {
        newest = if first { newest + period } else { now + lead };
        plan.add.push(newest);
    }
    // A key signs until the next one does, and its last token lives a lifetime longer.
    for pair in keys.windows(2) {
        if pair[1].signs_from + rotation.token_lifetime + rotation.margin() <= now {
            plan.remove.push(pair[0].kid.clone());
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kid: &str, minutes: i64) -> Key {
        Key { kid: kid.into(), signs_from: DateTime::UNIX_EPOCH + Duration::minutes(minutes) }
    }

    fn every(minutes: i64) -> Rotation {
        let (lead, token_lifetime) = (Duration::minutes(20), Duration::minutes(10));
        Rotation { period: Duration::minutes(minutes), lead, token_lifetime }
    }

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::minutes(minutes)
    }

    #[test]
    fn the_first_set_holds_every_key_that_signs_within_the_lead() {
        let plan = plan(&[], every(5), at(0));
        assert_eq!(plan.add, [at(0), at(5), at(10), at(15), at(20)]);
    }

    #[test]
    fn a_new_key_is_published_two_lifetimes_before_it_signs_and_an_old_one_stays_as_long_as_its_tokens() {
        let period = every(60);
        assert_eq!(plan(&[key("a", 0)], period, at(39)), Plan::default());
        assert_eq!(plan(&[key("a", 0)], period, at(40)).add, [at(60)]);
        let both = [key("a", 0), key("b", 60)];
        assert_eq!(plan(&both, period, at(70)), Plan::default(), "a token of the old key may live");
        assert_eq!(plan(&both, period, at(71)).remove, ["a"]);
        assert_eq!(plan(&[key("a", 0)], period, at(600)).add, [at(620)], "late, it is late, never too early");
    }
}

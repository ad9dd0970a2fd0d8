//! When a freeze is complete: every service refuses writes, and nothing that one of them sent is still under way.
//!
//! Each service says at a moment of its own what it has sent and applied. That is enough: since none acts but on what it
//! receives, counts that agree for every sender and receiver mean that nothing was between any two of them, and so that
//! none has acted after it spoke.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// The services that must all have said so.
pub const SERVICES: [&str; 7] =
    ["appointments", "evaluation", "finance", "governance", "identity", "matching", "teams"];

/// What one service has last said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    pub service: String,
    pub epoch: i64,
    /// When it first said so in this freeze.
    pub fenced_at: DateTime<Utc>,
    /// Events that it ever sent, per aggregate type.
    pub sent: BTreeMap<String, i64>,
    /// Events that it ever applied, per aggregate type that it listens to.
    pub applied: BTreeMap<String, i64>,
    pub unpublished: i64,
    pub waiting: i64,
    pub dead: i64,
}

/// How far one service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub service: &'static str,
    /// What it has last said; none where it has not.
    pub said: Option<Fence>,
    /// Events that it is known to have to apply yet.
    pub behind: i64,
    /// Nothing is under way in it, as far as the others have said what they sent.
    pub at_rest: bool,
}

/// How far each of the services is, by name.
pub fn standings(fences: &[Fence]) -> Vec<Standing> {
    let sent_by_all = |aggregate: &str| {
        let mut of_all = fences.iter().filter_map(|fence| fence.sent.get(aggregate));
        of_all.next().copied().unwrap_or_default()
    };
    let standing = |service: &'static str| {
        let said = fences.iter().find(|fence| fence.service == service).cloned();
        let Some(fence) = said else {
            return Standing { service, said: None, behind: 0, at_rest: false };
        };
        let missing = |(aggregate, applied): (&String, &i64)| (sent_by_all(aggregate) - applied).max(0);
        let behind: i64 = fence.applied.iter().map(missing).sum::<i64>().max(fence.waiting);
        let at_rest = behind == 0 && fence.unpublished == 0 && fence.dead == 0;
        Standing { service, said: Some(fence), behind, at_rest }
    };
    SERVICES.into_iter().map(standing).collect()
}

/// Whether all have said so and nothing is under way between any two of them.
pub fn is_complete(fences: &[Fence]) -> bool {
    let agree = |fence: &Fence| {
        fence.applied.iter().all(|(aggregate, applied)| {
            let mut senders = fences.iter().filter_map(|sender| sender.sent.get(aggregate));
            senders.next().copied().unwrap_or_default() == *applied
        })
    };
    standings(fences).iter().all(|standing| standing.at_rest) && fences.iter().all(agree)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(service: &str, sent: &[(&str, i64)], applied: &[(&str, i64)]) -> Fence {
        let counts =
            |of: &[(&str, i64)]| of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Fence {
            service: service.to_owned(),
            epoch: 2,
            fenced_at: DateTime::UNIX_EPOCH,
            sent: counts(sent),
            applied: counts(applied),
            unpublished: 0,
            waiting: 0,
            dead: 0,
        }
    }

    fn all() -> Vec<Fence> {
        let mut fences: Vec<Fence> = SERVICES.iter().map(|name| fence(name, &[], &[])).collect();
        fences[6] = fence("teams", &[("teams.team", 5)], &[("matching.introduction", 0)]);
        fences[2] = fence("finance", &[], &[("teams.team", 5)]);
        fences
    }

    #[test]
    fn it_is_complete_once_all_have_said_so_and_every_count_agrees() {
        assert!(is_complete(&all()));
        for (place, missing) in SERVICES.iter().enumerate() {
            let mut fences = all();
            fences.remove(place);
            assert!(!is_complete(&fences), "{missing} has not said so");
        }
        let mut fences = all();
        fences[2].applied.insert("teams.team".to_owned(), 4);
        assert!(!is_complete(&fences), "one event is between teams and finance");
        assert_eq!(standings(&fences)[2].behind, 1);
        let mut fences = all();
        fences[2].applied.insert("teams.team".to_owned(), 6);
        assert!(!is_complete(&fences), "teams has acted after it spoke");
        for unsettle in [
            |fence: &mut Fence| fence.unpublished = 1,
            |fence: &mut Fence| fence.waiting = 1,
            |fence: &mut Fence| fence.dead = 1,
        ] {
            let mut fences = all();
            unsettle(&mut fences[3]);
            assert!(!is_complete(&fences));
        }
    }
}

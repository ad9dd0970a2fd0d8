//! What the calls of this run have caused, so that the next call to any service can hand it on.

use std::collections::HashMap;

use super::addresses::Service;

/// Most events handed on with one call.
pub(super) const MOST: usize = 32;

/// One event that a call caused: `<event type>;<aggregate id>;<event id>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    /// `<service>.<aggregate>` and the aggregate's id.
    about: (String, String),
    /// UUIDv7, so that a later event of an aggregate sorts after an earlier one.
    event_id: String,
    /// As it was received, and as it is sent.
    pub(super) written: String,
}

impl Cause {
    fn read(written: &str) -> Option<Self> {
        let mut parts = written.split(';');
        let (event_type, aggregate_id, event_id) = (parts.next()?, parts.next()?, parts.next()?);
        let (aggregate, _past_tense) = event_type.strip_suffix(".v1")?.rsplit_once('.')?;
        if parts.next().is_some()
            || !aggregate.contains('.')
            || aggregate_id.is_empty()
            || event_id.is_empty()
        {
            return None;
        }
        Some(Self {
            about: (aggregate.to_owned(), aggregate_id.to_owned()),
            event_id: event_id.to_owned(),
            written: written.to_owned(),
        })
    }

    fn is_of(&self, service: Service) -> bool {
        self.about.0.split('.').next() == Some(service.name())
    }
}

/// The newest event of every aggregate that this run has changed, and which services are known to have it.
#[derive(Debug, Default)]
pub(super) struct Causes {
    newest: HashMap<(String, String), Cause>,
    /// Per service and aggregate, the newest event id that it has applied: a call that carried it succeeded.
    delivered: HashMap<(Service, (String, String)), String>,
}

impl Causes {
    /// Takes in the `kith-caused` values of an answer; an older event never replaces a newer one.
    pub(super) fn record<'a>(&mut self, values: impl IntoIterator<Item = &'a str>) {
        for cause in
            values.into_iter().flat_map(|value| value.split(',')).filter_map(|one| Cause::read(one.trim()))
        {
            match self.newest.get(&cause.about) {
                Some(known) if known.event_id >= cause.event_id => {}
                _ => {
                    self.newest.insert(cause.about.clone(), cause);
                }
            }
        }
    }

    /// What a service is not known to have, oldest first. A service knows its own events.
    pub(super) fn pending(&self, service: Service) -> Vec<Cause> {
        let mut pending: Vec<Cause> = self
            .newest
            .values()
            .filter(|cause| !cause.is_of(service))
            .filter(|cause| {
                let applied = self.delivered.get(&(service, cause.about.clone()));
                applied.is_none_or(|event_id| *event_id < cause.event_id)
            })
            .cloned()
            .collect();
        pending.sort_by(|one, other| one.event_id.cmp(&other.event_id));
        pending
    }

    /// Notes that a service has these: it waits for what it is handed before it answers.
    pub(super) fn mark_delivered(&mut self, service: Service, causes: Vec<Cause>) {
        for cause in causes {
            let applied = self.delivered.entry((service, cause.about)).or_default();
            if *applied < cause.event_id {
                *applied = cause.event_id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(causes: &[Cause]) -> Vec<&str> {
        causes.iter().map(|cause| cause.written.as_str()).collect()
    }

    #[test]
    fn the_newest_per_aggregate_goes_to_every_service_but_its_own() {
        let mut causes = Causes::default();
        causes.record(["teams.team.started.v1;t1;0190-2", "governance.circle.created.v1;c1;0190-1"]);
        causes.record(["teams.team.promise_signed.v1;t1;0190-5", "nonsense", "teams.v1;t1;9"]);
        causes.record(["teams.team.member_asked.v1;t1;0190-3"]);
        let expected = ["governance.circle.created.v1;c1;0190-1", "teams.team.promise_signed.v1;t1;0190-5"];
        assert_eq!(written(&causes.pending(Service::Finance)), expected);
        assert_eq!(written(&causes.pending(Service::Teams)), expected[..1]);
        assert_eq!(written(&causes.pending(Service::Governance)), expected[1..]);
    }

    #[test]
    fn what_a_service_has_applied_is_not_handed_on_again_until_something_newer_comes() {
        let mut causes = Causes::default();
        causes.record(["teams.team.started.v1;t1;0190-2", "teams.team.started.v1;t2;0190-3"]);
        let handed_on = causes.pending(Service::Finance);
        causes.mark_delivered(Service::Finance, handed_on);
        assert!(causes.pending(Service::Finance).is_empty());
        assert_eq!(causes.pending(Service::Matching).len(), 2, "known to one service only");
        causes.record(["teams.team.hats_changed.v1;t1;0190-9"]);
        assert_eq!(written(&causes.pending(Service::Finance)), ["teams.team.hats_changed.v1;t1;0190-9"]);
    }

    #[test]
    fn several_values_in_one_line_are_read_one_by_one() {
        let mut causes = Causes::default();
        causes.record(["teams.team.started.v1;t1;2, teams.team.started.v1;t2;1"]);
        assert_eq!(causes.pending(Service::Finance).len(), 2);
    }
}

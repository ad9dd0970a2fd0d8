//! What a service listens to, and what its handlers get and answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use prost::encoding::{DecodeContext, WireType, decode_key, message, skip_field};

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::Uuid;

/// An event as a handler gets it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its id.
    pub event_id: Uuid,
    /// `<service>.<aggregate>.<past_tense>.v1`.
    pub event_type: String,
    /// The aggregate that it is about.
    pub aggregate_id: Uuid,
    /// Its number within the aggregate.
    pub event_no: i64,
    pub(super) payload: Vec<u8>,
}

impl Received {
    /// The aggregate's whole public state after the fact: field 1 of every event of the aggregate.
    pub fn state<S: prost::Message + Default>(&self) -> Result<S> {
        self.try_state().map_err(Error::internal)
    }

    fn try_state<S: prost::Message + Default>(&self) -> Result<S, prost::DecodeError> {
        let mut state = S::default();
        let mut rest = self.payload.as_slice();
        while !rest.is_empty() {
            let (tag, wire_type) = decode_key(&mut rest)?;
            if tag == 1 && wire_type == WireType::LengthDelimited {
                message::merge(wire_type, &mut state, &mut rest, DecodeContext::default())?;
            } else {
                skip_field(wire_type, tag, &mut rest, DecodeContext::default())?;
            }
        }
        Ok(state)
    }
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Applied, or nothing to do.
    Done,
    /// A fact about another aggregate is missing; applied again when it arrives. `<service>.<aggregate>/<id>`.
    Awaits(String),
}

impl Outcome {
    /// Waits for the next event of that aggregate.
    pub fn awaits(aggregate_type: &str, aggregate_id: impl Into<Uuid>) -> Self {
        Self::Awaits(format!("{aggregate_type}/{}", aggregate_id.into()))
    }
}

type OfOne = Arc<dyn for<'a> Fn(&'a mut Tx, &'a Received) -> BoxFuture<'a, Result<Outcome>> + Send + Sync>;
type OfMany = Arc<dyn for<'a> Fn(&'a mut Tx, &'a [&'a Received]) -> BoxFuture<'a, Result<()>> + Send + Sync>;

/// Who applies the events of an aggregate.
#[derive(Clone)]
pub(super) enum Handler {
    One(OfOne),
    Many(OfMany),
}

/// What a service listens to: whole aggregates, each with its handler.
#[derive(Clone, Default)]
pub struct Subscriptions {
    handlers: Vec<(&'static str, Handler)>,
    alone: Vec<&'static str>,
    gather: Duration,
}

impl Subscriptions {
    /// Listens to nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens to an aggregate, `<service>.<aggregate>`:
    /// `.on("teams.team", |tx, event| Box::pin(app::team::project(tx, event)))`.
    #[must_use]
    pub fn on(
        mut self,
        aggregate: &'static str,
        handler: impl for<'a> Fn(&'a mut Tx, &'a Received) -> BoxFuture<'a, Result<Outcome>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.handlers.push((aggregate, Handler::One(Arc::new(handler))));
        self
    }

    /// The same where events come often: the handler gets as many as are ready, each of another aggregate, and loads and
    /// writes for all of them together. It needs no facts that may be missing; where it fails, each comes again alone.
    #[must_use]
    pub fn on_many(
        mut self,
        aggregate: &'static str,
        handler: impl for<'a> Fn(&'a mut Tx, &'a [&'a Received]) -> BoxFuture<'a, Result<()>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.handlers.push((aggregate, Handler::Many(Arc::new(handler))));
        self
    }

    /// Applies each event of that type in a transaction of its own. For a handler that locks what commands lock too, in
    /// their order: many in one transaction would lock in whatever order they came.
    #[must_use]
    pub fn alone(mut self, event_type: &'static str) -> Self {
        self.alone.push(event_type);
        self
    }

    /// For a service of which nobody waits to hear: what comes gathers for so long before it is received, so that it is carried
    /// together and leaves the machine to those who are waited for.
    #[must_use]
    pub fn gather(mut self, time: Duration) -> Self {
        self.gather = time;
        self
    }

    pub(super) fn gathering(&self) -> Duration {
        self.gather
    }

    pub(super) fn is_alone(&self, event_type: &str) -> bool {
        self.alone.contains(&event_type)
    }

    /// The aggregates listened to.
    pub fn aggregates(&self) -> Vec<&'static str> {
        self.handlers.iter().map(|(aggregate, _)| *aggregate).collect()
    }

    pub(super) fn handler(&self, aggregate: &str) -> Option<&Handler> {
        self.handlers.iter().find(|(known, _)| *known == aggregate).map(|(_, handler)| handler)
    }
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Subscriptions").field(&self.aggregates()).finish()
    }
}

//! The contracts of Kith: generated messages, clients and servers, and what the contracts say of themselves.
//!
//! Nothing generated is committed: `build.rs` compiles every `.proto` below `kith/`.

mod team;

pub use team::ToldHat;

mod generated {
    include!(concat!(env!("OUT_DIR"), "/kith.rs"));
}

pub use generated::kith::*;

/// The encoded descriptor set of all contracts, imports included: feeds reflection and the tests that walk it.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));

/// Who may call a method at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// A person signed in to a tenant.
    Person,
    /// An operator of the hosting co-op.
    Operator,
}

/// What a contract says of one method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// `/<package>.<Service>/<Method>`.
    pub path: &'static str,
    /// Full name of the request message.
    pub input: &'static str,
    /// Full name of the response message.
    pub output: &'static str,
    /// Who may call it at all.
    pub access: Access,
    /// Whether it takes a `request_id`.
    pub changes_state: bool,
}

impl Method {
    /// Finds a method by its path.
    pub fn at(path: &str) -> Option<&'static Self> {
        METHODS.binary_search_by_key(&path, |method| method.path).ok().map(|found| &METHODS[found])
    }
}

/// What a contract says of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventType {
    /// Full name of the message.
    pub message: &'static str,
    /// `<service>.<aggregate>.<past_tense>.v1`.
    pub event_type: &'static str,
    /// `<service>.<aggregate>`.
    pub aggregate: &'static str,
}

/// A message that travels as an event. Field 1 is the aggregate's whole public state after the fact.
pub trait Event: prost::Message {
    /// `<service>.<aggregate>.<past_tense>.v1`, also the routing key.
    const TYPE: &'static str;
    /// `<service>.<aggregate>`.
    const AGGREGATE: &'static str;
}

/// A message that may name people: everything that leaves a service is asked whom it names, so that whoever is shown to
/// somebody is written down. A field names a person where its name ends in `person_id` or `person_ids`, or where it is the
/// `id` of a message `Person`.
pub trait Shows {
    /// Adds the ids of everybody whom the message names, as it spells them; the same one may come twice.
    fn people<'message>(&'message self, found: &mut Vec<&'message str>);
}

/// A request that changes state: the same content under the same id is answered the same.
pub trait Command: prost::Message + prost::Name {
    /// A UUID that the caller made.
    fn request_id(&self) -> &str;
}

include!(concat!(env!("OUT_DIR"), "/contracts.rs"));

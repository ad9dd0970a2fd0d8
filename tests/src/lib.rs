//! What the journeys, fault and isolation tests share.

pub mod bench;
pub mod chaos;
pub mod collector;
pub mod filler;
pub mod founding;
pub mod guard;
pub mod mutations;
pub mod own_broker;
pub mod people;
pub mod refusals;
pub mod stack;
pub mod tables;
pub mod timing;

use kith_platform::Service;

/// The services that hold records which an emergency look opens: those whose contracts have an event to tell of one.
pub fn looked_into() -> Vec<&'static str> {
    let opened =
        kith_proto::EVENTS.iter().filter_map(|event| event.event_type.strip_suffix(".break_glass.opened.v1"));
    opened.collect()
}

/// The seven services.
pub fn services() -> [&'static Service; 7] {
    kith_cli::instance::services()
}

//! What the journeys, fault and isolation tests share.

pub mod bench;
pub mod chaos;
pub mod collector;
pub mod filler;
pub mod founding;
pub mod guard;
pub mod own_broker;
pub mod people;
pub mod refusals;
pub mod stack;
pub mod tables;
pub mod timing;

use kith_platform::Service;

/// The seven services.
pub fn services() -> [&'static Service; 7] {
    kith_cli::instance::services()
}

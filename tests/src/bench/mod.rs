//! The benchmark harness of `make bench`: real services on servers of its own, each row beside what the machine allows,
//! in slots that take turns, so that whatever else the machine does hits both sides alike.

pub mod agreeing;
pub mod caller;
pub mod echo;
pub mod footprint;
pub mod growth;
pub mod ledger;
pub mod line;
pub mod memory;
pub mod pgbench;
pub mod reading;
pub mod recurrence;
pub mod relay;
pub mod report;
pub mod scene;
pub mod slots;

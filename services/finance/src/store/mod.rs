//! SQL and nothing else. Every function takes the tenant; row security is the second fence.

pub mod coins;
pub mod funding;
pub mod heard;
pub mod invoice;
pub mod known;
pub mod ledger;
pub mod month;
pub mod posting;
pub mod rule;
pub mod settlement;
pub mod statement;
pub mod unsettled;
mod words;

//! Use cases: one function each, within a transaction that the platform opens and commits.

pub mod coins;
pub mod funding;
pub mod invoice;
pub mod known;
pub mod ledger;
pub mod month;
pub mod rule;
pub mod settlement;
mod standing;
pub mod statement;
pub mod unsettled;

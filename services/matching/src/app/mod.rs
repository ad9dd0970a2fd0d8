//! Use cases: one function each, within a transaction that the platform opens and commits.

pub mod giver;
pub mod introduction;
pub mod opportunity;
mod reader;

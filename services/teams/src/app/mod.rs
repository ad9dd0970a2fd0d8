//! Use cases: one function each, within a transaction that the platform opens and commits.

pub mod hat;
pub mod leaving;
pub mod membership;
pub mod promise;
pub mod team;

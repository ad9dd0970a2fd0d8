//! Use cases: one function each, within a transaction that the platform opens and commits.

pub mod circle;
pub mod continuity;
pub mod round;
pub mod team;
pub mod visit;

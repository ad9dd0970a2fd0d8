//! Evaluation: whether it works, without spying on anyone.

pub mod domain;

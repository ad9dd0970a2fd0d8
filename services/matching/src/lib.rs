//! Matching: givers, opportunities, introductions and trials.

pub mod domain;

//! Appointments: series, visits, and what became of them.

pub mod domain;

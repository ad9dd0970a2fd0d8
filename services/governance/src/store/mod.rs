//! SQL, and nothing but SQL. Every query names the tenant; row security is the second fence.

pub mod circle;
pub mod decision;
pub mod proposal;
mod words;

//! SQL, and nothing but SQL. Every query names the tenant; row security is the second fence.

pub mod reader;
pub mod team;
mod words;

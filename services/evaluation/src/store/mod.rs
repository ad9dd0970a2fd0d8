//! SQL, and nothing but SQL. Every query names the tenant; row security is the second fence.

pub mod answer;
pub mod circle;
pub mod parameter;
pub mod reply_code;
pub mod respondent;
pub mod round;
pub mod team;
pub mod visit;
mod words;

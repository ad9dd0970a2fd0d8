//! Governance owns Circles with their members and hats, proposals decided by consent on versioned text, and the
//! decisions and mandates that come of them.

pub mod domain;

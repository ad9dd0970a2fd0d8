//! What the seven services share. Knows no service.

#![deny(missing_docs)]

pub mod error;
pub mod id;
pub mod local;
pub mod money;

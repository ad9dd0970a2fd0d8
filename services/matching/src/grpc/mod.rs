//! Parse, call `app`, render.

pub mod giver;
pub mod opportunity;
mod parse;
mod render;

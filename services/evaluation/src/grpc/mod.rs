//! Parse, call `app`, render.

pub mod continuity;
mod parse;
mod render;
pub mod round;

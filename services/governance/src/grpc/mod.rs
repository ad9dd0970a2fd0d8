//! Parse, call `app`, render.

pub mod circle;
mod parse;
pub mod proposal;
mod render;

//! Parse, call `app`, render.

mod parse;
mod render;
pub mod series;
pub mod visit;

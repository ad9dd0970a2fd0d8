//! Parse, call `app`, render.

mod parse;
mod render;
pub mod team;

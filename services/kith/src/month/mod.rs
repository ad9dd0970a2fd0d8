//! `kith month`: takes a circle's month in through the public API as the people themselves would, and shows what it
//! came to.

mod fields;
mod read;
mod rule;
mod scenario;

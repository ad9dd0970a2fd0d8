//! Governance over a real database: as the people themselves would, through the handlers, with row security on.

mod circle;
mod decision;
mod leaving;
mod locks;
mod policy;
mod proposal;
mod stage;

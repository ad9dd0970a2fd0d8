//! Appointments over a real database: as the people themselves would, through the handlers, with row security on.

mod consent;
mod leaving;
mod representative;
mod series;
mod several;
mod stage;
mod visits;

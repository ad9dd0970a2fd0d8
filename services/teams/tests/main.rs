//! Teams over a real database: as the people themselves would, through the handlers, with row security on.

mod break_glass;
mod consent;
mod leaving;
mod team;

//! Identity over a real database: as operators, administrators and people would, through the handlers, with row
//! security on.

mod consent;
mod person;
mod session;
mod stage;
mod tenant;

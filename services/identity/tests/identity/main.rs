//! Identity over a real database: as operators, administrators and people would, through the handlers, with row
//! security on.

mod person;
mod rights;
mod session;
mod stage;
mod tenant;

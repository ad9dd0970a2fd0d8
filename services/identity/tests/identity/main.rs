//! Identity over a real database: as operators, administrators and people would, through the handlers, with row
//! security on.

mod consent;
mod leaving;
mod life;
mod person;
mod profile;
mod representative;
mod session;
mod stage;
mod tenant;
mod two_tenants;

//! Identity over a real database: as operators, administrators and people would, through the handlers, with row
//! security on.

mod authenticator;
mod bad_input;
mod guesses;
mod hashing;
mod integrator;
mod keys;
mod outside;
mod own_sessions;
mod passkey;
mod person;
mod provider;
mod recovery;
mod session;
mod stage;
mod tenant;

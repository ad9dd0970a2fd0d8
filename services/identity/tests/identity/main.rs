//! Identity over a real database: as operators, administrators and people would, through the handlers, with row
//! security on.

mod acquaintance;
mod authenticator;
mod bad_input;
mod break_glass;
mod communication;
mod confirmation;
mod consent;
mod erasure;
mod guesses;
mod hashing;
mod integrator;
mod keys;
mod leaving;
mod legal_fact;
mod life;
mod mail;
mod mailed;
mod operator_credential;
mod outside;
mod own_sessions;
mod passkey;
mod person;
mod place_link;
mod profile;
mod provider;
mod recovery;
mod representative;
mod rights;
mod roles;
mod session;
mod smtp;
mod stage;
mod tenant;
mod two_tenants;

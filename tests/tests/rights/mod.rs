//! Rights over one's own data, over all seven services and their real servers: everything about a person is found, and
//! what may go goes everywhere.

mod canary;
mod declared;
mod journey;
mod others;
mod places;
mod scan;

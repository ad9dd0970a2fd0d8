//! Calls to the seven services as a person makes them: signed in, handing on what was caused, repeated while a
//! service is away, and refused in words that can be read.

mod addresses;
mod back_off;
mod calls;
mod causality;
mod hub;
mod journal;
mod refusal;
mod request_id;
mod session;
#[cfg(test)]
mod tests;

pub use addresses::{Addresses, Service};
pub use calls::Call;
pub use hub::Hub;
pub use journal::Journal;
pub use refusal::Refused;
pub use request_id::uuid_of;
pub use session::{Credentials, Place, Session};

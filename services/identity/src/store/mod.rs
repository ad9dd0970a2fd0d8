//! SQL, and nothing but SQL. `tenant`, `person`, `integrator` and `provider` are a tenant's own: every query names the tenant; row security is the
//! second fence. The others are of no tenant and go through [`global::Global`], as the role that may reach only them.

pub mod account;
pub mod ceremony;
pub mod global;
pub mod integrator;
pub mod invitation;
pub mod key;
pub mod passkey;
pub mod person;
pub mod provider;
pub mod recovery;
pub mod registry;
pub mod session;
pub mod tenant;
mod words;

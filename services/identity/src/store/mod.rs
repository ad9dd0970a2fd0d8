//! SQL, and nothing but SQL. `tenant` and `person` are a tenant's own: every query names the tenant; row security is the
//! second fence. The others are of no tenant and go through [`global::Global`], as the role that may reach only them.

pub mod account;
pub mod global;
pub mod invitation;
pub mod key;
pub mod person;
pub mod registry;
pub mod rights;
pub mod session;
pub mod tenant;
mod words;

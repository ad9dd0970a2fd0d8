//! SQL, and nothing but SQL. `tenant`, `person`, `consent`, `integrator`, `provider` and the like are a tenant's own: every
//! query names the tenant; row security is the second fence. The others are of no tenant and go through [`global::Global`], as the role that may reach only them.

pub mod account;
pub mod acquaintance;
pub mod break_glass;
pub mod ceremony;
pub mod communication;
pub mod confirmation;
pub mod consent;
pub mod erasure_report;
pub mod fence;
pub mod forget;
pub mod global;
pub mod integrator;
pub mod invitation;
pub mod key;
pub mod legal_fact;
pub mod mail;
pub mod passkey;
pub mod person;
pub mod place;
pub mod place_link;
pub mod profile;
pub mod provider;
pub mod recovery;
pub mod registry;
pub mod representative;
pub mod rights;
pub mod rights_sign_in;
pub mod role_term;
pub mod session;
pub mod tenant;
pub mod words;

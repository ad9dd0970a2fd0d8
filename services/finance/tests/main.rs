//! Finance over a real database: what is told and asked through the handlers, with row security on.

mod at_once;
mod auditor;
mod coins;
mod documents;
mod funding;
mod ledger;
mod policy;
mod representative;
mod rules;
mod settlement;
mod stage;

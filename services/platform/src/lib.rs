#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod audit;
pub mod auth;
pub mod authz;
mod backlog;
pub mod broker;
pub mod causality;
pub mod clock;
pub mod config;
pub mod context;
mod crash;
pub mod db;
pub mod dead;
pub mod error;
pub mod etag;
pub mod fields;
pub mod host;
pub mod id;
pub mod inbox;
pub mod lifecycle;
pub mod local;
pub mod money;
mod outbox;
pub mod page;
pub mod provision;
pub mod rights;
mod run;
pub mod server;
pub mod telemetry;
pub mod testing;
mod words;

pub use host::{Host, Service};
pub use run::{database, main, run};

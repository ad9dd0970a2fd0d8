//! What the seven services share. Knows no service.
//!
//! Start with [`host`]: how a call becomes a transaction. [`db`] is the only way to a connection, [`error`] the only map
//! to gRPC codes, [`broker`] the only file that names the AMQP client.

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
mod run;
pub mod server;
pub mod telemetry;
pub mod testing;
mod words;

pub use host::{Host, Service};
pub use run::{database, main, run};

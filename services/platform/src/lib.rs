#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub mod access_log;
mod audit;
pub mod auth;
pub mod authz;
mod backlog;
pub mod break_glass;
pub mod broker;
pub mod causality;
pub mod chain;
pub mod clock;
pub mod config;
pub mod consent;
pub mod context;
mod crash;
pub mod db;
pub mod dead;
mod ending;
pub mod error;
pub mod etag;
pub mod fields;
pub mod host;
pub mod id;
pub mod inbox;
pub mod lifecycle;
pub mod local;
pub mod mask;
pub mod money;
mod outbox;
pub mod page;
pub mod provision;
pub mod representative;
pub mod resend;
pub mod rights;
mod run;
pub mod seal;
pub mod server;
pub mod sweep;
pub mod telemetry;
pub mod tenant;
pub mod testing;
pub mod watch;
mod watermark;
mod words;

pub use host::{Host, Service};
pub use run::{database, main, run};

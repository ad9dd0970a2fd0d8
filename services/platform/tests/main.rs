//! The platform by itself, over real servers: a small service of its own keeps notes, serves a few methods of a real
//! contract and listens to its own events.

mod audit;
mod backlog;
mod broker;
mod common;
mod db;
mod door;
mod idempotency;
mod in_one;
mod inbox;
mod looking;
mod looks;
mod resend;
mod silent;

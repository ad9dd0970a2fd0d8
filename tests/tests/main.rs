//! Over several services, or over the tree itself: what no service can prove by itself.

mod architecture;
mod audited;
mod bad_input;
mod break_glass;
mod broker_users;
mod canaries;
mod catalogue;
mod consent;
mod decision;
mod every_call;
mod integrators;
mod isolation;
mod late_joiner;
mod licences;
mod month;
mod no_line_authority;
mod one_account;
mod probing;
mod protocol_model;
mod representatives;
mod rights;
mod rotation;
mod sharing;
mod start;
mod telemetry;
mod tenant;

//! Parse, call `app`, render.

pub mod funding;
pub mod invoice;
pub mod ledger;
mod parse;
mod render;
pub mod rule;

use tonic::{Response, Status};

type Reply<A> = Result<Response<A>, Status>;

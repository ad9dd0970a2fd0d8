//! Parse, call `app`, render.

pub mod documents;
pub mod funding;
pub mod ledger;
mod parse;
mod render;
pub mod rule;

use tonic::{Response, Status};

type Reply<A> = Result<Response<A>, Status>;

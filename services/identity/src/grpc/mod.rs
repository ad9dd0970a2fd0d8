//! Parse, call `app`, render.

mod parse;
pub mod person;
mod render;
pub mod rights;
pub mod session;
pub mod tenant;

use kith_platform::causality::CAUSED;
use kith_platform::error::Result;
use kith_platform::fields::Fields;
use tonic::{Response, Status};

type Reply<A> = std::result::Result<Response<A>, Status>;

/// Reads a message that belongs to no tenant's person.
fn read<M, C>(message: M, parse: impl FnOnce(M, &mut Fields) -> Option<C>) -> Result<C> {
    let mut fields = Fields::default();
    let parsed = parse(message, &mut fields);
    fields.finish(parsed)
}

/// An answer that says what it caused.
fn respond<A>(answer: A, caused: &str) -> Response<A> {
    let mut response = Response::new(answer);
    if !caused.is_empty()
        && let Ok(value) = caused.parse()
    {
        response.metadata_mut().insert(CAUSED, value);
    }
    response
}

//! Parse, call `app`, render.

pub mod break_glass;
pub mod communication;
pub mod consent;
pub mod credential;
pub mod integrator;
pub mod leaving;
pub mod legal_fact;
pub mod operator_credential;
mod parse;
pub mod passkey;
pub mod person;
pub mod place_link;
pub mod provider;
mod render;
pub mod representative;
pub mod rights;
pub mod session;
pub mod tenant;
pub mod tenant_life;
pub mod tenant_profile;

use std::net::IpAddr;

use kith_platform::causality::CAUSED;
use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::error::{Common, Result};
use kith_platform::fields::Fields;
use tonic::{Request, Response, Status};

use crate::app::Desk;
use crate::domain::network::Network;

type Reply<A> = std::result::Result<Response<A>, Status>;

/// Reads a message that belongs to no tenant's person.
fn read<M, C>(message: M, parse: impl FnOnce(M, &mut Fields) -> Option<C>) -> Result<C> {
    let mut fields = Fields::default();
    let parsed = parse(message, &mut fields);
    fields.finish(parsed)
}

/// The network that a call comes from: as the trusted proxy says where there is one, else the connection's other end.
fn network<M>(desk: &Desk, request: &Request<M>) -> Network {
    let header = &desk.host.config().auth.peer_header;
    // Of several lines, and of several addresses in one, the last is the one that our own proxy wrote.
    let said = request.metadata().get_all(header.as_str()).iter().next_back();
    let said = said.and_then(|value| value.to_str().ok());
    let said = said.and_then(|value| value.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
    let connected = || request.remote_addr().map(|address| address.ip());
    let caller = if header.is_empty() { connected() } else { said.or_else(connected) };
    // An IPv4 address in the coat of an IPv6 one is the same address.
    match caller.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => Network::v4(address.octets()),
        Some(IpAddr::V6(address)) => Network::v6(address.octets()),
        None => Network::unknown(),
    }
}

/// Lets the policy decide about what is somebody's own and lies in no tenant, and writes it down.
async fn decide<C, O>(
    desk: &Desk,
    actor: Actor,
    command: C,
    app: impl AsyncFnOnce(&mut Tx, C) -> Result<O>,
) -> Result<O> {
    let tenant = actor.tenant().ok_or(Common::Unauthenticated)?;
    let work = async move |tx: &mut Tx| app(tx, command).await;
    Ok(desk.host.within(tenant, actor, Mode::Read, work).await?.0)
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

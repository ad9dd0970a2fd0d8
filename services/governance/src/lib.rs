//! Governance: Circles, proposals decided by consent, and the mandates that make decisions take effect.

#![doc = include_str!("../README.md")]

mod app;
mod consumers;
mod domain;
mod events;
mod grpc;
mod policy;
mod store;

use kith_platform::{Host, Service, host, limited};
use kith_proto::governance::v1::circles_service_server::CirclesServiceServer;
use kith_proto::governance::v1::proposals_service_server::ProposalsServiceServer;
use tonic::service::Routes;

pub use grpc::circle::Circles;
pub use grpc::proposal::Proposals;
pub use policy::Action;

/// The wiring list.
pub static SERVICE: Service = Service {
    name: "governance",
    migrations: &MIGRATIONS,
    policy: (include_str!("../policy/policy.cedar"), include_str!("../policy/schema.cedarschema")),
    subscriptions: consumers::subscriptions,
    routes,
    prepare: host::nothing_to_prepare,
    extra_roles: &[],
};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

fn routes(host: &Host) -> Routes {
    Routes::default()
        .add_service(limited!(CirclesServiceServer::new(Circles::new(host.clone()))))
        .add_service(limited!(ProposalsServiceServer::new(Proposals::new(host.clone()))))
}

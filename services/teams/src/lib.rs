//! Teams: the people whom someone chose to support them, their hats and the Promise.

#![doc = include_str!("../README.md")]

mod app;
mod consumers;
mod domain;
mod events;
mod grpc;
mod policy;
mod store;

use kith_platform::{Host, Service, host, limited};
use kith_proto::teams::v1::teams_service_server::TeamsServiceServer;
use tonic::service::Routes;

pub use grpc::team::Teams;
pub use policy::Action;

/// The wiring list.
pub static SERVICE: Service = Service {
    name: "teams",
    migrations: &MIGRATIONS,
    policy: (include_str!("../policy/policy.cedar"), include_str!("../policy/schema.cedarschema")),
    subscriptions: consumers::subscriptions,
    routes,
    prepare: host::nothing_to_prepare,
    extra_roles: &[],
};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

fn routes(host: &Host) -> Routes {
    Routes::default().add_service(limited!(TeamsServiceServer::new(Teams::new(host.clone()))))
}

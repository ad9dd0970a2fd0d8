//! Matching: who gives support, what Teams look for, and how two sides get to know one another.

#![doc = include_str!("../README.md")]

mod app;
mod consumers;
mod domain;
mod events;
mod grpc;
mod policy;
mod store;

use kith_platform::{Host, Service, host, limited};
use kith_proto::matching::v1::givers_service_server::GiversServiceServer;
use kith_proto::matching::v1::opportunities_service_server::OpportunitiesServiceServer;
use tonic::service::Routes;

pub use grpc::giver::Givers;
pub use grpc::opportunity::Opportunities;
pub use policy::Action;

/// The wiring list.
pub static SERVICE: Service = Service {
    name: "matching",
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
        .add_service(limited!(GiversServiceServer::new(Givers::new(host.clone()))))
        .add_service(limited!(OpportunitiesServiceServer::new(Opportunities::new(host.clone()))))
}

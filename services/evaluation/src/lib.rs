//! Evaluation: whether it works, without spying on anyone.

#![doc = include_str!("../README.md")]

mod app;
mod consumers;
mod domain;
mod events;
mod grpc;
mod policy;
mod store;

use kith_platform::{Host, Service, host, limited};
use kith_proto::evaluation::v1::indicators_service_server::IndicatorsServiceServer;
use kith_proto::evaluation::v1::rounds_service_server::RoundsServiceServer;
use tonic::service::Routes;

pub use grpc::continuity::Indicators;
pub use grpc::round::Rounds;
pub use policy::Action;

/// The wiring list.
pub static SERVICE: Service = Service {
    name: "evaluation",
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
        .add_service(limited!(RoundsServiceServer::new(Rounds::new(host.clone()))))
        .add_service(limited!(IndicatorsServiceServer::new(Indicators::new(host.clone()))))
}

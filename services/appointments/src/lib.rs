//! Appointments: series, visits, and what became of them.

#![doc = include_str!("../README.md")]

mod app;
mod consumers;
mod domain;
mod events;
mod grpc;
mod policy;
mod store;

use kith_platform::{Host, Service, host, limited};
use kith_proto::appointments::v1::series_service_server::SeriesServiceServer;
use kith_proto::appointments::v1::visits_service_server::VisitsServiceServer;
use tonic::service::Routes;

pub use domain::pattern::{Pattern, Period, Window};
pub use domain::rule::Rule;
pub use grpc::series::SeriesFace;
pub use grpc::visit::VisitsFace;
pub use policy::Action;

/// The wiring list.
pub static SERVICE: Service = Service {
    name: "appointments",
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
        .add_service(limited!(SeriesServiceServer::new(SeriesFace::new(host.clone()))))
        .add_service(limited!(VisitsServiceServer::new(VisitsFace::new(host.clone()))))
}

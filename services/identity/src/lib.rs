//! Identity: accounts and sign-in, tenants, people and their organisation roles.

#![doc = include_str!("../README.md")]

mod app;
mod consumers;
mod domain;
mod events;
mod grpc;
mod policy;
mod store;

use futures_util::future::BoxFuture;
use kith_platform::{Host, Service, limited};
use kith_proto::identity::v1::people_service_server::PeopleServiceServer;
use kith_proto::identity::v1::rights_service_server::RightsServiceServer;
use kith_proto::identity::v1::sign_in_service_server::SignInServiceServer;
use kith_proto::identity::v1::tenant_service_server::TenantServiceServer;
use tonic::service::Routes;

pub use app::Desk;
pub use grpc::person::PeopleFace;
pub use grpc::rights::RightsFace;
pub use grpc::session::SignInFace;
pub use grpc::tenant::TenantsFace;
pub use policy::Action;

/// The wiring list.
pub static SERVICE: Service = Service {
    name: "identity",
    migrations: &MIGRATIONS,
    policy: (include_str!("../policy/policy.cedar"), include_str!("../policy/schema.cedarschema")),
    subscriptions: consumers::subscriptions,
    routes,
    prepare,
    extra_roles: &["signin"],
};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

fn routes(host: &Host) -> Routes {
    let desk = Desk::new(host.clone());
    Routes::default()
        .add_service(limited!(TenantServiceServer::new(TenantsFace::new(desk.clone()))))
        .add_service(limited!(SignInServiceServer::new(SignInFace::new(desk.clone()))))
        .add_service(limited!(RightsServiceServer::new(RightsFace::new(desk.clone()))))
        .add_service(limited!(PeopleServiceServer::new(PeopleFace::new(desk))))
}

/// A key to sign with, and the code for the first operator.
fn prepare(host: Host) -> BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(async move {
        let desk = Desk::new(host);
        app::key::prepare(&desk).await?;
        app::account::prepare(&desk).await?;
        desk.close().await;
        Ok(())
    })
}

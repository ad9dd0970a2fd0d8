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
use kith_proto::identity::v1::break_glass_review_service_server::BreakGlassReviewServiceServer;
use kith_proto::identity::v1::communication_service_server::CommunicationServiceServer;
use kith_proto::identity::v1::consent_service_server::ConsentServiceServer;
use kith_proto::identity::v1::credential_service_server::CredentialServiceServer;
use kith_proto::identity::v1::integrator_service_server::IntegratorServiceServer;
use kith_proto::identity::v1::key_service_server::KeyServiceServer;
use kith_proto::identity::v1::leaving_service_server::LeavingServiceServer;
use kith_proto::identity::v1::legal_facts_service_server::LegalFactsServiceServer;
use kith_proto::identity::v1::operator_credential_service_server::OperatorCredentialServiceServer;
use kith_proto::identity::v1::passkey_service_server::PasskeyServiceServer;
use kith_proto::identity::v1::people_service_server::PeopleServiceServer;
use kith_proto::identity::v1::place_link_service_server::PlaceLinkServiceServer;
use kith_proto::identity::v1::provider_service_server::ProviderServiceServer;
use kith_proto::identity::v1::representatives_service_server::RepresentativesServiceServer;
use kith_proto::identity::v1::rights_service_server::RightsServiceServer;
use kith_proto::identity::v1::session_service_server::SessionServiceServer;
use kith_proto::identity::v1::sign_in_service_server::SignInServiceServer;
use kith_proto::identity::v1::tenant_life_service_server::TenantLifeServiceServer;
use kith_proto::identity::v1::tenant_profile_service_server::TenantProfileServiceServer;
use kith_proto::identity::v1::tenant_service_server::TenantServiceServer;
use tonic::service::Routes;

pub use app::Desk;
pub use app::due::{Done as DueDone, once as do_what_is_due};
pub use app::key::{from_row as signing_key_from_row, tend as tend_keys};
pub use app::mail::{Done as MailDone, deliver as deliver_mail, tell_of_looks as queue_mail_about_looks};
pub use grpc::break_glass::BreakGlassFace;
pub use grpc::communication::CommunicationFace;
pub use grpc::consent::ConsentsFace;
pub use grpc::credential::CredentialsFace;
pub use grpc::integrator::IntegratorsFace;
pub use grpc::leaving::LeavingFace;
pub use grpc::legal_fact::LegalFactsFace;
pub use grpc::operator_credential::OperatorCredentialsFace;
pub use grpc::passkey::PasskeysFace;
pub use grpc::person::PeopleFace;
pub use grpc::place_link::PlaceLinksFace;
pub use grpc::provider::ProvidersFace;
pub use grpc::representative::RepresentativesFace;
pub use grpc::rights::RightsFace;
pub use grpc::session::{KeysFace, SessionsFace, SignInFace};
pub use grpc::tenant::TenantsFace;
pub use grpc::tenant_life::TenantLifeFace;
pub use grpc::tenant_profile::TenantProfileFace;
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
        .add_service(limited!(ConsentServiceServer::new(ConsentsFace::new(host.clone()))))
        .add_service(limited!(TenantServiceServer::new(TenantsFace::new(desk.clone()))))
        .add_service(limited!(SignInServiceServer::new(SignInFace::new(desk.clone()))))
        .add_service(limited!(TenantLifeServiceServer::new(TenantLifeFace::new(desk.clone()))))
        .add_service(limited!(TenantProfileServiceServer::new(TenantProfileFace::new(desk.clone()))))
        .add_service(limited!(LeavingServiceServer::new(LeavingFace::new(desk.clone()))))
        .add_service(limited!(RepresentativesServiceServer::new(RepresentativesFace::new(host.clone()))))
        .add_service(limited!(BreakGlassReviewServiceServer::new(BreakGlassFace::new(desk.clone()))))
        .add_service(limited!(SessionServiceServer::new(SessionsFace::new(desk.clone()))))
        .add_service(limited!(KeyServiceServer::new(KeysFace::new(desk.clone()))))
        .add_service(limited!(CredentialServiceServer::new(CredentialsFace::new(desk.clone()))))
        .add_service(limited!(PasskeyServiceServer::new(PasskeysFace::new(desk.clone()))))
        .add_service(limited!(IntegratorServiceServer::new(IntegratorsFace::new(desk.clone()))))
        .add_service(limited!(ProviderServiceServer::new(ProvidersFace::new(desk.clone()))))
        .add_service(limited!(PlaceLinkServiceServer::new(PlaceLinksFace::new(desk.clone()))))
        .add_service(limited!(RightsServiceServer::new(RightsFace::new(desk.clone()))))
        .add_service(limited!(CommunicationServiceServer::new(CommunicationFace::new(host.clone()))))
        .add_service(limited!(LegalFactsServiceServer::new(LegalFactsFace::new(host.clone()))))
        .add_service(limited!(OperatorCredentialServiceServer::new(OperatorCredentialsFace::new(
            desk.clone()
        ))))
        .add_service(limited!(PeopleServiceServer::new(PeopleFace::new(desk))))
}

/// A key to sign with, and the code for the first operator.
fn prepare(host: Host) -> BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(async move {
        let desk = Desk::new(host);
        app::key::prepare(&desk).await?;
        app::account::prepare(&desk).await?;
        app::due::look_after(&desk);
        app::mail::prepare(&desk)?;
        desk.close().await;
        Ok(())
    })
}

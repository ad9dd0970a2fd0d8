//! Finance: contribution rules, payers and funding, the ledger, invoices, pay statements and Care Coins.

#![doc = include_str!("../README.md")]

mod app;
mod consumers;
mod domain;
mod events;
mod grpc;
mod policy;
mod store;

use kith_platform::{Host, Service, host, limited};
use kith_proto::finance::v1::documents_service_server::DocumentsServiceServer;
use kith_proto::finance::v1::funding_service_server::FundingServiceServer;
use kith_proto::finance::v1::ledger_service_server::LedgerServiceServer;
use kith_proto::finance::v1::rules_service_server::RulesServiceServer;
use tonic::service::Routes;

pub use grpc::funding::Funding;
pub use grpc::invoice::Documents;
pub use grpc::ledger::Ledger;
pub use grpc::rule::Rules;
pub use policy::Action;

/// The wiring list.
pub static SERVICE: Service = Service {
    name: "finance",
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
        .add_service(limited!(RulesServiceServer::new(Rules::new(host.clone()))))
        .add_service(limited!(FundingServiceServer::new(Funding::new(host.clone()))))
        .add_service(limited!(DocumentsServiceServer::new(Documents::new(host.clone()))))
        .add_service(limited!(LedgerServiceServer::new(Ledger::new(host.clone()))))
}

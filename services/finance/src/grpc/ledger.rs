//! `LedgerService`.

use kith_platform::Host;
use kith_proto::finance::v1 as pb;
use kith_proto::finance::v1::ledger_service_server::LedgerService;
use tonic::Request;

use super::{Reply, parse, render};
use crate::app;

/// The trial balance and Care Coins.
#[derive(Clone, Debug)]
pub struct Ledger(Host);

impl Ledger {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl LedgerService for Ledger {
    async fn get_trial_balance(
        &self,
        request: Request<pb::GetTrialBalanceRequest>,
    ) -> Reply<pb::GetTrialBalanceResponse> {
        self.0.query(request, parse::get_trial_balance, app::ledger::trial_balance, Into::into).await
    }

    async fn get_care_coins(
        &self,
        request: Request<pb::GetCareCoinsRequest>,
    ) -> Reply<pb::GetCareCoinsResponse> {
        self.0.query(request, parse::get_care_coins, app::coins::get, Into::into).await
    }

    async fn give_care_coins(
        &self,
        request: Request<pb::GiveCareCoinsRequest>,
    ) -> Reply<pb::GiveCareCoinsResponse> {
        self.0.command(request, parse::give_care_coins, app::coins::give, render::given).await
    }
}

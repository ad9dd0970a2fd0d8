//! `IndicatorsService`.

use kith_platform::Host;
use kith_proto::evaluation::v1 as pb;
use kith_proto::evaluation::v1::indicators_service_server::IndicatorsService;
use tonic::{Request, Response, Status};

use super::parse;
use crate::app;

/// Figures computed from what happened anyway.
#[derive(Clone, Debug)]
pub struct Indicators(Host);

impl Indicators {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl IndicatorsService for Indicators {
    async fn get_continuity(
        &self,
        request: Request<pb::GetContinuityRequest>,
    ) -> Result<Response<pb::GetContinuityResponse>, Status> {
        self.0.query(request, parse::get_continuity, app::continuity::get, Into::into).await
    }
}

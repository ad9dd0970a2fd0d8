//! `SeriesService`.

use kith_platform::Host;
use kith_platform::fields::Fields;
use kith_proto::appointments::v1 as pb;
use kith_proto::appointments::v1::series_service_server::SeriesService;
use tonic::{Request, Response, Status};

use super::parse;
use crate::app;

type Reply<A> = Result<Response<A>, Status>;

/// The public face of series.
#[derive(Clone, Debug)]
pub struct SeriesFace(Host);

impl SeriesFace {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl SeriesService for SeriesFace {
    async fn propose_series(
        &self,
        request: Request<pb::ProposeSeriesRequest>,
    ) -> Reply<pb::ProposeSeriesResponse> {
        self.0
            .command(request, parse::propose_series, app::series::propose, |series| {
                pb::ProposeSeriesResponse { series: Some(series.into()) }
            })
            .await
    }

    async fn answer_series(
        &self,
        request: Request<pb::AnswerSeriesRequest>,
    ) -> Reply<pb::AnswerSeriesResponse> {
        self.0
            .command(request, parse::answer_series, app::series::answer, |series| pb::AnswerSeriesResponse {
                series: Some(series.into()),
            })
            .await
    }

    async fn plan_visits(&self, request: Request<pb::PlanVisitsRequest>) -> Reply<pb::PlanVisitsResponse> {
        self.0
            .command(request, parse::plan_visits, app::plan::plan, |visits| pb::PlanVisitsResponse {
                visits: visits.into_iter().map(Into::into).collect(),
            })
            .await
    }

    async fn get_series(&self, request: Request<pb::GetSeriesRequest>) -> Reply<pb::GetSeriesResponse> {
        let parse = |message: pb::GetSeriesRequest, fields: &mut Fields| fields.id("id", &message.id);
        self.0
            .query(request, parse, app::series::get, |series| pb::GetSeriesResponse {
                series: Some(series.into()),
            })
            .await
    }

    async fn list_series(&self, request: Request<pb::ListSeriesRequest>) -> Reply<pb::ListSeriesResponse> {
        self.0.query(request, parse::list_series, app::series::list, Into::into).await
    }

    async fn preview_series(
        &self,
        request: Request<pb::PreviewSeriesRequest>,
    ) -> Reply<pb::PreviewSeriesResponse> {
        self.0
            .query(request, parse::preview_series, app::plan::preview, |occurrences| {
                pb::PreviewSeriesResponse { occurrences: occurrences.into_iter().map(Into::into).collect() }
            })
            .await
    }
}

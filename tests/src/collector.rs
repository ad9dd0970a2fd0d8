//! An OTLP collector in the test's own process: keeps what real services export to it over gRPC.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// A collector that listens; cheap to clone.
#[derive(Clone, Debug)]
pub struct Collector {
    /// Where.
    pub address: SocketAddr,
    kept: Kept,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    traces: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    metrics: Arc<Mutex<Vec<ExportMetricsServiceRequest>>>,
}

/// A span and the service that it is from.
#[derive(Clone, Debug)]
pub struct Exported {
    /// `service.name`.
    pub service: String,
    /// The span.
    pub span: Span,
}

/// A point of a metric.
#[derive(Clone, Debug)]
pub struct Point {
    /// `service.name`.
    pub service: String,
    /// The metric's name.
    pub metric: String,
    /// How many were measured or counted.
    pub count: u64,
    /// Its labels.
    pub labels: Vec<(String, String)>,
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner).push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Kept {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner).push(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

impl Collector {
    /// Listens on a free port until the test's runtime ends.
    ///
    /// # Panics
    /// Where there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its number");
        let kept = Kept::default();
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(kept.clone()))
            .add_service(MetricsServiceServer::new(kept.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { address, kept }
    }

    /// All spans received so far.
    pub fn spans(&self) -> Vec<Exported> {
        let traces = self.kept.traces.lock().unwrap_or_else(PoisonError::into_inner);
        let mut spans = Vec::new();
        for from in traces.iter().flat_map(|request| &request.resource_spans) {
            let service = service_name(from.resource.as_ref());
            for span in from.scope_spans.iter().flat_map(|scope| &scope.spans) {
                spans.push(Exported { service: service.clone(), span: span.clone() });
            }
        }
        spans
    }

    /// All points of all metrics received so far.
    pub fn points(&self) -> Vec<Point> {
        let metrics = self.kept.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        let mut points = Vec::new();
        for from in metrics.iter().flat_map(|request| &request.resource_metrics) {
            let service = service_name(from.resource.as_ref());
            for metric in from.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
                let found: Vec<(u64, &[KeyValue])> = match &metric.data {
                    Some(Data::Histogram(data)) => {
                        data.data_points.iter().map(|point| (point.count, &point.attributes[..])).collect()
                    }
                    Some(Data::Sum(data)) => {
                        data.data_points.iter().map(|point| (1, &point.attributes[..])).collect()
                    }
                    Some(Data::Gauge(data)) => {
                        data.data_points.iter().map(|point| (1, &point.attributes[..])).collect()
                    }
                    other => panic!("the tests cannot read this kind of metric yet: {other:?}"),
                };
                points.extend(found.into_iter().map(|(count, labels)| Point {
                    service: service.clone(),
                    metric: metric.name.clone(),
                    count,
                    labels: labels.iter().map(pair).collect(),
                }));
            }
        }
        points
    }

    /// Everything received so far, as it came over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let traces = self.kept.traces.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = self.kept.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::new();
        traces.iter().for_each(|request| bytes.extend(request.encode_to_vec()));
        metrics.iter().for_each(|request| bytes.extend(request.encode_to_vec()));
        bytes
    }
}

impl Exported {
    /// An attribute of the span, as text.
    pub fn attribute(&self, name: &str) -> Option<String> {
        self.span.attributes.iter().map(pair).find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

fn service_name(resource: Option<&Resource>) -> String {
    let attributes = resource.map(|resource| &resource.attributes[..]).unwrap_or_default();
    let name = attributes.iter().map(pair).find(|(key, _)| key == "service.name");
    name.map(|(_, value)| value).unwrap_or_default()
}

fn pair(attribute: &KeyValue) -> (String, String) {
    let value = match attribute.value.as_ref() {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => text.clone(),
        Some(AnyValue { value: Some(Value::IntValue(number)) }) => number.to_string(),
        other => format!("{other:?}"),
    };
    (attribute.key.clone(), value)
}

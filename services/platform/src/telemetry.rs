//! Logs, traces and metrics. Trace context travels through gRPC metadata and through events; where no collector is
//! configured, only logs are written.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::metrics::{Counter, Gauge, Histogram};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::Telemetry;
use crate::watch::Waiting;

/// Flushes what is still to be exported when it is shut down.
#[derive(Debug, Default)]
pub struct Guard {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

impl Guard {
    /// Exports what is left.
    pub fn shut_down(self) {
        if let Some(traces) = self.traces {
            traces.shutdown().ok();
        }
        if let Some(metrics) = self.metrics {
            metrics.shutdown().ok();
        }
    }
}

/// Starts telemetry for this process. Must be called within the runtime; a second call changes nothing.
pub fn start(service: &str, config: &Telemetry) -> anyhow::Result<Guard> {
    // One filter for lines and spans. Filters of single layers lose what they should keep as soon as a library asks
    // whether something would be logged, as sqlx does (tracing-subscriber's state of the last question is then stale).
    // By target and level alone: what can also look into spans takes a lock whenever one is entered or left.
    let mut filter: Targets = config.log.parse().context("telemetry.log is not a filter")?;
    if !config.otlp.is_empty() {
        // The exporter's own client has spans too, and must not export itself.
        for quiet in ["h2", "hyper", "hyper_util", "tonic", "tower"] {
            filter = filter.with_target(quiet, LevelFilter::WARN);
        }
    }
    let lines = if config.json {
        tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr).boxed()
    } else {
        tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::io::stderr).boxed()
    };
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    if config.otlp.is_empty() {
        subscriber.try_init().ok();
        return Ok(Guard::default());
    }
    let resource = Resource::builder().with_service_name(format!("kith-{service}")).build();
    let spans =
        opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(&config.otlp).build()?;
    let traces =
        SdkTracerProvider::builder().with_batch_exporter(spans).with_resource(resource.clone()).build();
    let figures =
        opentelemetry_otlp::MetricExporter::builder().with_tonic().with_endpoint(&config.otlp).build()?;
    let metrics = SdkMeterProvider::builder().with_periodic_exporter(figures).with_resource(resource).build();
    global::set_meter_provider(metrics.clone());
    subscriber.with(tracing_opentelemetry::layer().with_tracer(traces.tracer("kith"))).try_init().ok();
    Ok(Guard { traces: Some(traces), metrics: Some(metrics) })
}

/// The current span as a W3C `traceparent`, where it is traced.
pub(crate) fn traceparent() -> Option<String> {
    let context = Span::current().context();
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut carrier = std::collections::HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.remove("traceparent")
}

fn extract(traceparent: &str) -> opentelemetry::Context {
    let carrier = std::collections::HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    TraceContextPropagator::new().extract(&carrier)
}

/// The span of a call: a child of the caller's, where the caller is traced.
pub(crate) fn of_call(method: &'static str, traceparent: Option<&str>) -> Span {
    let span = tracing::info_span!("rpc", otel.kind = "server", rpc.method = method);
    if let Some(traceparent) = traceparent {
        span.set_parent(extract(traceparent)).ok();
    }
    span
}

/// Links the span of applying an event to that of writing it.
pub(crate) fn follow(span: &Span, traceparent: Option<&str>) {
    if let Some(traceparent) = traceparent {
        span.add_link(extract(traceparent).span().span_context().clone());
    }
}

struct Figures {
    duration: Histogram<f64>,
    shed: Counter<u64>,
    in_one: Counter<u64>,
    parked: Gauge<i64>,
    gaps: Gauge<i64>,
    dead: Gauge<i64>,
}

fn figures() -> &'static Figures {
    static FIGURES: OnceLock<Figures> = OnceLock::new();
    FIGURES.get_or_init(|| {
        let meter = global::meter("kith");
        Figures {
            duration: meter.f64_histogram("rpc.server.duration").with_unit("s").build(),
            shed: meter.u64_counter("rpc.server.shed").build(),
            in_one: meter.u64_counter("kith.command.in_one").build(),
            parked: meter.i64_gauge("kith.inbox.parked").with_unit("{event}").build(),
            gaps: meter.i64_gauge("kith.inbox.gaps").with_unit("{aggregate}").build(),
            dead: meter.i64_gauge("kith.inbox.dead").with_unit("{event}").build(),
        }
    })
}

/// Records a finished call. Never labelled with who or what it was about.
pub(crate) fn called(method: &'static str, code: i32, took: Duration) {
    let labels =
        [KeyValue::new("rpc.method", method), KeyValue::new("rpc.grpc.status_code", i64::from(code))];
    figures().duration.record(took.as_secs_f64(), &labels);
    // For the trace alone: a field of the span would be written anew into the text that its log lines bear.
    Span::current().set_attribute("rpc.grpc.status_code", i64::from(code));
}

/// Records a call that was shed.
pub(crate) fn shed() {
    figures().shed.add(1, &[]);
}

/// Records a command of one statement: done so, or run again as others are.
pub(crate) fn in_one(done: bool) {
    figures().in_one.add(1, &[KeyValue::new("done", done)]);
}

/// Records what waits too long in the inbox: alarms look at these.
pub(crate) fn waiting(waiting: &Waiting) {
    figures().parked.record(waiting.parked, &[]);
    figures().gaps.record(waiting.gaps, &[]);
    figures().dead.record(waiting.dead, &[]);
}

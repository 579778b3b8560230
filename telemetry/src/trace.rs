//! Traces: the span of a request, its trace id, and export by OTLP.
//!
//! A request with a W3C `traceparent` continues that trace; any other starts a new one. Log lines
//! contain the trace id whether or not traces are exported.
//! <https://www.w3.org/TR/trace-context/>

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TraceId, TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracerProvider};
use tracing::{Span, Subscriber, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use crate::error::TelemetryError;

/// Whether spans are exported. Fields that only a collector needs are recorded only if they are,
/// because they would otherwise appear in every log line.
static EXPORTS: AtomicBool = AtomicBool::new(false);

/// The timeout for sending a batch of spans to the collector.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// The trace id in a request's headers, as 32 hexadecimal digits.
pub fn trace_id(headers: &HeaderMap) -> Option<String> {
    parent(headers).map(|parent| parent.span().span_context().trace_id().to_string())
}

/// The span of a request to one of our servers. Everything logged inside it carries its request id
/// and trace id. [`answered`] records its outcome.
pub fn request_span(headers: &HeaderMap, request_id: &str, method: &str, route: &str) -> Span {
    let exports = EXPORTS.load(Ordering::Relaxed);
    let parent = parent(headers);
    // An exported span takes its trace from its parent or from the exporter.
    let known = match &parent {
        Some(parent) => Some(trace_id_of(parent)),
        None => (!exports).then(|| RandomIdGenerator::default().new_trace_id()),
    };
    // At error level, so that the span is kept even by the strictest log filter.
    let span = tracing::error_span!(
        target: "photolog",
        "request",
        request_id,
        trace_id = known.map(field::display),
        otel.name = field::Empty,
        otel.kind = field::Empty,
        otel.status_code = field::Empty,
        http.request.method = field::Empty,
        http.route = field::Empty,
        http.response.status_code = field::Empty,
    );
    if exports {
        span.record("otel.name", format_args!("{method} {route}"));
        span.record("otel.kind", "server");
        span.record("http.request.method", method);
        span.record("http.route", route);
        if let Some(parent) = parent {
            // Fails only if the filter disables this span.
            let _ = span.set_parent(parent);
        }
        if known.is_none() {
            let exported = trace_id_of(&span.context());
            let is_sampled = exported != TraceId::INVALID;
            let own = || RandomIdGenerator::default().new_trace_id();
            let trace_id = if is_sampled { exported } else { own() };
            span.record("trace_id", field::display(trace_id));
        }
    }
    span
}

/// Records the response status in a request's span.
pub fn answered(span: &Span, status: u16) {
    if EXPORTS.load(Ordering::Relaxed) {
        span.record("http.response.status_code", status);
        if status >= 500 {
            span.record("otel.status_code", "ERROR");
        }
    }
}

fn trace_id_of(context: &Context) -> TraceId {
    context.span().span_context().trace_id()
}

fn parent(headers: &HeaderMap) -> Option<Context> {
    let text = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name.to_owned(), value.to_owned()))
    };
    let carrier: HashMap<_, _> = [text("traceparent")?]
        .into_iter()
        .chain(text("tracestate"))
        .collect();
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    context.span().span_context().is_valid().then_some(context)
}

/// Sends spans to a collector, in batches, from its own thread.
pub(crate) fn exporter(
    endpoint: &str,
    service: &'static str,
) -> Result<SdkTracerProvider, TelemetryError> {
    // Errors omit the endpoint, because it may contain a password.
    let unusable = TelemetryError::Traces;
    let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    reqwest::Url::parse(&url).map_err(|problem| unusable(problem.to_string()))?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client().map_err(unusable)?)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(EXPORT_TIMEOUT)
        .with_endpoint(url)
        .build()
        .map_err(|problem| unusable(problem.to_string()))?;
    EXPORTS.store(true, Ordering::Relaxed);
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name(service).build())
        .build())
}

/// A blocking client, as the exporting thread requires. It must be created outside any async
/// runtime.
fn client() -> Result<reqwest::blocking::Client, String> {
    std::thread::spawn(|| {
        reqwest::blocking::Client::builder()
            .timeout(EXPORT_TIMEOUT)
            .build()
    })
    .join()
    .map_err(|_| "the client could not be made".to_owned())?
    .map_err(|problem| problem.to_string())
}

/// Exports our own spans; spans of libraries are ignored.
pub(crate) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("photolog"))
        .with_filter(Targets::new().with_target("photolog", LevelFilter::INFO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(traceparent: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Ok(value) = traceparent.parse() {
            headers.insert("traceparent", value);
        }
        headers
    }

    #[test]
    fn only_a_valid_traceparent_names_a_trace() {
        let example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(
            trace_id(&headers(example)).as_deref(),
            Some("4bf92f3577b34da6a3ce929d0e0e4736")
        );
        for nonsense in [
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "a trace",
        ] {
            assert_eq!(trace_id(&headers(nonsense)), None, "{nonsense}");
        }
        assert_eq!(trace_id(&HeaderMap::new()), None);
    }
}

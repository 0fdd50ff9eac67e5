//! Spans on their way to a collector over a socket, read there by the protocol's own messages.

use http::{HeaderMap, HeaderValue};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use relay_hosts::{ClientOptions, HostClient};
use relay_testkit::{FakeHost, PATIENCE, Received, Reply};
use relay_traces::{Settings, Span, SpanId, SpanKind, TraceId, Tracer, tracer};

/// A collector that answers so, in turn.
async fn collector(answers: impl IntoIterator<Item = Reply>) -> FakeHost {
    let collector = FakeHost::builder().start().await;
    answers.into_iter().for_each(|answer| collector.script_path("/v1/traces", answer));
    collector
}

fn settings(base: &str) -> Settings {
    let settings = Settings::read(Some(base), Some(1.0), |_| None).expect("can be used").expect("is wanted");
    let headers = HeaderMap::from_iter([("x-key".parse().expect("a name"), HeaderValue::from_static("k"))]);
    Settings { headers, ..settings }
}

fn http() -> HostClient {
    HostClient::new(ClientOptions { connect_timeout: PATIENCE }).expect("has TLS")
}

fn span(name: &str) -> Span {
    let at = relay_domain::Timestamp::UNIX_EPOCH;
    Span {
        trace: TraceId(1),
        id: SpanId(2),
        parent: None,
        name: name.to_owned(),
        kind: SpanKind::Server,
        began: at,
        ended: at,
        attributes: Vec::new(),
        error: None,
    }
}

fn read(received: &Received) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(received.body.clone()).expect("is OTLP")
}

/// The names of the spans in the next batch.
async fn next(collector: &FakeHost) -> Vec<String> {
    let batch = read(&collector.next_request().await);
    batch.resource_spans[0].scope_spans[0].spans.iter().map(|span| span.name.clone()).collect()
}

async fn counted(tracer: &Tracer, exported: u64, dropped: u64) {
    let reached = async {
        while tracer.counts() != (exported, dropped) {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, reached).await;
    assert!(in_time.is_ok(), "{:?} is not {:?}", tracer.counts(), (exported, dropped));
}

#[tokio::test]
async fn spans_are_gathered_and_sent_with_what_the_collector_wants_to_see() {
    let collector = collector([Reply::empty(200)]).await;
    let (tracer, exporter) = tracer(settings(&collector.base_url()), http());
    tracer.record(vec![span("a"), span("b")]);
    tracer.record(vec![span("c")]);
    let running = tokio::spawn(exporter.run(std::future::pending()));
    let received = collector.next_request().await;
    assert_eq!((received.method.as_str(), received.path()), ("POST", "/v1/traces"));
    assert_eq!(
        (received.header("content-type"), received.header("x-key")),
        (Some("application/x-protobuf"), Some("k"))
    );
    let batch = read(&received);
    assert_eq!(batch.resource_spans[0].scope_spans[0].spans.len(), 3);
    let resource = &batch.resource_spans[0].resource.as_ref().expect("is there").attributes;
    assert!(resource.iter().any(|pair| pair.key == "service.name"), "{resource:?}");
    // The last of those who could record is gone.
    drop(tracer);
    running.await.expect("ends by itself");
}

#[tokio::test]
async fn a_collector_that_is_overloaded_is_tried_again_and_one_that_refuses_is_not() {
    let rejected = ExportTracePartialSuccess { rejected_spans: 1, error_message: "too old".to_owned() };
    let partly = ExportTraceServiceResponse { partial_success: Some(rejected) }.encode_to_vec();
    let partly = Reply::raw("application/x-protobuf", partly);
    let collector = collector([Reply::empty(503), partly, Reply::empty(400), Reply::empty(200)]).await;
    let (tracer, exporter) = tracer(settings(&collector.base_url()), http());
    let running = tokio::spawn(exporter.run(std::future::pending()));
    tracer.record(vec![span("a"), span("b")]);
    assert_eq!(next(&collector).await, ["a", "b"]);
    assert_eq!(next(&collector).await, ["a", "b"], "tried again");
    counted(&tracer, 1, 1).await;
    tracer.record(vec![span("c")]);
    assert_eq!(next(&collector).await, ["c"]);
    counted(&tracer, 1, 2).await;
    tracer.record(vec![span("d")]);
    assert_eq!(next(&collector).await, ["d"], "the one before is not tried again");
    counted(&tracer, 2, 2).await;
    running.abort();
}

#[tokio::test]
async fn what_is_there_at_the_end_is_sent_once_more() {
    let collector = collector([Reply::empty(200)]).await;
    let (tracer, exporter) = tracer(settings(&collector.base_url()), http());
    tracer.record(vec![span("last")]);
    exporter.run(std::future::ready(())).await;
    assert_eq!(next(&collector).await, ["last"]);
    assert_eq!(tracer.counts(), (1, 0));
}

#[tokio::test]
async fn without_a_collector_spans_are_dropped_and_nobody_waits() {
    let collector = collector([]).await;
    let base = collector.base_url();
    collector.kill().await;
    let (tracer, exporter) = tracer(settings(&base), http());
    tracer.record(vec![span("lost")]);
    exporter.run(std::future::ready(())).await;
    assert_eq!(tracer.counts(), (0, 1));
}

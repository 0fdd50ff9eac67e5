//! Traces: whose they are, what their spans say, and what hosts are told of them.

use std::collections::BTreeMap;

use relay_testkit::{Cut, FakeHost, Received, Reply, errors};
use relay_traces::otlp::{Any, ExportRequest, KIND_CLIENT, KIND_SERVER, KeyValue, STATUS_ERROR, WireSpan};
use relay_traces::{Settings, TraceParent};

use crate::rig::{MODEL, Rig, Setup, patiently};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const STATE: &str = "vendor=a,other=b";

/// A collector, and a gateway that sends it what `ratio` says.
async fn traced(setup: Setup, ratio: f64) -> (FakeHost, Rig) {
    let collector = FakeHost::builder().start().await;
    let settings = Settings::read(Some(&collector.base_url()), Some(ratio), |_| None).expect("can be used");
    collector.script_path("/v1/traces", Reply::empty(200));
    (collector, setup.traced(settings.expect("is wanted")).start().await)
}

/// The spans of the next batch: the request's first.
async fn spans(collector: &FakeHost) -> Vec<WireSpan> {
    let batch = patiently("a batch", collector.next_request()).await;
    let batch = ExportRequest::read(&batch.body).expect("is OTLP");
    batch.resource_spans[0].scope_spans[0].spans.clone()
}

fn attributes(span: &WireSpan) -> BTreeMap<&str, String> {
    let text = |value: &Any| match value {
        Any::Text(text) => text.clone(),
        Any::Number(number) => number.to_string(),
        Any::Fraction(number) => number.to_string(),
        Any::Flag(flag) => flag.to_string(),
    };
    let value =
        |pair: &KeyValue| text(pair.value.as_ref().and_then(|value| value.value.as_ref()).expect("has a value"));
    span.attributes.iter().map(|pair| (pair.key.as_str(), value(pair))).collect()
}

fn told(host: &FakeHost) -> Vec<Received> {
    host.received()
}

/// The span that a host was told to belong to.
fn parent_told(request: &Received) -> (Vec<u8>, Vec<u8>) {
    let parents = request.header_all("traceparent");
    assert_eq!(parents.len(), 1, "{parents:?}");
    let parent = TraceParent::parse(parents[0]).expect("is valid");
    assert!(parent.is_sampled);
    (parent.trace.0.to_be_bytes().to_vec(), parent.span.0.to_be_bytes().to_vec())
}

#[tokio::test]
async fn a_traced_request_has_a_span_in_its_clients_trace_and_one_for_each_attempt() {
    let (collector, rig) = traced(Setup::hosts(2).shadow_model("shadow-5"), 0.0).await;
    rig.hosts[0].script(Reply::error(errors::UPSTREAM_UNAVAILABLE));
    let call = rig.say("hello").header("traceparent", PARENT).header("tracestate", STATE).header("x-request-id", "r-1");
    assert_eq!(call.send().await.status, 200);

    let spans = spans(&collector).await;
    let [request, first, second] = &spans[..] else { panic!("{spans:#?}") };
    let parent = TraceParent::parse(PARENT).expect("is valid");
    assert!(spans.iter().all(|span| span.trace_id == parent.trace.0.to_be_bytes()));
    assert_eq!(request.parent_span_id, parent.span.0.to_be_bytes());
    assert_eq!((request.name.as_str(), request.kind), (&*format!("chat {MODEL}"), KIND_SERVER));
    assert!(request.status.is_none());
    for (attempt, host) in [(first, &rig.hosts[0]), (second, &rig.hosts[1])] {
        assert_eq!(attempt.parent_span_id, request.span_id);
        assert_eq!((attempt.name.as_str(), attempt.kind), ("chat shadow-5", KIND_CLIENT));
        assert_eq!(parent_told(&told(host)[0]), (attempt.trace_id.clone(), attempt.span_id.clone()));
        assert_eq!(told(host)[0].header("tracestate"), Some(STATE));
        assert!(request.start_time_unix_nano <= attempt.start_time_unix_nano);
        assert!(attempt.end_time_unix_nano <= request.end_time_unix_nano);
    }
    assert!(first.end_time_unix_nano <= second.start_time_unix_nano);
    assert_ne!(first.span_id, second.span_id);

    let of_request = attributes(request);
    for (name, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", MODEL),
        ("http.response.status_code", "200"),
        ("relay.request_id", "r-1"),
        ("relay.consumer", "team-a"),
        ("relay.logical_group_id", "gpt"),
        ("relay.verdict", "complete"),
        ("relay.attempts", "2"),
        ("relay.fallback_used", "true"),
    ] {
        assert_eq!(of_request.get(name).map(String::as_str), Some(value), "{name} in {of_request:#?}");
    }
    let decision = rig.decision("r-1").await;
    for attributes in [&of_request, &attributes(second)] {
        assert_eq!(attributes.get("gen_ai.usage.input_tokens"), decision.usage.input.map(|it| it.to_string()).as_ref());
        assert_eq!(
            attributes.get("gen_ai.usage.output_tokens"),
            decision.usage.output.map(|it| it.to_string()).as_ref()
        );
    }
    let of_first = attributes(first);
    assert_eq!(first.status.as_ref().map(|it| it.code), Some(STATUS_ERROR));
    let port = rig.hosts[0].address().port().to_string();
    for (name, value) in [
        ("error.type", "gateway_5xx"),
        ("gen_ai.request.model", "shadow-5"),
        ("server.address", "127.0.0.1"),
        ("server.port", &port),
        ("relay.host_id", "host-1"),
        ("relay.route_id", "route-1"),
        ("relay.attempt.end", "refused"),
    ] {
        assert_eq!(of_first.get(name).map(String::as_str), Some(value), "{name} in {of_first:#?}");
    }
    let of_second = attributes(second);
    assert_eq!(of_second.get("http.request.resend_count").map(String::as_str), Some("1"));
    assert_eq!(of_second.get("gen_ai.response.model").map(String::as_str), Some("shadow-5"), "as the host told it");
    assert!(!of_first.contains_key("gen_ai.usage.input_tokens"), "{of_first:#?}");
}

#[tokio::test]
async fn a_stream_is_its_attempts_until_it_ends_and_what_broke_it_is_told() {
    let (collector, rig) = traced(Setup::hosts(1), 1.0).await;
    rig.hosts[0].script(Reply::chat("one two three").truncate_after(2, Cut::Eof));
    rig.stream("hello").send().await.text().await;
    let spans = spans(&collector).await;
    let [request, attempt] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(attempt.end_time_unix_nano, request.end_time_unix_nano);
    for span in [request, attempt] {
        let attributes = attributes(span);
        assert_eq!(span.status.as_ref().map(|it| it.code), Some(STATUS_ERROR));
        assert_eq!(attributes.get("error.type").map(String::as_str), Some("stream_truncated"), "{attributes:#?}");
        assert_eq!(attributes.get("gen_ai.request.stream").map(String::as_str), Some("true"));
    }
    assert!(attributes(attempt).contains_key("gen_ai.response.time_to_first_chunk"));
}

#[tokio::test]
async fn a_request_without_a_trace_begins_one_and_its_host_belongs_to_it() {
    let (collector, rig) = traced(Setup::hosts(1), 1.0).await;
    // A state without a valid parent means nothing.
    rig.say("hello").header("traceparent", "00-nothing").header("tracestate", STATE).send().await;
    let spans = spans(&collector).await;
    assert!(spans[0].parent_span_id.is_empty());
    let request = &told(&rig.hosts[0])[0];
    assert_eq!(parent_told(request), (spans[1].trace_id.clone(), spans[1].span_id.clone()));
    assert_eq!(request.header("tracestate"), None);
}

#[tokio::test]
async fn what_was_wrong_with_the_request_is_no_error_of_ours() {
    let (collector, rig) = traced(Setup::hosts(1), 1.0).await;
    rig.chat(r#"{"model":"unknown"}"#).send().await;
    let spans = spans(&collector).await;
    assert_eq!(spans.len(), 1, "nobody was asked: {spans:#?}");
    assert!(spans[0].status.is_none());
    assert_eq!(attributes(&spans[0]).get("http.response.status_code").map(String::as_str), Some("404"));
}

#[tokio::test]
async fn where_nothing_is_recorded_the_clients_trace_passes_as_it_was_written() {
    let unsampled = PARENT.replace("-01", "-00");
    let (collector, rig) = traced(Setup::hosts(1), 1.0).await;
    rig.say("hello").header("traceparent", &unsampled).header("tracestate", STATE).send().await;
    let off = Setup::hosts(1).start().await;
    off.say("hello").header("TraceParent", "00-Not-Even-Valid").header("tracestate", STATE).send().await;
    for (rig, parent) in [(&rig, unsampled.as_str()), (&off, "00-Not-Even-Valid")] {
        let request = &told(&rig.hosts[0])[0];
        assert_eq!(request.header_all("traceparent"), [parent]);
        assert_eq!(request.header_all("tracestate"), [STATE]);
    }
    // The first that is recorded is the first that the collector hears of.
    rig.say("hello").header("x-request-id", "recorded").send().await;
    assert_eq!(attributes(&spans(&collector).await[0]).get("relay.request_id").map(String::as_str), Some("recorded"));
}

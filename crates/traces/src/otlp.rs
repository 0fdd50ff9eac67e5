//! Spans as OTLP has them: the messages of `opentelemetry.proto.collector.trace.v1` that we fill,
//! with the field numbers of protocol version 1. A test reads them with the generated ones.

use prost::{Message, Oneof};
use relay_domain::Timestamp;

use crate::{Span, SpanKind, Value};

/// A batch.
#[derive(Clone, PartialEq, Message)]
pub struct ExportRequest {
    /// By process.
    #[prost(message, repeated, tag = "1")]
    pub resource_spans: Vec<ResourceSpans>,
}

/// What one process did.
#[derive(Clone, PartialEq, Message)]
pub struct ResourceSpans {
    /// The process.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// By who noted it.
    #[prost(message, repeated, tag = "2")]
    pub scope_spans: Vec<ScopeSpans>,
}

/// A process.
#[derive(Clone, PartialEq, Message)]
pub struct Resource {
    /// What is said of it.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
}

/// What one program or library noted.
#[derive(Clone, PartialEq, Message)]
pub struct ScopeSpans {
    /// Who.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<Scope>,
    /// What.
    #[prost(message, repeated, tag = "2")]
    pub spans: Vec<WireSpan>,
}

/// A program or library.
#[derive(Clone, PartialEq, Message)]
pub struct Scope {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its version.
    #[prost(string, tag = "2")]
    pub version: String,
}

/// A span.
#[derive(Clone, PartialEq, Message)]
pub struct WireSpan {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    /// 8 bytes, or none.
    #[prost(bytes = "vec", tag = "4")]
    pub parent_span_id: Vec<u8>,
    /// What was done.
    #[prost(string, tag = "5")]
    pub name: String,
    /// 2 serves, 3 calls.
    #[prost(int32, tag = "6")]
    pub kind: i32,
    /// Nanoseconds since the Unix epoch.
    #[prost(fixed64, tag = "7")]
    pub start_time_unix_nano: u64,
    /// Likewise.
    #[prost(fixed64, tag = "8")]
    pub end_time_unix_nano: u64,
    /// The facts.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    /// How it ended; absent when well.
    #[prost(message, optional, tag = "15")]
    pub status: Option<Status>,
}

/// How a span ended.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    /// In words.
    #[prost(string, tag = "2")]
    pub message: String,
    /// 2 is an error.
    #[prost(int32, tag = "3")]
    pub code: i32,
}

/// A fact.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// A value of one of several kinds.
#[derive(Clone, PartialEq, Message)]
pub struct AnyValue {
    /// The value.
    #[prost(oneof = "Any", tags = "1, 2, 3, 4")]
    pub value: Option<Any>,
}

/// A value.
#[derive(Clone, PartialEq, Oneof)]
pub enum Any {
    /// Text.
    #[prost(string, tag = "1")]
    Text(String),
    /// Yes or no.
    #[prost(bool, tag = "2")]
    Flag(bool),
    /// A number.
    #[prost(int64, tag = "3")]
    Number(i64),
    /// A number with a fraction.
    #[prost(double, tag = "4")]
    Fraction(f64),
}

/// The answer to a request: what of it the collector would not have.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExportAnswer {
    #[prost(message, optional, tag = "1")]
    pub(crate) partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub(crate) rejected_spans: i64,
    #[prost(string, tag = "2")]
    pub(crate) error_message: String,
}

impl ExportRequest {
    /// Reads a batch, as a collector does; `None` when it is none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        Self::decode(bytes).ok()
    }
}

/// What [`WireSpan::kind`] is of a span that serves.
pub const KIND_SERVER: i32 = 2;
/// … of one that calls.
pub const KIND_CLIENT: i32 = 3;
/// What [`Status::code`] is of an error.
pub const STATUS_ERROR: i32 = 2;

/// The name that spans are attributed to.
const SCOPE: &str = "relay-manager";

/// One request with all these spans of one process.
pub(crate) fn request(resource: &[(String, String)], spans: &[Span]) -> ExportRequest {
    let attributes = resource.iter().map(|(key, value)| text(key, value.clone())).collect();
    let scope = Scope { name: SCOPE.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let scope_spans = ScopeSpans { scope: Some(scope), spans: spans.iter().map(WireSpan::of).collect() };
    ExportRequest {
        resource_spans: vec![ResourceSpans { resource: Some(Resource { attributes }), scope_spans: vec![scope_spans] }],
    }
}

fn text(key: &str, value: String) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(Any::Text(value)) }) }
}

impl WireSpan {
    fn of(span: &Span) -> Self {
        let mut attributes: Vec<_> = span.attributes.iter().map(KeyValue::of).collect();
        attributes.extend(span.error.map(|class| text("error.type", class.to_owned())));
        Self {
            trace_id: span.trace.0.to_be_bytes().to_vec(),
            span_id: span.id.0.to_be_bytes().to_vec(),
            parent_span_id: span.parent.map(|parent| parent.0.to_be_bytes().to_vec()).unwrap_or_default(),
            name: span.name.clone(),
            kind: match span.kind {
                SpanKind::Server => KIND_SERVER,
                SpanKind::Client => KIND_CLIENT,
            },
            start_time_unix_nano: nanos(span.began),
            end_time_unix_nano: nanos(span.ended.max(span.began)),
            attributes,
            status: span.error.map(|_| Status { message: String::new(), code: STATUS_ERROR }),
        }
    }
}

impl KeyValue {
    fn of((key, value): &(&'static str, Value)) -> Self {
        let value = match value {
            Value::Text(text) => Any::Text(text.clone().into_owned()),
            Value::Shared(text) => Any::Text(text.as_ref().to_owned()),
            Value::Number(number) => Any::Number(*number),
            Value::Fraction(number) => Any::Fraction(*number),
            Value::Flag(flag) => Any::Flag(*flag),
        };
        Self { key: (*key).to_owned(), value: Some(AnyValue { value: Some(value) }) }
    }
}

fn nanos(at: Timestamp) -> u64 {
    at.as_nanosecond().try_into().unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    };
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Generated;
    use opentelemetry_proto::tonic::trace::v1::{span, status};

    use super::*;
    use crate::{SpanId, TraceId};

    /// A span with a value of every kind.
    pub(crate) fn span() -> Span {
        Span {
            trace: TraceId(0x0102),
            id: SpanId(0x0304),
            parent: Some(SpanId(0x0506)),
            name: "chat gpt-5".to_owned(),
            kind: SpanKind::Client,
            began: "2026-11-26T12:00:00Z".parse().expect("a time"),
            ended: "2026-11-26T12:00:01.5Z".parse().expect("a time"),
            attributes: vec![
                ("gen_ai.operation.name", "chat".into()),
                ("gen_ai.usage.input_tokens", 12_u64.into()),
                ("relay.cost", 0.25.into()),
                ("relay.fallback_used", true.into()),
            ],
            error: Some("timeout"),
        }
    }

    #[test]
    fn spans_are_written_as_the_protocols_own_messages_read_them() {
        let resource = [("service.name".to_owned(), "relay-manager".to_owned())];
        let plain = Span { parent: None, kind: SpanKind::Server, error: None, ..span() };
        let bytes = request(&resource, &[span(), plain]).encode_to_vec();
        let read = ExportTraceServiceRequest::decode(&bytes[..]).expect("is a request");
        let of_resource = &read.resource_spans[0];
        let resource = &of_resource.resource.as_ref().expect("is there").attributes[0];
        assert_eq!(resource.key, "service.name");
        let of_scope = &of_resource.scope_spans[0];
        assert_eq!(of_scope.scope.as_ref().expect("is there").name, "relay-manager");
        let (failed, well) = (&of_scope.spans[0], &of_scope.spans[1]);
        assert_eq!(failed.trace_id, [[0; 14].as_slice(), &[1, 2]].concat());
        assert_eq!((&failed.span_id[6..], &failed.parent_span_id[6..]), (&[3, 4][..], &[5, 6][..]));
        assert_eq!(failed.end_time_unix_nano - failed.start_time_unix_nano, 1_500_000_000);
        assert_eq!(failed.start_time_unix_nano, 1_795_694_400_000_000_000);
        assert_eq!((failed.name.as_str(), failed.kind()), ("chat gpt-5", span::SpanKind::Client));
        assert_eq!(failed.status.as_ref().expect("is there").code(), status::StatusCode::Error);
        let attributes: Vec<_> = failed
            .attributes
            .iter()
            .map(|pair| (pair.key.as_str(), pair.value.clone().and_then(|value| value.value).expect("has a value")))
            .collect();
        assert_eq!(
            attributes,
            [
                ("gen_ai.operation.name", Generated::StringValue("chat".into())),
                ("gen_ai.usage.input_tokens", Generated::IntValue(12)),
                ("relay.cost", Generated::DoubleValue(0.25)),
                ("relay.fallback_used", Generated::BoolValue(true)),
                ("error.type", Generated::StringValue("timeout".into())),
            ]
        );
        assert_eq!((well.kind(), well.parent_span_id.len(), well.status.is_none()), (span::SpanKind::Server, 0, true));
    }

    #[test]
    fn what_a_collector_would_not_have_is_read() {
        let rejected = ExportTracePartialSuccess { rejected_spans: 3, error_message: "too old".to_owned() };
        let bytes = ExportTraceServiceResponse { partial_success: Some(rejected) }.encode_to_vec();
        let read = ExportAnswer::decode(&bytes[..]).expect("is an answer").partial_success.expect("is there");
        assert_eq!((read.rejected_spans, read.error_message.as_str()), (3, "too old"));
    }
}

//! OpenTelemetry traces: the context that requests carry (W3C Trace Context), spans, and
//! their export over OTLP.
//!
//! Nothing here runs while a request does: whoever served one asks a [`Tracer`] at its beginning whether
//! it is traced, and hands over whole spans at its end. They wait in a queue that is
//! bounded; what does not fit is dropped and counted. One task, [`Exporter::run`], takes them from there.
//!
//! OTLP is spoken as protobuf over HTTP, by the client that hosts are called with: no second
//! HTTP stack, no gRPC. What a span says is for the component that makes it.
#![forbid(unsafe_code)]

mod context;
mod exporter;
pub mod otlp;
mod settings;
mod span;
mod tracer;

pub use context::{Context, SpanId, TraceId, TraceParent};
pub use exporter::Exporter;
pub use settings::{Settings, SettingsError};
pub use span::{Span, SpanKind, Value};
pub use tracer::{Tracer, tracer};

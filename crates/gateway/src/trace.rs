//! The spans of a request that is traced (docs/tracing-and-logs.md): one for the request, and one for
//! each attempt. They are made when the request has ended, of its outcome; a request that
//! is not traced has nothing of this but an empty place.
//!
//! Attributes are those of OpenTelemetry's conventions for generative AI, and our own under
//! `relay.`. No prompt, answer, key or header is among them.

use std::sync::Arc;
use std::time::Duration;

use relay_domain::Timestamp;
use relay_ledger::{AttemptRecord, Outcome, Usage, Verdict};
use relay_routing::{RouteIndex, Surface};
use relay_traces::{Context, Span, SpanKind, Tracer, Value};
use tokio::time::Instant;

use crate::request_id::RequestId;
use crate::serving::Serving;

/// A request that is traced, while it runs.
pub(crate) struct Trace {
    pub(crate) tracer: Tracer,
    pub(crate) context: Context,
    pub(crate) request_id: RequestId,
    pub(crate) consumer: Arc<str>,
    pub(crate) group: Option<Arc<str>>,
    pub(crate) model: Arc<str>,
    pub(crate) stream: bool,
    /// The model that the host which served told.
    pub(crate) told_model: Option<String>,
    /// When each attempt began.
    pub(crate) attempts: Vec<(RouteIndex, Instant)>,
}

/// What was done, as its outcome tells it.
#[derive(Clone, Copy)]
pub(crate) struct Ended<'a> {
    pub(crate) surface: Surface,
    pub(crate) serving: &'a Serving,
    pub(crate) outcome: &'a Outcome,
    /// When the request arrived.
    pub(crate) started: Instant,
}

type Attributes = Vec<(&'static str, Value)>;

impl Trace {
    /// Tells the tracer of a request that has ended.
    pub(crate) fn end(self, ended: Ended<'_>) {
        let outcome = ended.outcome;
        let began = before(outcome.at, Duration::from_micros(outcome.latency_us));
        let mut spans = Vec::with_capacity(1 + outcome.attempts.len());
        spans.push(self.of_request(began, ended));
        for (number, (attempt, begun)) in outcome.attempts.iter().zip(&self.attempts).enumerate() {
            let is_last = number + 1 == outcome.attempts.len();
            spans.push(self.of_attempt(number as u32, attempt, *begun, began, ended, is_last));
        }
        self.tracer.record(spans);
    }

    fn of_request(&self, began: Timestamp, ended: Ended<'_>) -> Span {
        let Ended { surface, serving, outcome, .. } = ended;
        let mut attributes = self.common(surface, &self.model);
        attributes.extend([
            ("relay.request_id", self.request_id.as_str().to_owned().into()),
            ("relay.consumer", Arc::clone(&self.consumer).into()),
            ("relay.generation", serving.snapshot.generation().into()),
            ("relay.verdict", outcome.verdict.as_str().into()),
            ("relay.sticky_action", outcome.sticky_action.into()),
            ("relay.attempts", (outcome.attempts.len() as u64).into()),
        ]);
        put(&mut attributes, "relay.logical_group_id", self.group.clone());
        put(&mut attributes, "relay.overhead_us", outcome.overhead_us);
        put(&mut attributes, "relay.price", outcome.price_nanos.map(money));
        put(&mut attributes, "http.response.status_code", outcome.client_status);
        for (name, happened) in [
            ("relay.fallback_used", outcome.fallback_used),
            ("relay.panic", outcome.panic),
            ("relay.possible_double_bill", outcome.possible_double_bill),
        ] {
            put(&mut attributes, name, happened.then_some(true));
        }
        tell_usage(&mut attributes, &outcome.usage);
        Span {
            trace: self.context.trace,
            id: self.context.span,
            parent: self.context.parent,
            name: name(surface, &self.model),
            kind: SpanKind::Server,
            began,
            ended: outcome.at,
            attributes,
            error: outcome.error_class.filter(|_| is_ours(outcome)),
        }
    }

    fn of_attempt(
        &self,
        number: u32,
        attempt: &AttemptRecord,
        (route, begun): (RouteIndex, Instant),
        request_began: Timestamp,
        ended: Ended<'_>,
        is_last: bool,
    ) -> Span {
        let Ended { surface, serving, outcome, started } = ended;
        let wire = serving.wire(route);
        let model = if wire.shadow_model.is_empty() { &self.model } else { &wire.shadow_model };
        let mut attributes = self.common(surface, model);
        let base_url = serving.endpoint(route).base_url();
        attributes.extend([
            ("server.address", base_url.authority().host().to_owned().into()),
            ("server.port", base_url.port().into()),
            ("relay.route_id", Arc::clone(&attempt.route_id).into()),
            ("relay.host_id", Arc::clone(&attempt.host_id).into()),
            ("relay.attempt.end", attempt.end.into()),
        ]);
        put(&mut attributes, "http.response.status_code", attempt.status);
        put(&mut attributes, "http.request.resend_count", Some(u64::from(number)).filter(|resent| *resent > 0));
        let began = after(request_began, begun.saturating_duration_since(started));
        let committed = after(began, Duration::from_micros(attempt.us));
        let served = is_last && attempt.class.is_none();
        if served {
            put(&mut attributes, "gen_ai.response.model", self.told_model.clone());
            tell_usage(&mut attributes, &outcome.usage);
            put(&mut attributes, "relay.cost", outcome.cost_nanos.map(money));
            let first = Duration::from_micros(attempt.us).as_secs_f64();
            put(&mut attributes, "gen_ai.response.time_to_first_chunk", self.stream.then_some(first));
        }
        Span {
            trace: self.context.trace,
            id: self.context.child(number),
            parent: Some(self.context.span),
            name: name(surface, model),
            kind: SpanKind::Client,
            began,
            // A stream is the host's until its end; what broke it is told with its attempt.
            ended: if served && self.stream { outcome.at } else { committed },
            attributes,
            error: attempt.class.or(outcome.error_class.filter(|_| served && is_hosts(outcome.verdict))),
        }
    }

    fn common(&self, surface: Surface, model: &Arc<str>) -> Attributes {
        let mut attributes: Attributes = vec![
            ("gen_ai.operation.name", operation(surface).into()),
            ("gen_ai.provider.name", provider(surface).into()),
            ("gen_ai.request.model", Arc::clone(model).into()),
            ("relay.surface", surface.as_str().into()),
        ];
        put(&mut attributes, "gen_ai.output.type", (surface == Surface::Images).then_some("image"));
        put(&mut attributes, "gen_ai.request.stream", self.stream.then_some(true));
        attributes
    }
}

/// A span is named for what was done and the model; of both there are few.
fn name(surface: Surface, model: &str) -> String {
    format!("{} {model}", operation(surface))
}

/// The conventions' word where they have one.
fn operation(surface: Surface) -> &'static str {
    match surface {
        Surface::ChatCompletions | Surface::Responses | Surface::Messages => "chat",
        Surface::CountTokens => "count_tokens",
        Surface::Embeddings => "embeddings",
        Surface::Images | Surface::Gemini => "generate_content",
    }
}

/// Whose API is spoken, which is what the conventions mean by it.
fn provider(surface: Surface) -> &'static str {
    match surface {
        Surface::ChatCompletions | Surface::Responses | Surface::Embeddings | Surface::Images => "openai",
        Surface::Messages | Surface::CountTokens => "anthropic",
        Surface::Gemini => "gcp.gemini",
    }
}

fn tell_usage(attributes: &mut Attributes, usage: &Usage) {
    for (name, tokens) in [
        ("gen_ai.usage.input_tokens", usage.input),
        ("gen_ai.usage.output_tokens", usage.output),
        ("gen_ai.usage.cache_read.input_tokens", usage.cached_input),
        ("gen_ai.usage.cache_creation.input_tokens", usage.cache_write),
        ("gen_ai.usage.reasoning.output_tokens", usage.reasoning),
    ] {
        put(attributes, name, tokens);
    }
}

fn put<T: Into<Value>>(attributes: &mut Attributes, name: &'static str, value: Option<T>) {
    attributes.extend(value.map(|value| (name, value.into())));
}

/// What a server's span counts as an error: not what was wrong with the request, and not a client that left.
fn is_ours(outcome: &Outcome) -> bool {
    match outcome.verdict {
        Verdict::Failed => outcome.client_status.is_none_or(|status| status >= 500 || status == 200),
        verdict => is_hosts(verdict),
    }
}

fn is_hosts(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Truncated | Verdict::ErrorInStream | Verdict::IdleCut)
}

fn money(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

fn before(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_sub(span).unwrap_or(at)
}

fn after(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(at)
}

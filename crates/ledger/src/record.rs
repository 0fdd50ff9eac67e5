//! What is written: the intent of a request, and its outcome.
//!
//! Both are plain data that the gateway and the control plane fill in. They
//! never hold a prompt, an answer or a key (spec §7); error messages are
//! redacted by whoever sets them. Names shared with the fleet are `Arc<str>`,
//! so that filling a record in copies no text.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// What is about to be tried for a request. On disk before the first byte of
/// an answer reaches the client (spec §7).
#[derive(Clone, Debug)]
pub struct Intent {
    /// When the request arrived. Its UTC day chooses the segment.
    pub at: Timestamp,
    /// Our id of the request.
    pub request_id: String,
    /// The id the client sent, if it was not taken over as ours.
    pub client_request_id: Option<String>,
    /// The fleet generation the plan was made from.
    pub generation: u64,
    /// `chat_completions`, `resolve_route`, `proxy_route`, `route_chat`, …
    pub surface: &'static str,
    /// The consumer's key id; absent for an operator's action.
    pub consumer: Option<Arc<str>>,
    /// The logical group asked for.
    pub logical_group_id: Arc<str>,
    /// The model as the client asked for it.
    pub public_model: Arc<str>,
    /// `user`, `conversation` or `none`.
    pub scope: &'static str,
    /// The opaque key of the binding; absent when nothing is sticky.
    pub sticky_key: Option<Arc<str>>,
    /// What kind of subject the key stands for.
    pub sticky_type: Option<&'static str>,
    /// Where the subject was found (spec §4, the ladder).
    pub sticky_source: Option<&'static str>,
    /// Whether a binding was used.
    pub sticky_hit: bool,
    /// `hit`, `bind`, `rebind`, `borrow` or `none`, as planned.
    pub sticky_action: &'static str,
    /// The route chosen first.
    pub route_id: Option<Arc<str>>,
    /// Its host.
    pub host_id: Option<Arc<str>>,
    /// The group on that host.
    pub shadow_group_id: Option<Arc<str>>,
    /// The model on that host.
    pub shadow_model: Option<Arc<str>>,
    /// Not the best tier, or not the bound route, because those were not eligible.
    pub fallback_used: bool,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The user key of an action (spec §3).
    pub user_key: Option<String>,
    /// The conversation key of an action (spec §3).
    pub conversation_key: Option<String>,
    /// The seed the plan was drawn with: with the generation it replays the plan.
    pub seed: u64,
    /// Every candidate with its verdict, in the plan's order, the excluded last.
    pub candidates: Vec<CandidateRecord>,
}

/// One route that the plan looked at.
#[derive(Clone, Debug, Serialize)]
pub struct CandidateRecord {
    /// The route.
    pub route_id: Arc<str>,
    /// Its host.
    pub host_id: Arc<str>,
    /// The route's priority; lower is tried first.
    pub tier: i64,
    /// Its weight inside the tier.
    pub weight: u32,
    /// `first`, `next` or `excluded`.
    pub verdict: &'static str,
    /// Why it was excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How a request ended.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own")]
pub struct Outcome {
    /// When it ended.
    pub at: Timestamp,
    /// How it ended, in one word.
    pub verdict: Verdict,
    /// The class of the error (spec §5), if there was one.
    pub error_class: Option<&'static str>,
    /// The error in words, redacted by the caller.
    pub error_message: Option<String>,
    /// The route finally used.
    pub route_id: Option<Arc<str>>,
    /// The host finally used.
    pub host_id: Option<Arc<str>>,
    /// The group on that host.
    pub shadow_group_id: Option<Arc<str>>,
    /// The model on that host.
    pub shadow_model: Option<Arc<str>>,
    /// What became of the binding in the end.
    pub sticky_action: &'static str,
    /// Whether the binding was used in the end.
    pub sticky_hit: bool,
    /// Whether the route finally used is not the best tier's, or not the bound one.
    pub fallback_used: bool,
    /// The status the client got.
    pub client_status: Option<u16>,
    /// The status the last host answered with.
    pub upstream_status: Option<u16>,
    /// From the request's arrival to its end, in microseconds.
    pub latency_us: u64,
    /// From the request's arrival to the first real output, in microseconds.
    pub first_output_us: Option<u64>,
    /// Our own part of the latency, in microseconds.
    pub overhead_us: Option<u64>,
    /// Bytes of the request body.
    pub request_bytes: u64,
    /// Bytes of the answer's body that were sent to the client.
    pub response_bytes: u64,
    /// What the answer said was used.
    pub usage: Usage,
    /// What the consumer pays, in billionths of the currency unit; absent when no price is known.
    pub price_nanos: Option<i64>,
    /// What the host takes, likewise.
    pub cost_nanos: Option<i64>,
    /// How much more that would have been without the host's prompt cache, likewise; may be negative.
    pub cache_saved_nanos: Option<i64>,
    /// Where the gateway key came from.
    pub key_source: Option<&'static str>,
    /// `sha256:` and hex of the gateway key; never the key.
    pub key_fingerprint: Option<Arc<str>>,
    /// The host's own id of the request.
    pub upstream_request_id: Option<String>,
    /// A retry followed an attempt that may have been executed (spec §5).
    pub possible_double_bill: bool,
    /// Everything was open, and this request was let through all the same (spec §5).
    pub panic: bool,
    /// Every try at a host, in order.
    pub attempts: Vec<AttemptRecord>,
}

impl Outcome {
    /// An end of which nothing is known but its time and verdict. Stickiness did nothing until a host has served.
    pub fn new(at: Timestamp, verdict: Verdict) -> Self {
        Self {
            at,
            verdict,
            error_class: None,
            error_message: None,
            route_id: None,
            host_id: None,
            shadow_group_id: None,
            shadow_model: None,
            sticky_action: "none",
            sticky_hit: false,
            fallback_used: false,
            client_status: None,
            upstream_status: None,
            latency_us: 0,
            first_output_us: None,
            overhead_us: None,
            request_bytes: 0,
            response_bytes: 0,
            usage: Usage::default(),
            price_nanos: None,
            cost_nanos: None,
            cache_saved_nanos: None,
            key_source: None,
            key_fingerprint: None,
            upstream_request_id: None,
            possible_double_bill: false,
            panic: false,
            attempts: Vec::new(),
        }
    }
}

/// One try at one host.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptRecord {
    /// The route tried.
    #[schema(value_type = String)]
    pub route_id: Arc<str>,
    /// Its host.
    #[schema(value_type = String)]
    pub host_id: Arc<str>,
    /// `not_sent`, `refused`, `maybe_executed` or `answered` (spec §5).
    pub end: &'static str,
    /// The class of the error, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub class: Option<&'static str>,
    /// The status the host answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status: Option<u16>,
    /// How long the attempt took, in microseconds.
    pub us: u64,
}

/// Tokens as the host counted them. Absent is not zero (spec §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input tokens.
    pub input: Option<u64>,
    /// Input tokens read from the host's prompt cache.
    pub cached_input: Option<u64>,
    /// Input tokens written to the host's prompt cache.
    pub cache_write: Option<u64>,
    /// Output tokens.
    pub output: Option<u64>,
    /// Output tokens spent on reasoning.
    pub reasoning: Option<u64>,
    /// `host`, `partial` or `estimated`; absent when nothing is known.
    pub provenance: Option<&'static str>,
}

/// How a request ended, in one word (spec §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A whole answer went to the client.
    Complete,
    /// The host's stream ended without its terminal event.
    Truncated,
    /// The host told of an error inside its stream.
    ErrorInStream,
    /// The client went away.
    ClientGone,
    /// The host's stream fell silent and was cut.
    IdleCut,
    /// The client was answered with an error.
    Failed,
    /// Only a route was asked for, and given.
    Resolved,
    /// The process ended before the request did. Written by the log itself at the next start.
    Interrupted,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 8] = [
        Self::Complete,
        Self::Truncated,
        Self::ErrorInStream,
        Self::ClientGone,
        Self::IdleCut,
        Self::Failed,
        Self::Resolved,
        Self::Interrupted,
    ];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Truncated => "truncated",
            Self::ErrorInStream => "error_in_stream",
            Self::ClientGone => "client_gone",
            Self::IdleCut => "idle_cut",
            Self::Failed => "failed",
            Self::Resolved => "resolved",
            Self::Interrupted => "interrupted",
        }
    }
}

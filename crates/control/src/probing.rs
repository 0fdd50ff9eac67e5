//! Probes that cost nothing first (docs/failure.md): a route that nobody has used for a
//! while is asked for its models, so that a dead host or key is known before a client
//! meets it. Organic traffic counts: a route in use is never probed.
//!
//! What a list of models proves is little: the host lives and takes the key. It closes no
//! route's breaker. A tiny completion proves more and costs tokens, so it is sent only
//! where that is configured, within a daily budget.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Limited};
use relay_domain::{CredentialMode, RouteId, Timestamp};
use relay_hosts::{Endpoint, RequestBody, SendError};
use relay_routing::outcome::{Another, Effect};
use relay_routing::{AnswerHead, AttemptEnd, Ending, Outcome, RouteEntry, classify, wait};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::Control;
use crate::control::InForce;

/// Time for one probe; more is no sign of health.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Probes under way at once.
const AT_ONCE: usize = 8;

/// As much of an answer as is read.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// How idle routes are probed: `[probe]` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeSettings {
    /// By what.
    pub mode: ProbeMode,
    /// A route that was used within this time is not probed.
    pub idle: Duration,
    /// Completions a day, over all routes.
    pub completions_per_day: u32,
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self { mode: ProbeMode::Models, idle: Duration::from_mins(5), completions_per_day: 100 }
    }
}

/// By what an idle route is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeMode {
    /// Not at all.
    Off,
    /// `GET /v1/models`: costs nothing.
    Models,
    /// The same, and a completion of one token while the day's budget lasts.
    Completion,
}

impl ProbeMode {
    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Models => "models",
            Self::Completion => "completion",
        }
    }
}

/// What probes have done and cost.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Probes)]
pub struct ProbesView {
    /// `off`, `models` or `completion`.
    pub mode: &'static str,
    /// A route that was used within so many seconds is not probed.
    pub idle_seconds: u64,
    /// Completions sent today (UTC).
    pub completions_today: u32,
    /// Completions allowed a day.
    pub completions_per_day: u32,
}

/// What is remembered between rounds.
#[derive(Debug, Default)]
pub(crate) struct Probed {
    last: Mutex<HashMap<RouteId, Instant>>,
    /// The day, and the completions sent on it.
    spent: Mutex<(i64, u32)>,
}

impl Probed {
    fn last(&self) -> MutexGuard<'_, HashMap<RouteId, Instant>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spent(&self, now: Timestamp) -> u32 {
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.0 == day(now) { spent.1 } else { 0 }
    }

    /// Takes a completion out of the day's budget.
    fn spend(&self, budget: u32, now: Timestamp) -> bool {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.0 != day(now) {
            *spent = (day(now), 0);
        }
        let may = spent.1 < budget;
        spent.1 += u32::from(may);
        may
    }
}

fn day(now: Timestamp) -> i64 {
    now.as_second().div_euclid(24 * 60 * 60)
}

impl Control {
    /// Probes every route that is idle at `now`. To be called every few seconds; returns how many
    /// were probed. Dropping the future abandons the probes under way, which then say nothing.
    pub async fn probe_idle_routes(&self, now: Instant) -> usize {
        let in_force = self.in_force.load_full();
        if self.parts.probe.mode == ProbeMode::Off {
            return 0;
        }
        let idle = self.idle_routes(&in_force, now);
        for some in idle.chunks(AT_ONCE) {
            let probes = some.iter().map(|entry| self.probe_route(&in_force, entry));
            futures_util::future::join_all(probes).await;
        }
        idle.len()
    }

    /// The routes to probe now; each counts as probed from here on. The time of a route that
    /// is new begins now.
    fn idle_routes<'a>(&self, in_force: &'a InForce, now: Instant) -> Vec<&'a RouteEntry> {
        let mut last = self.probed.last();
        last.retain(|id, _| in_force.snapshot.route_by_id(id.as_str()).is_some());
        let is_old = |at: Instant| now.saturating_duration_since(at) >= self.parts.probe.idle;
        let can_be_probed = |entry: &&RouteEntry| {
            entry.disabled.is_none() && entry.route.weight > 0 && entry.route.credential == CredentialMode::HostKey
        };
        let mut idle = Vec::new();
        for entry in in_force.snapshot.routes().iter().filter(can_be_probed) {
            let probed = last.entry(entry.route.id.clone()).or_insert(now);
            if is_old(*probed) && in_force.health.last_used(entry.index).is_none_or(is_old) {
                *probed = now;
                idle.push(entry);
            }
        }
        idle
    }

    /// What probes have cost.
    pub(crate) fn probes(&self) -> ProbesView {
        let settings = &self.parts.probe;
        ProbesView {
            mode: settings.mode.as_str(),
            idle_seconds: settings.idle.as_secs(),
            completions_today: self.probed.spent(self.now()),
            completions_per_day: settings.completions_per_day,
        }
    }

    async fn probe_route(&self, in_force: &InForce, entry: &RouteEntry) {
        let host = in_force.snapshot.host_at(entry.host);
        let endpoint = Endpoint::new(host);
        let Some(fingerprint) = endpoint.fingerprint().filter(|_| endpoint.has_key()) else { return };
        let credential = relay_health::CredentialId::of(&fingerprint);
        let Ok(permit) = in_force.health.admit(entry.index, credential, Instant::now()) else { return };
        let mut outcome = self.ask(&endpoint, Method::GET, "/v1/models", Bytes::new()).await;
        let lives = matches!(outcome.effect, Effect::None | Effect::Busy | Effect::Drift);
        if lives && self.parts.probe.mode == ProbeMode::Completion && self.may_spend() {
            let model = if entry.route.shadow_model.is_empty() {
                entry.route.public_model.to_string()
            } else {
                entry.route.shadow_model.clone()
            };
            let body = json!({"model": model, "messages": [{"role": "user", "content": "ping"}], "max_tokens": 1});
            outcome = self.ask(&endpoint, Method::POST, "/v1/chat/completions", body.to_string().into()).await;
        } else if lives {
            outcome = ALIVE;
        }
        tracing::debug!(route_id = %entry.route.id, class = outcome.class, "probed an idle route");
        permit.ended(&outcome, Instant::now());
    }

    fn may_spend(&self) -> bool {
        self.probed.spend(self.parts.probe.completions_per_day, self.now())
    }

    async fn ask(&self, endpoint: &Endpoint, method: Method, path: &'static str, body: Bytes) -> Outcome {
        let Ok(uri) = endpoint.uri(&PathAndQuery::from_static(path)) else { return classify(&Ending::Unsendable) };
        let has_body = !body.is_empty();
        let mut request = Request::new(RequestBody::from(body));
        (*request.method_mut(), *request.uri_mut()) = (method, uri);
        let headers = request.headers_mut();
        if has_body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        endpoint.authorize(headers, None);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let exchange = async {
            let answer = match self.parts.hosts.send(endpoint.allow_private(), request).await {
                Ok(answer) => answer,
                Err(SendError::PrivateAddress) => return classify(&Ending::Unsendable),
                Err(error) if error.not_sent() => return classify(&Ending::Unreachable),
                Err(_) => return classify(&Ending::CutShort),
            };
            let (head, body) = answer.into_parts();
            let Ok(body) = Limited::new(body, MAX_ANSWER).collect().await else { return classify(&Ending::CutShort) };
            let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
            if head.status.is_redirection() {
                return classify(&Ending::Redirect(head.status.as_u16()));
            }
            classify(&Ending::Answer(AnswerHead {
                status: head.status.as_u16(),
                content_type: text("content-type").unwrap_or_default(),
                wait: wait::from_headers(text, self.now()),
                body_head: Some(&body.to_bytes()),
            }))
        };
        tokio::time::timeout(TIME_LIMIT, exchange).await.unwrap_or_else(|_| classify(&Ending::FirstOutputTimeout))
    }
}

/// The host lives and takes the key; of what lies behind the route nothing is known.
const ALIVE: Outcome = Outcome {
    end: AttemptEnd::Answered,
    class: Some("probed"),
    fault: None,
    another: Another::No,
    effect: Effect::None,
    ..Outcome::ANSWERED
};

//! Admission of a chat completion: credential, body, facts, plan, intent row;
//! then the answer, when there is one, or a stream that waits for it.

use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use relay_domain::CredentialMode;
use relay_routing::{Plan, PlanInput, Pool, StickyInput, StickyKey, Surface, plan, sticky_key};
use tokio::time::Instant;

use crate::Gateway;
use crate::attempt::{CallerKey, Outgoing};
use crate::auth::Caller;
use crate::body::{RelayBody, read_request};
use crate::connection::RequestGuard;
use crate::envelope::Envelope;
use crate::error::GatewayError;
use crate::exchange::{Ending, Exchange};
use crate::headers;
use crate::models::unknown_model;
use crate::record::IntentFacts;
use crate::request_id::RequestId;
use crate::run::{Job, Sticky};
use crate::serving::Serving;
use crate::splice;
use crate::subject::{Subject, subject};

impl Gateway {
    /// `POST /v1/chat/completions`.
    pub(crate) async fn chat(
        self: &Arc<Self>,
        request: Request<Incoming>,
        id: &RequestId,
        guard: RequestGuard,
    ) -> Result<Response<RelayBody>, GatewayError> {
        let started = Instant::now();
        let serving = self.serving.load_full();
        let caller = self.authenticate(&serving, request.headers())?;
        let (head, body) = request.into_parts();
        let body = read_request(&head.headers, body, self.options.max_body, self.options.body_stall).await?;
        let envelope =
            Envelope::read(&body).map_err(|error| GatewayError::bad_request(error.to_string(), error.param()))?;

        let facts = IntentFacts {
            at: self.clock.now(),
            request_id: id,
            serving: &serving,
            key: &caller.key,
            envelope: &envelope,
        };
        let Ok(pool) = serving.snapshot.locate(&envelope.model, &caller.key.groups) else {
            return self.unroutable(&facts, &guard, started).await;
        };
        let subject = subject(pool.group.sticky.scope, &head.headers, &envelope, &caller.key);
        let key = subject.as_ref().map(|subject| self.sticky_key(&caller, &pool, subject));
        let plan = self.plan(&serving, &pool, key, &facts).await;
        let ticket = self
            .ledger
            .intent(Box::new(facts.planned(&pool, subject.as_ref(), key, &plan)))
            .await
            .map_err(|_| log_stalled())?;
        let ticket = Arc::new(ticket);
        let mut exchange = self.exchange(&ticket, &guard, started);
        if let Some(outcome) = exchange.outcome() {
            outcome.request_bytes = body.len() as u64;
        }

        // In a box: it is handed from step to step, and its bytes need not move each time.
        let job = Box::new(Job {
            gateway: Arc::clone(self),
            sticky: key.map(|key| Sticky::new(key, &caller.key, &pool)),
            retry_on_timeout: pool.group.retry_on_timeout,
            public_json: splice::json_text(pool.public_model),
            outgoing: Outgoing {
                headers: headers::to_host(&head.headers, id),
                path: path_to_host(&head.uri),
                body,
                model_span: envelope.model_span.clone(),
                caller: if sends_callers_key(&serving, &plan) { CallerKey::new(&caller.secret) } else { None },
            },
            plan,
            serving: Arc::clone(&serving),
            ticket,
            exchange,
        });
        self.respond(job, &caller, id, envelope.stream, guard).await
    }

    fn sticky_key(&self, caller: &Caller, pool: &Pool<'_>, subject: &Subject<'_>) -> StickyKey {
        let (consumer, group) = (caller.key.id.as_str(), pool.group.id.as_str());
        sticky_key(&self.sticky_secret, consumer, group, pool.public_model, pool.group.sticky.scope, &subject.id)
    }

    async fn plan(&self, serving: &Serving, pool: &Pool<'_>, key: Option<StickyKey>, facts: &IntentFacts<'_>) -> Plan {
        let binding = match key {
            Some(key) => self.bindings.lookup(&key, facts.at).await,
            None => None,
        };
        plan(&PlanInput {
            snapshot: &serving.snapshot,
            pool,
            surface: Surface::ChatCompletions,
            sticky: key.map(|key| StickyInput { key, binding: binding.as_ref() }),
            hard: None,
            health: &*self.health,
            credentials: serving,
            tried: &[],
            now: facts.at,
            seed: rand::random(),
        })
    }

    fn exchange(&self, ticket: &relay_ledger::Ticket, guard: &RequestGuard, started: Instant) -> Exchange {
        Exchange::new(
            self.ledger.clone(),
            Arc::clone(&self.clock),
            ticket.reference().clone(),
            guard.connection().clone(),
            started,
        )
    }

    /// A model that the key may not call is a decision too: it is logged as one.
    async fn unroutable(
        &self,
        facts: &IntentFacts<'_>,
        guard: &RequestGuard,
        started: Instant,
    ) -> Result<Response<RelayBody>, GatewayError> {
        let ticket = self.ledger.intent(Box::new(facts.unroutable())).await.map_err(|_| log_stalled())?;
        let mut exchange = self.exchange(&ticket, guard, started);
        let committed = ticket.committed().await;
        exchange.settle(Ending::failed(Some("model_not_found"), StatusCode::NOT_FOUND));
        committed.map_err(|_| log_stalled())?;
        Err(unknown_model(&facts.envelope.model))
    }
}

fn sends_callers_key(serving: &Serving, plan: &Plan) -> bool {
    let mode = |route| serving.snapshot.route(route).route.credential;
    plan.candidates.iter().any(|candidate| mode(candidate.route) == CredentialMode::Caller)
}

/// The request's path with what of its query a host may see.
fn path_to_host(uri: &http::Uri) -> PathAndQuery {
    let kept = uri.query().and_then(headers::query_to_host);
    let text = kept.map(|query| format!("{}?{query}", uri.path()));
    // Part of a valid path and query is one itself.
    text.and_then(|text| text.parse().ok()).unwrap_or(PathAndQuery::from_static("/v1/chat/completions"))
}

/// 503: the log cannot take the decision, so nothing is done (spec §7).
pub(crate) fn log_stalled() -> GatewayError {
    let message = "The decision log cannot be written; try again.";
    GatewayError::new(StatusCode::SERVICE_UNAVAILABLE, "log_unavailable", message).retry_after(1)
}

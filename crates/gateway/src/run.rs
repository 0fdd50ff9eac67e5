//! The walk over a plan's candidates: the one place where another host is
//! tried (spec §5). It ends with an answer for the client, which is not sent
//! before the decision's intent is on disk (spec §7).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use relay_bindings::BindingEntry;
use relay_domain::{ConsumerKey, CredentialMode, GroupId, KeyId, Scope};
use relay_routing::{
    Another, AttemptEnd, Binding, BindingChange, LeftBecause, Outcome, Plan, Pool, Reply, StickyKey, classify,
};

use crate::Gateway;
use crate::answer::{Answer, AnswerKind, Head};
use crate::attempt::{Failure, Outgoing, Success, Target, attempt};
use crate::error::GatewayError;
use crate::exchange::Exchange;
use crate::options::UNSENT_ATTEMPTS;
use crate::reshape::{Names, reshape};
use crate::serving::Serving;

/// An admitted request with everything that its attempts need.
pub(crate) struct Job {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) serving: Arc<Serving>,
    pub(crate) plan: Plan,
    pub(crate) sticky: Option<Sticky>,
    pub(crate) retry_on_timeout: bool,
    /// JSON text of the public model name.
    pub(crate) public_json: Bytes,
    pub(crate) outgoing: Outgoing,
}

/// What a binding of this request is filed under.
pub(crate) struct Sticky {
    key: StickyKey,
    consumer: KeyId,
    group: GroupId,
    model: Arc<str>,
    scope: Scope,
}

impl Sticky {
    pub(crate) fn new(key: StickyKey, consumer: &ConsumerKey, pool: &Pool<'_>) -> Self {
        Self {
            key,
            consumer: consumer.id.clone(),
            group: pool.group.id.clone(),
            model: pool.public_model.into(),
            scope: pool.group.sticky.scope,
        }
    }
}

/// The attempts made so far.
#[derive(Default)]
struct Walk {
    made: usize,
    /// One of them may have reached a host.
    reached: bool,
    timed_out: bool,
    left_first: Option<LeftBecause>,
    /// The smallest wait that a host asked for.
    wait: Option<Duration>,
    last: Option<Last>,
}

/// The failure that the client hears of if nothing is left.
struct Last {
    outcome: Outcome,
    failure: Failure,
    position: usize,
}

impl Job {
    /// Runs the request to its answer. Dropping the future drops the running attempt.
    pub(crate) async fn run(self: Box<Self>, exchange: &mut Exchange) -> Answer {
        let mut walk = Walk::default();
        let answer = match self.walk(&mut walk, exchange).await {
            Some((position, success)) => self.commit(position, &walk, success, exchange).await,
            None => self.refuse(walk),
        };
        // An answer leaves only after its intent is on disk.
        match exchange.committed().await {
            Ok(()) => answer,
            Err(error) => Answer::refused(error, Some("log_unavailable")),
        }
    }

    /// Tries candidates in order until one answers.
    async fn walk(&self, walk: &mut Walk, exchange: &mut Exchange) -> Option<(usize, Success)> {
        for position in 0..self.plan.candidates.len() {
            if !self.may_try(walk, exchange) {
                break;
            }
            match self.try_candidate(position, exchange).await {
                Ok(success) => return Some((position, success)),
                Err(failure) => {
                    if !self.leave(position, failure, walk, exchange) {
                        break;
                    }
                }
            }
        }
        None
    }

    /// Counts, and the time that connects and error answers took together; a
    /// host that was waited for in vain is not counted (spec §5).
    fn may_try(&self, walk: &Walk, exchange: &Exchange) -> bool {
        let options = self.gateway.options();
        let limit = if walk.reached { options.attempts } else { options.attempts.max(UNSENT_ATTEMPTS) };
        walk.made < limit && (walk.timed_out || exchange.upstream_time() < options.attempts_budget)
    }

    async fn try_candidate(&self, position: usize, exchange: &mut Exchange) -> Result<Success, Failure> {
        let route = self.plan.candidates[position].route;
        let wire = self.serving.wire(route);
        let credential = self.serving.snapshot.route(route).route.credential;
        let endpoint = self.serving.endpoint(route);
        exchange.begin_attempt(Arc::clone(&wire.route_id), Arc::clone(&wire.host_id));
        if let Some(outcome) = exchange.outcome() {
            outcome.shadow_group_id.clone_from(&wire.shadow_group);
            outcome.shadow_model = Some(Arc::clone(&wire.shadow_model)).filter(|model| !model.is_empty());
            outcome.key_source = Some(credential.as_str());
            outcome.key_fingerprint = match credential {
                CredentialMode::Caller => self.outgoing.caller.as_ref().map(|key| Arc::clone(&key.fingerprint)),
                CredentialMode::HostKey | CredentialMode::Managed => endpoint.fingerprint(),
            };
        }
        let renamed = wire.shadow_json.as_ref().filter(|shadow| **shadow != self.public_json);
        let target = Target {
            endpoint,
            pool: self.serving.pool(route),
            credential,
            model: renamed.unwrap_or(&self.public_json),
            shown_as: renamed.map(|_| &self.public_json),
            first_output: self.gateway.options().first_output,
        };
        attempt(&self.outgoing, &target).await
    }

    /// Takes note of a failed attempt; whether another candidate may be tried.
    fn leave(&self, position: usize, failure: Failure, walk: &mut Walk, exchange: &mut Exchange) -> bool {
        let outcome = classify(&failure.ending(self.gateway.clock.now()));
        let (status, cause) = (failure.status(), failure.cause().map(tracing::field::debug));
        tracing::debug!(class = outcome.class, status, cause, "an attempt failed");
        exchange.end_attempt(outcome.end.as_str(), outcome.class, failure.status());
        let another = match outcome.another {
            Another::Yes => true,
            Another::Once => self.retry_on_timeout && !walk.timed_out,
            Another::No => false,
        };
        walk.made += 1;
        walk.reached |= outcome.end != AttemptEnd::NotSent;
        walk.timed_out |= outcome.another == Another::Once;
        if position == 0 {
            walk.left_first = Some(outcome.left_because());
        }
        let goes_on = another && position + 1 < self.plan.candidates.len() && self.may_try(walk, exchange);
        if goes_on
            && outcome.end == AttemptEnd::MaybeExecuted
            && let Some(record) = exchange.outcome()
        {
            record.possible_double_bill = true;
        }
        walk.wait = walk.wait.into_iter().chain(outcome.wait).min();
        walk.last = Some(Last { outcome, failure, position });
        goes_on
    }

    /// The route commit: from here on no other host is tried.
    async fn commit(&self, position: usize, walk: &Walk, success: Success, exchange: &mut Exchange) -> Answer {
        exchange.first_output();
        exchange.end_attempt(AttemptEnd::Answered.as_str(), None, Some(success.status.as_u16()));
        exchange.usage(success.answer.usage());
        let now = self.gateway.clock.now();
        let settlement = self.plan.settle(&self.serving.snapshot, position, walk.left_first, now);
        if let Some(outcome) = exchange.outcome() {
            outcome.sticky_action = settlement.sticky_action.as_str();
            outcome.sticky_hit = settlement.sticky_hit;
            outcome.fallback_used = settlement.fallback_used;
            outcome.upstream_request_id = success.host_request_id;
        }
        self.remember(settlement.change).await;
        let head = Head {
            status: success.status,
            fields: success.fields,
            sticky_action: settlement.sticky_action.as_str(),
            ..self.head(position, walk.made + 1)
        };
        Answer { head, kind: AnswerKind::Committed(success.answer) }
    }

    fn head(&self, position: usize, attempts: usize) -> Head {
        let wire = self.serving.wire(self.plan.candidates[position].route);
        let (route_id, host_id) = (Some(Arc::clone(&wire.route_id)), Some(Arc::clone(&wire.host_id)));
        Head { route_id, host_id, attempts, ..Head::none() }
    }

    async fn remember(&self, change: BindingChange) {
        let Some(sticky) = &self.sticky else { return };
        let now = self.gateway.clock.now();
        match change {
            BindingChange::Keep => {}
            BindingChange::Touch(binding) => {
                // A binding that was moved or purged meanwhile is not brought back.
                self.gateway.bindings.touch(&sticky.key, &binding).await;
            }
            BindingChange::Insert(binding) => {
                // Of parallel first requests one wins; this one was served where it was.
                self.gateway.bindings.bind_if_absent(sticky.entry(binding), now).await;
            }
            BindingChange::Put(binding) => self.gateway.bindings.put(sticky.entry(binding)).await,
        }
    }

    /// Nothing answered: the last failure is told, in our words or the host's.
    fn refuse(&self, walk: Walk) -> Answer {
        let attempts = walk.made;
        let Some(Last { mut outcome, failure, position }) = walk.last else {
            return Answer::refused(self.no_eligible_route(), Some("no_eligible_route"));
        };
        // Whichever host is ready first may serve the next try.
        outcome.wait = outcome.wait.and(walk.wait);
        let head = self.head(position, attempts);
        let error = match outcome.reply {
            Reply::Relayed => {
                let (status, fields, told) = failure.into_relayed();
                let body = reshape(status, &told, &self.names(position));
                let as_told = body == told;
                let kind = AnswerKind::Relayed { body, as_told, class: outcome.class };
                return Answer { head: Head { status, fields, ..head }, kind };
            }
            Reply::Ours { status, code, message } => ours(status, code, message, &outcome),
            // Of these the classifier makes none before the commit.
            Reply::InStream { code, message } => ours(502, code, message, &outcome),
            Reply::Nothing => ours(502, "upstream_error", "The upstream host failed to serve the request.", &outcome),
        };
        Answer { head, kind: AnswerKind::Refused { error, class: outcome.class } }
    }

    /// 503 with the reason of each route, in the words of the plan; routes are
    /// not named to a client.
    fn no_eligible_route(&self) -> GatewayError {
        let reasons: BTreeSet<&str> = self.plan.excluded.iter().map(|excluded| excluded.reason.as_str()).collect();
        let reasons: Vec<&str> = reasons.into_iter().collect();
        let message = format!("No route can serve this model now ({}).", reasons.join(", "));
        let error = GatewayError::new(StatusCode::SERVICE_UNAVAILABLE, "no_eligible_route", message);
        let now = self.gateway.clock.now();
        let soonest = self.plan.excluded.iter().filter_map(|excluded| excluded.reason.until()).min();
        match soonest.and_then(|at| u64::try_from(at.duration_since(now).as_secs()).ok()) {
            Some(seconds) => error.retry_after(seconds + 1),
            None => error,
        }
    }

    /// What a client must not read in a host's error.
    fn names(&self, position: usize) -> Names<'_> {
        let route = self.plan.candidates[position].route;
        let base_url = self.serving.endpoint(route).base_url();
        let public = std::str::from_utf8(&self.public_json).unwrap_or_default().trim_matches('"');
        Names {
            hidden: vec![
                (base_url.authority().as_str().into(), "upstream".into()),
                (base_url.authority().host().into(), "upstream".into()),
                ((&*self.serving.wire(route).shadow_model).into(), public.into()),
            ],
        }
    }
}

impl Sticky {
    fn entry(&self, binding: Binding) -> BindingEntry {
        BindingEntry {
            key: self.key,
            consumer: Some(self.consumer.clone()),
            group: self.group.clone(),
            model: Arc::clone(&self.model),
            scope: self.scope,
            binding,
        }
    }
}

fn ours(status: u16, code: &'static str, message: &'static str, outcome: &Outcome) -> GatewayError {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let wait = outcome.wait.map(|wait| wait.as_secs_f64().ceil() as u64);
    GatewayError { retry_after_seconds: wait, ..GatewayError::new(status, code, message) }
}

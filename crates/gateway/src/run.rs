//! The walk over a plan's candidates: the one place where another host is
//! tried (spec §5). It ends with an answer for the client, which is not sent
//! before the decision's intent is on disk (spec §7).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use relay_bindings::ResponseOwner;
use relay_domain::{ConsumerKey, CredentialMode};
use relay_health::{CredentialId, Permit};
use relay_hosts::managed::{GatewaySaid, ManagedKey};
use relay_routing::retry::{Next, RetryPolicy, Stop, Walk};
use relay_routing::{
    Another, AttemptEnd, BindingChange, CredentialFault, Effect, Exclusion, KeyIndex, Outcome, Plan, Reply, RouteIndex,
    classify,
};
use tokio::time::Instant;

use crate::Gateway;
use crate::answer::{Answer, AnswerKind, Head};
use crate::attempt::{CallerKey, Failure, Outgoing, Success, Target, attempt};
use crate::commit::Committed;
use crate::credentials::{GatewayKey, Subscriber};
use crate::error::GatewayError;
use crate::exchange::Exchange;
use crate::reshape::{Names, reshape};
use crate::retries::Retry;
use crate::serving::Serving;
use crate::sticky::Sticky;
use crate::surface::ModelName;

/// An admitted request with everything that its attempts need.
pub(crate) struct Job {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) serving: Arc<Serving>,
    pub(crate) plan: Plan,
    pub(crate) sticky: Option<Sticky>,
    pub(crate) policy: RetryPolicy,
    /// The public model name.
    pub(crate) public: ModelName,
    /// Who calls.
    pub(crate) caller: KeyIndex,
    /// What is told when only the maker of a stored response may serve the request, and is gone.
    pub(crate) gone: Option<GatewayError>,
    pub(crate) outgoing: Outgoing,
}

/// A candidate that answered.
struct Served {
    key: GatewayKey,
    position: usize,
    success: Success,
    permit: Permit,
}

/// The failure that the client hears of if nothing is left.
struct Last {
    outcome: Outcome,
    failure: Failure,
    position: usize,
    key: GatewayKey,
}

/// The attempts of one request so far.
struct Attempts {
    walk: Walk,
    last: Option<Last>,
    /// What the running attempt took out of the budget, if it is a retry. It is one until it
    /// has failed or has its first output.
    retry: Option<Retry>,
    /// When the first of the candidates that were not admitted is worth asking again.
    refused_until: Option<std::time::Instant>,
    /// Candidates whose key could not be had when their turn came.
    keyless: Vec<Exclusion>,
    /// The first candidate whose managed key was refused.
    refused_key: Option<usize>,
}

impl Job {
    /// Runs the request to its answer. Dropping the future drops the running attempt.
    pub(crate) async fn run(mut self: Box<Self>, exchange: &mut Exchange) -> Answer {
        let mut attempts = Attempts {
            walk: Walk::new(self.policy),
            last: None,
            retry: None,
            refused_until: None,
            keyless: Vec::new(),
            refused_key: None,
        };
        let mut served = self.walk(&mut attempts, exchange).await;
        if let (None, Some(position)) = (&served, attempts.refused_key) {
            served = self.try_ensured(position, &mut attempts, exchange).await;
        }
        if served.is_none() && attempts.walk.made() == 0 {
            served = self.panic(&mut attempts, exchange).await;
        }
        drop(attempts.retry.take());
        let answer = match served {
            Some(served) => self.commit(served, &attempts.walk, exchange).await,
            None => self.refuse(attempts),
        };
        // An answer leaves only after its intent is on disk.
        match exchange.committed().await {
            Ok(()) => answer,
            Err(error) => Answer::refused(error, Some("log_unavailable")),
        }
    }

    /// Tries candidates in order until one answers.
    async fn walk(&self, attempts: &mut Attempts, exchange: &mut Exchange) -> Option<Served> {
        for position in 0..self.plan.candidates.len() {
            let route = self.plan.candidates[position].route;
            let Some(key) = self.key(route, attempts, exchange).await else { continue };
            let permit = match self.serving.health.admit(route, key.id, now()) {
                Ok(permit) => permit,
                Err(refused) => {
                    attempts.refused_until = attempts.refused_until.into_iter().chain([refused.until]).min();
                    continue;
                }
            };
            if let Some(outcome) = exchange.outcome() {
                outcome.possible_double_bill = attempts.walk.possible_double_bill();
            }
            match self.try_candidate(position, &key, exchange).await {
                Ok(success) => return Some(Served { key, position, success, permit }),
                Err(failure) => {
                    if !self.leave(position, key, failure, permit, attempts, exchange).await {
                        break;
                    }
                }
            }
        }
        None
    }

    /// A managed key that its host refused is ensured again meanwhile. When no other route has served, the
    /// route is tried once more with what comes of it.
    async fn try_ensured(&self, position: usize, attempts: &mut Attempts, exchange: &mut Exchange) -> Option<Served> {
        let may_go_on = attempts.last.as_ref().is_some_and(|last| last.outcome.another != Another::No);
        if !may_go_on || attempts.walk.made() >= self.policy.attempts {
            return None;
        }
        let route = self.plan.candidates[position].route;
        attempts.retry = Some(self.gateway.retries.withdraw(attempts.walk.time_left()).await?);
        let key = self.key(route, attempts, exchange).await?;
        let permit = self.serving.health.admit(route, key.id, now()).ok()?;
        match self.try_candidate(position, &key, exchange).await {
            Ok(success) => Some(Served { key, position, success, permit }),
            Err(failure) => {
                self.leave(position, key, failure, permit, attempts, exchange).await;
                None
            }
        }
    }

    /// Everything is left alone: once a second a request goes to the route that is due first (spec §5).
    async fn panic(&mut self, attempts: &mut Attempts, exchange: &mut Exchange) -> Option<Served> {
        let open =
            self.plan.excluded.iter().filter(|excluded| matches!(excluded.reason, Exclusion::CoolingDown { .. }));
        let routes = open.map(|excluded| excluded.route).chain(self.plan.candidates.iter().map(|c| c.route));
        let id = |route| self.present_key(route).ok().flatten().map_or(CredentialId(0), |key| key.id);
        let routes: Vec<_> = routes.map(|route| (route, id(route))).collect();
        let (route, permit) = match self.serving.health.admit_in_panic(&routes, now()) {
            Ok(admitted) => admitted,
            Err(refused) if routes.is_empty() => {
                tracing::trace!(?refused, "no route is merely left alone");
                return None;
            }
            Err(refused) => {
                attempts.refused_until = Some(refused.until);
                return None;
            }
        };
        let key = self.key(route, attempts, exchange).await?;
        let position = self.plan.readmit(&self.serving.snapshot, route);
        if let Some(outcome) = exchange.outcome() {
            outcome.panic = true;
        }
        match self.try_candidate(position, &key, exchange).await {
            Ok(success) => Some(Served { key, position, success, permit }),
            Err(failure) => {
                // Everything else is left alone too.
                self.leave(position, key, failure, permit, attempts, exchange).await;
                None
            }
        }
    }

    async fn try_candidate(
        &self,
        position: usize,
        key: &GatewayKey,
        exchange: &mut Exchange,
    ) -> Result<Success, Failure> {
        let route = self.plan.candidates[position].route;
        let wire = self.serving.wire(route);
        let credential = self.serving.snapshot.route(route).route.credential;
        let endpoint = self.serving.endpoint(route);
        let (own_key, fingerprint) = match (&key.managed, &self.outgoing.caller) {
            (Some(key), _) => (Some(&key.authorization), Some(Arc::clone(&key.fingerprint))),
            (None, Some(key)) if credential == CredentialMode::Caller => {
                (Some(&key.value), Some(Arc::clone(&key.fingerprint)))
            }
            (None, _) => (None, endpoint.fingerprint()),
        };
        exchange.begin_attempt(route);
        if let Some(outcome) = exchange.outcome() {
            outcome.shadow_group_id.clone_from(&wire.shadow_group);
            outcome.shadow_model = Some(Arc::clone(&wire.shadow_model)).filter(|model| !model.is_empty());
            outcome.key_source = Some(credential.as_str());
            outcome.key_fingerprint = fingerprint;
        }
        let renamed = wire.shadow_name.as_ref().filter(|shadow| shadow.text != self.public.text);
        let target = Target {
            endpoint,
            pool: self.serving.pool(route),
            own_key,
            model: renamed.unwrap_or(&self.public),
            shown_as: renamed.map(|_| &self.public.json),
            first_output: self.gateway.options().first_output,
            number: exchange.attempts(),
        };
        attempt(&self.outgoing, &target).await
    }

    /// Takes note of a failed attempt; whether another candidate is tried.
    async fn leave(
        &self,
        position: usize,
        key: GatewayKey,
        failure: Failure,
        permit: Permit,
        attempts: &mut Attempts,
        exchange: &mut Exchange,
    ) -> bool {
        let outcome = classify(&failure.ending(self.gateway.clock.now()));
        let (status, cause) = (failure.status(), failure.cause().map(tracing::field::debug));
        exchange.span().in_scope(|| tracing::debug!(class = outcome.class, status, cause, "an attempt failed"));
        let took = exchange.end_attempt(outcome.end.as_str(), outcome.class, failure.status());
        let took = self.outgoing.time_of_host(took);
        exchange.report(permit, &self.seen_by_health(&outcome, key.managed.as_deref()));
        if outcome.effect == Effect::Refused && key.managed.is_some() {
            attempts.refused_key.get_or_insert(position);
        }
        // Its place may be the one that somebody else waits for.
        drop(attempts.retry.take());
        let next = attempts.walk.next(&outcome, took, self.has_candidate_after(position));
        attempts.last = Some(Last { outcome, failure, position, key });
        let stop = match next {
            Next::GoOn { takes_retry: false } => return true,
            Next::GoOn { takes_retry: true } => {
                attempts.retry = self.gateway.retries.withdraw(attempts.walk.time_left()).await;
                if attempts.retry.is_some() {
                    return true;
                }
                Stop::Budget
            }
            Next::Stop(stop) => stop,
        };
        exchange.span().in_scope(|| tracing::debug!(stop = stop.as_str(), "no other candidate is tried"));
        false
    }

    fn has_candidate_after(&self, position: usize) -> bool {
        let rest = &self.plan.candidates[position + 1..];
        rest.iter().any(|candidate| self.serving.health.is_open_to(candidate.route, now()))
    }

    /// The route commit: from here on no other host is tried.
    async fn commit(&self, served: Served, walk: &Walk, exchange: &mut Exchange) -> Answer {
        let Served { key, position, success, permit } = served;
        exchange.first_output();
        exchange.end_attempt(AttemptEnd::Answered.as_str(), None, Some(success.status.as_u16()));
        exchange.usage(success.answer.usage());
        exchange.told_model(success.answer.told_model());
        let settlement =
            self.plan.settle(&self.serving.snapshot, position, walk.left_first(), self.gateway.clock.now());
        if let Some(outcome) = exchange.outcome() {
            outcome.sticky_action = settlement.sticky_action.as_str();
            outcome.sticky_hit = settlement.sticky_hit;
            outcome.fallback_used = settlement.fallback_used;
            outcome.upstream_request_id = success.host_request_id;
        }
        self.remember(settlement.change).await;
        self.note_owner(position, &key, &success.answer, exchange).await;
        let head = Head {
            status: success.status,
            fields: success.fields,
            sticky_action: settlement.sticky_action.as_str(),
            ..self.head(position, walk.made() + 1)
        };
        let permit = match success.answer {
            Committed::Whole { .. } => {
                permit.answered(now());
                None
            }
            Committed::Stream(_) | Committed::Raw { .. } => {
                permit.committed(now());
                Some(permit)
            }
        };
        Answer { head, kind: AnswerKind::Committed { answer: success.answer, permit } }
    }

    fn head(&self, position: usize, attempts: u32) -> Head {
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
                self.gateway.bindings.bind_if_absent(sticky.entry(&self.consumer().id, binding), now).await;
            }
            BindingChange::Put(binding) => {
                self.gateway.bindings.put(sticky.entry(&self.consumer().id, binding)).await;
            }
        }
    }

    /// Whoever made a response is the only one that can go on from it (spec §4).
    async fn note_owner(&self, position: usize, key: &GatewayKey, answer: &Committed, exchange: &mut Exchange) {
        let Some(response_id) = answer.response_id() else { return };
        let fingerprint = exchange.outcome().and_then(|outcome| outcome.key_fingerprint.clone());
        let Some(credential) = fingerprint.map(|fingerprint| key.identity(&fingerprint)) else { return };
        let route = &self.serving.snapshot.route(self.plan.candidates[position].route).route;
        let now = self.gateway.clock.now();
        let owner = ResponseOwner::new(route.host.clone(), route.id.clone(), credential, now);
        self.gateway.bindings.record_response_owner(&self.consumer().id, response_id, owner).await;
    }

    /// Nothing answered: the last failure is told, in our words or the host's.
    fn refuse(&self, attempts: Attempts) -> Answer {
        let made = attempts.walk.made();
        let Some(Last { mut outcome, failure, position, key }) = attempts.last else {
            return self.no_candidate(attempts.refused_until, &attempts.keyless);
        };
        // Whichever host is ready first may serve the next try.
        outcome.wait = outcome.wait.and(attempts.walk.wait());
        let head = self.head(position, made);
        let error = match outcome.reply_on(self.outgoing.dialect.surface) {
            Reply::Relayed => {
                let (status, fields, told) = failure.into_relayed();
                let body = reshape(self.outgoing.dialect.errors, status, &told, &self.names(position, &key));
                let as_told = body == told;
                let kind = AnswerKind::Relayed { body, as_told, class: outcome.class };
                return Answer { head: Head { status, fields, ..head }, kind };
            }
            Reply::Ours { status, code, message } => ours(status, code, message, outcome.wait),
            // Of these the classifier makes none before the commit.
            Reply::InStream { code, message } => ours(502, code, message, outcome.wait),
            Reply::Nothing => {
                ours(502, "upstream_error", "The upstream host failed to serve the request.", outcome.wait)
            }
        };
        Answer { head, kind: AnswerKind::Refused { error, class: outcome.class } }
    }

    /// No route was even tried. A stored response whose maker cannot come back by waiting is gone.
    fn no_candidate(&self, refused_until: Option<std::time::Instant>, keyless: &[Exclusion]) -> Answer {
        let may_come_back = refused_until.is_some()
            || !keyless.is_empty()
            || self.plan.retry_at().is_some()
            || self.plan.excluded.iter().any(|excluded| excluded.reason.is_momentary());
        match &self.gone {
            Some(gone) if !may_come_back => Answer::refused(gone.clone(), Some(gone.code)),
            _ => Answer::refused(self.no_eligible_route(refused_until, keyless), Some("no_eligible_route")),
        }
    }

    /// 503 with the reason of each route, in the words of the plan; routes are
    /// not named to a client.
    fn no_eligible_route(&self, refused_until: Option<std::time::Instant>, keyless: &[Exclusion]) -> GatewayError {
        let excluded = self.plan.excluded.iter().map(|excluded| excluded.reason);
        let mut reasons: BTreeSet<&str> = excluded.chain(keyless.iter().copied()).map(Exclusion::as_str).collect();
        if self.plan.candidates.len() > keyless.len() {
            reasons.insert("half_open");
        }
        let reasons: Vec<&str> = reasons.into_iter().collect();
        let message = format!("No route can serve this model now ({}).", reasons.join(", "));
        let error = GatewayError::new(StatusCode::SERVICE_UNAVAILABLE, "no_eligible_route", message);
        let keyless = keyless.iter().filter_map(|reason| reason.until());
        let planned = self.plan.retry_at().into_iter().chain(keyless).min().map(|at| {
            // A deadline that passed while the request ran is worth asking at once.
            Duration::try_from(at.duration_since(self.gateway.clock.now())).unwrap_or_default()
        });
        let refused = refused_until.map(|until| until.saturating_duration_since(now()));
        match planned.into_iter().chain(refused).min() {
            Some(wait) => error.retry_after(wait.as_secs_f64().ceil().max(1.0) as u64),
            None => error,
        }
    }

    /// The key that a candidate is sent, as far as it is there.
    fn present_key(&self, route: RouteIndex) -> Result<Option<GatewayKey>, CredentialFault> {
        let caller = self.outgoing.caller.as_ref().map(|key| key.id);
        let entry = self.serving.snapshot.route(route);
        self.serving.key(entry, caller, self.subscriber(), self.gateway.clock.now())
    }

    /// The same, waited for. A key that cannot be had is noted, and its candidate left out.
    async fn key(&self, route: RouteIndex, attempts: &mut Attempts, exchange: &mut Exchange) -> Option<GatewayKey> {
        let had = match self.present_key(route) {
            Ok(Some(key)) => return Some(key),
            Ok(None) => {
                let entry = &self.serving.snapshot.route(route).route;
                let (limit, now) = (self.gateway.options().managed_wait, self.gateway.clock.now());
                let since = Instant::now();
                let had = self.subscriber().obtained(entry, limit, now).await;
                if had.is_ok() {
                    exchange.waited(since);
                } else {
                    exchange.begin_attempt_at(route, since);
                    exchange.end_attempt(AttemptEnd::NotSent.as_str(), Some("managed_key_unavailable"), None);
                }
                had
            }
            Err(fault) => Err(fault),
        };
        had.map_err(|why| attempts.keyless.push(Exclusion::CredentialUnusable { why })).ok()
    }

    fn consumer(&self) -> &ConsumerKey {
        self.serving.snapshot.key(self.caller)
    }

    fn subscriber(&self) -> Subscriber<'_> {
        Subscriber { keys: &*self.gateway.managed, user: self.consumer().subscription_user.as_deref() }
    }

    /// What health takes note of. That a managed key is refused is for whoever keeps it: left alone by
    /// health as well, the key would be out of use after it was found to be good again.
    fn seen_by_health(&self, outcome: &Outcome, managed: Option<&ManagedKey>) -> Outcome {
        let Some(key) = managed else { return *outcome };
        let now = self.gateway.clock.now();
        match outcome.effect {
            Effect::Refused => {
                self.gateway.managed.report(key, GatewaySaid::Refused, now);
                Outcome { effect: Effect::None, ..*outcome }
            }
            Effect::Quota(_) => {
                let until = outcome.wait.and_then(|wait| now.checked_add(wait).ok());
                self.gateway.managed.report(key, GatewaySaid::QuotaExhausted { until }, now);
                *outcome
            }
            _ => *outcome,
        }
    }

    /// What a client must not read in a host's error: above all the key that was sent, whosever it is.
    fn names(&self, position: usize, key: &GatewayKey) -> Names<'_> {
        let route = self.plan.candidates[position].route;
        let endpoint = self.serving.endpoint(route);
        let base_url = endpoint.base_url();
        let managed = key.managed.as_ref().map(|key| key.secret.expose().to_owned().into());
        let caller = self.outgoing.caller.as_ref().and_then(CallerKey::text);
        let keys = [managed, endpoint.key().map(Cow::from), caller.map(Cow::from)].into_iter().flatten();
        let names = [
            (base_url.authority().as_str().into(), "upstream".into()),
            (base_url.authority().host().into(), "upstream".into()),
            ((&*self.serving.wire(route).shadow_model).into(), (&*self.public.text).into()),
        ];
        Names { hidden: keys.map(|key| (key, "(key)".into())).chain(names).collect() }
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

fn ours(status: u16, code: &'static str, message: &'static str, wait: Option<Duration>) -> GatewayError {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let wait = wait.map(|wait| wait.as_secs_f64().ceil() as u64);
    GatewayError { retry_after_seconds: wait, ..GatewayError::new(status, code, message) }
}

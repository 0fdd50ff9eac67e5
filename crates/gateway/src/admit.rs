//! Admission of a request that goes to a host: credential, body, facts, plan, intent row.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use relay_bindings::ResponseOwner;
use relay_domain::{CredentialMode, Group, KeyId};
use relay_http1::RequestHead;
use relay_ledger::{Intent, Ticket};
use relay_limits::Standing;
use relay_routing::retry::RetryPolicy;
use relay_routing::{Hard, Plan, PlanInput, Pool, StickyInput, StickyKey, plan, sticky_key};
use relay_traces::TraceParent;
use tokio::time::Instant;

use crate::Gateway;
use crate::access_log::AccessLine;
use crate::attempt::{CallerKey, Outgoing};
use crate::charge::Charge;
use crate::client::{Client, Peer};
use crate::coding::Takes;
use crate::credentials::{Credentials, Subscriber};
use crate::error::{GatewayError, Interrupted, log_stalled};
use crate::exchange::{Ending, Exchange, Opening};
use crate::headers;
use crate::inside::InsideCaller;
use crate::intake::{Intake, Received};
use crate::limit_fields;
use crate::limits::{Admission, Gate, Limited, Refused};
use crate::models::unknown_model;
use crate::record::IntentFacts;
use crate::request_id::RequestId;
use crate::retries::InFlight;
use crate::run::Job;
use crate::serving::Serving;
use crate::sticky::Sticky;
use crate::subject::{Subject, subject};
use crate::surface::{Call, ModelName, StoredResponse};
use crate::trace::Trace;

/// A request that may be tried.
pub(crate) struct Admitted {
    pub(crate) job: Box<Job>,
    /// What of its form is still coming.
    pub(crate) intake: Option<Box<Intake>>,
    pub(crate) exchange: Exchange,
    pub(crate) in_flight: InFlight,
    /// The answer is to be streamed, as far as is known.
    pub(crate) stream: bool,
    /// The answer may tell where it came from.
    pub(crate) expose_routing: bool,
    /// How long a stream is read on when its client has left.
    pub(crate) drain: Option<Duration>,
    /// What is left of the limits.
    pub(crate) standing: Standing,
}

impl Gateway {
    /// Takes in a call.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        client: &mut Client,
        head: RequestHead,
        id: &RequestId,
        call: Call,
    ) -> Result<Admitted, Interrupted> {
        let started = Instant::now();
        let serving = self.serving.load_full();
        let caller = self.authenticate(&serving, &head, client.peer())?;
        let key = serving.snapshot.key(caller.key);
        if head.fields.list("content-encoding").any(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
            return Err(compressed().into());
        }
        let received = self.receive(client, &head, &call).await?;
        let Received { envelope, body, estimate, held, intake } = received;

        let facts = IntentFacts {
            at: self.clock.now(),
            request_id: id,
            dialect: call.dialect,
            serving: &serving,
            key,
            envelope: &envelope,
            trace: self.tracer.as_ref().and_then(|tracer| {
                let parent = head.fields.text("traceparent").and_then(TraceParent::parse);
                tracer.begin(parent)
            }),
        };
        let owner = self.owner(&facts).await;
        let Some(pool) = pool(&facts, owner.as_ref()) else {
            return Err(self.unroutable(&facts, started).await.into());
        };
        let rescoped = rescoped(&pool, client.peer());
        let pool = Pool { group: rescoped.as_ref().unwrap_or(pool.group), ..pool };
        if envelope.background && (key.limits.has_budget() || pool.group.limits.has_budget()) {
            return Err(self.unmetered(&facts, &pool, started).await.into());
        }
        let (charge, standing) = match self.pass_limits(&facts, caller.gate, &pool, estimate).await {
            Ok(passed) => passed,
            Err(refused) => return Err(self.limited(&facts, &pool, &refused, started).await.into()),
        };
        // What is done with a stored response says nothing of where a conversation goes on.
        let may_stick = call.response_id.is_none();
        let subject = subject(pool.group.sticky.scope, &head.fields, &envelope, key).filter(|_| may_stick);
        let sticky = subject.as_ref().map(|subject| self.sticky_key(&key.id, &pool, subject));
        let own_key = if may_send_callers_key(&serving, &pool) { CallerKey::new(&caller.secret) } else { None };
        let plan = self.plan(&facts, &pool, sticky, own_key.as_ref(), owner.as_ref()).await;
        let intent = facts.planned(&pool, subject.as_ref(), sticky, &plan);
        let ticket = self.ledger.intent(Box::new(intent)).await.map_err(|_| log_stalled())?;
        let mut exchange = self.open(&facts, Some(pool.group.id.shared()), ticket, started);
        exchange.charge(charge);
        // What a stored response used was counted when it was made.
        if call.only_counts || call.response_id.is_some() {
            exchange.uses_nothing();
        }
        exchange.request_bytes(body.len() as u64);
        let stream = envelope.is_stream();

        let drain = pool.group.on_disconnect.drain_limit();
        let job = Box::new(Job {
            gateway: Arc::clone(self),
            sticky: sticky.map(|sticky| Sticky::new(sticky, &pool)),
            policy: RetryPolicy {
                attempts: self.options.attempts,
                time: self.options.attempts_budget,
                retry_on_timeout: pool.group.retry_on_timeout,
                is_stateful: envelope.stateful,
                ..RetryPolicy::default()
            },
            public: ModelName::new(pool.public_model),
            caller: caller.key,
            gone: envelope.response_id.as_ref().map(StoredResponse::gone),
            outgoing: Outgoing {
                dialect: call.dialect,
                lines: headers::to_host(&head.fields, id, facts.trace.as_ref()),
                trace: facts.trace,
                method: call.method,
                target: target_at_host(&call, &head),
                model_in_target: call.model.map(|model| model.place),
                mentions: envelope.mentions,
                ask_usage: envelope.ask_usage,
                takes: Takes::of(&head.fields),
                caller: own_key,
                body,
                rest: intake.as_ref().map(|intake| intake.arriving()),
                held,
            },
            plan,
            serving: Arc::clone(&serving),
        });
        Ok(Admitted {
            job,
            intake,
            exchange,
            in_flight: self.retries.request(),
            stream,
            expose_routing: key.expose_routing,
            drain,
            standing,
        })
    }

    fn open(&self, facts: &IntentFacts<'_>, group: Option<Arc<str>>, ticket: Ticket, started: Instant) -> Exchange {
        let trace = self.tracer.as_ref().zip(facts.trace).map(|(tracer, context)| {
            Box::new(Trace {
                tracer: tracer.clone(),
                context,
                request_id: facts.request_id.clone(),
                consumer: facts.key.id.shared(),
                group: group.clone(),
                model: facts.envelope.model.as_str().into(),
                stream: facts.envelope.is_stream(),
                told_model: None,
                attempts: Vec::new(),
            })
        });
        let access = self.options.access_log.then(|| {
            Box::new(AccessLine { consumer: facts.key.id.shared(), group, model: facts.envelope.model.as_str().into() })
        });
        Exchange::new(Opening {
            ledger: self.ledger.clone(),
            clock: Arc::clone(&self.clock),
            serving: Arc::clone(facts.serving),
            surface: facts.dialect.surface,
            request_id: facts.request_id.clone(),
            ticket,
            started,
            trace,
            access,
        })
    }

    fn sticky_key(&self, consumer: &KeyId, pool: &Pool<'_>, subject: &Subject<'_>) -> StickyKey {
        let (consumer, group) = (consumer.as_str(), pool.group.id.as_str());
        sticky_key(&self.sticky_secret, consumer, group, pool.public_model, pool.group.sticky.scope, &subject.id)
    }

    async fn plan(
        &self,
        facts: &IntentFacts<'_>,
        pool: &Pool<'_>,
        key: Option<StickyKey>,
        own_key: Option<&CallerKey>,
        owner: Option<&ResponseOwner>,
    ) -> Plan {
        let (serving, now) = (facts.serving, facts.at);
        let binding = match key {
            Some(key) => self.bindings.lookup(&key, now).await,
            None => None,
        };
        let health = serving.health.at(Instant::now().into_std(), now);
        plan(&PlanInput {
            snapshot: &serving.snapshot,
            pool,
            surface: facts.dialect.surface,
            sticky: key.map(|key| StickyInput { key, binding: binding.as_ref() }),
            hard: facts.envelope.response_id.as_ref().map(|_| match owner {
                Some(ResponseOwner { host_id, credential, .. }) => Hard::Held { host_id, credential },
                None => Hard::Unknown,
            }),
            health: &health,
            credentials: &Credentials {
                serving,
                health,
                caller: own_key.map(|key| key.id),
                subscriber: Subscriber { keys: &*self.managed, user: facts.key.subscription_user.as_deref() },
                now,
            },
            tried: &[],
            now,
            seed: rand::random(),
        })
    }

    /// Who made the stored response that a request goes on from, or is about.
    async fn owner(&self, facts: &IntentFacts<'_>) -> Option<ResponseOwner> {
        let response = facts.envelope.response_id.as_ref()?;
        self.bindings.response_owner(&facts.key.id, response.id(), facts.at).await
    }

    /// Waits for the limits of the caller's key and of the group, and opens the request's account.
    async fn pass_limits(
        &self,
        facts: &IntentFacts<'_>,
        key_gate: &Arc<Gate>,
        pool: &Pool<'_>,
        estimate: u64,
    ) -> Result<(Charge, Standing), Refused> {
        let (serving, key, group) = (facts.serving, facts.key, pool.group);
        let group_gate = serving.group_gate(&group.id).expect("each group of a generation has its gate");
        let (admission, standing) = Admission::ask(
            Limited { gate: key_gate, limits: &key.limits },
            Limited { gate: group_gate, limits: &group.limits },
            estimate,
            facts.at,
            &self.limit_clocks,
        )
        .await?;
        let charge = Charge {
            admission,
            prices: Arc::clone(&self.prices),
            public_model: pool.public_model.into(),
            price_ratio: group.price_ratio,
            is_budgeted: key.limits.has_budget() || group.limits.has_budget(),
        };
        Ok((charge, standing))
    }

    /// What is made in the background has used nothing when it is answered, and whoever fetches it is told of usage that
    /// nobody has counted: no budget could hold.
    async fn unmetered(&self, facts: &IntentFacts<'_>, pool: &Pool<'_>, started: Instant) -> GatewayError {
        let message = "Responses in the background are not available to a key with a budget; leave `background` out.";
        let error = GatewayError::bad_request(message.to_owned(), Some("background"));
        self.refuse(facts, facts.refused(pool), error.code, error, started).await
    }

    /// A request that a limit refuses is a decision too.
    async fn limited(
        &self,
        facts: &IntentFacts<'_>,
        pool: &Pool<'_>,
        refused: &Refused,
        started: Instant,
    ) -> GatewayError {
        let error = limit_fields::refusal_error(refused);
        self.refuse(facts, facts.refused(pool), limit_fields::class(&refused.refusal), error, started).await
    }

    /// A model that the key may not call, or a response that nobody here knows, is
    /// a decision too: it is logged as one.
    async fn unroutable(&self, facts: &IntentFacts<'_>, started: Instant) -> GatewayError {
        let error = match &facts.envelope.response_id {
            Some(response) if facts.envelope.model.is_empty() => response.gone(),
            _ => unknown_model(&facts.envelope.model),
        };
        self.refuse(facts, facts.unroutable(), error.code, error, started).await
    }

    /// Logs a decision that ends here, and gives `error` once it is on disk.
    async fn refuse(
        &self,
        facts: &IntentFacts<'_>,
        intent: Intent,
        class: &'static str,
        error: GatewayError,
        started: Instant,
    ) -> GatewayError {
        let group = Some(Arc::clone(&intent.logical_group_id)).filter(|group| !group.is_empty());
        let Ok(ticket) = self.ledger.intent(Box::new(intent)).await else { return log_stalled() };
        let mut exchange = self.open(facts, group, ticket, started);
        let committed = exchange.committed().await;
        exchange.settle(Ending::failed(Some(class), error.status));
        GatewayError { is_decision: true, ..committed.map_or_else(|stalled| stalled, |()| error) }
    }
}

/// The routes in question. A request about a stored response need not name a
/// model: whoever made the response did so for one.
fn pool<'a>(facts: &IntentFacts<'a>, owner: Option<&ResponseOwner>) -> Option<Pool<'a>> {
    let (snapshot, groups) = (&facts.serving.snapshot, &facts.key.groups);
    if !facts.envelope.model.is_empty() {
        let located = snapshot.locate(&facts.envelope.model, groups).ok();
        return located.filter(|pool| facts.key.may_call(pool.public_model));
    }
    let pool = snapshot.pool_of(snapshot.route_by_id(owner?.route_id.as_str())?);
    pool.filter(|pool| groups.contains(&pool.group.id))
}

/// The group with another scope of stickiness, where an operator tries one.
fn rescoped(pool: &Pool<'_>, peer: &Peer) -> Option<Group> {
    let Peer::Inside(InsideCaller { scope: Some(scope), .. }) = peer else { return None };
    let mut group = pool.group.clone();
    group.sticky.scope = *scope;
    Some(group)
}

fn may_send_callers_key(serving: &Serving, pool: &Pool<'_>) -> bool {
    pool.routes.iter().any(|route| serving.snapshot.route(*route).route.credential == CredentialMode::Caller)
}

/// The request's path with what of its query a host may see.
fn target_at_host(call: &Call, head: &RequestHead) -> String {
    let path = call.path_at_host.as_deref().unwrap_or(head.path());
    let mut target = String::with_capacity(path.len() + head.query().map_or(0, |query| query.len() + 1));
    target.push_str(path);
    if let Some(query) = head.query() {
        headers::add_query_to_host(&mut target, query);
    }
    target
}

fn compressed() -> GatewayError {
    let message = "The request body is compressed; send it without Content-Encoding.";
    GatewayError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", message).closing()
}

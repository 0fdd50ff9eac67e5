//! One open decision: everything its outcome row will say, collected while the
//! request runs and written exactly once (spec §7).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use relay_domain::Clock;
use relay_health::Permit;
use relay_ledger::{AttemptRecord, Ledger, Outcome, Ticket, Usage, Verdict};
use relay_routing::{self as routing, RouteIndex, Surface};
use tokio::time::Instant;

use crate::access_log::AccessLine;
use crate::charge::Charge;
use crate::error::{GatewayError, log_stalled};
use crate::request_id::RequestId;
use crate::serving::Serving;
use crate::trace::{self, Trace};

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    verdict: Verdict,
    class: Option<&'static str>,
    client_status: Option<StatusCode>,
}

impl Ending {
    /// A whole answer went to the client.
    pub(crate) fn complete(client_status: StatusCode) -> Self {
        Self { verdict: Verdict::Complete, class: None, client_status: Some(client_status) }
    }

    /// The client was answered with an error.
    pub(crate) fn failed(class: Option<&'static str>, client_status: StatusCode) -> Self {
        Self { verdict: Verdict::Failed, class, client_status: Some(client_status) }
    }

    /// A committed answer broke.
    pub(crate) fn broken(verdict: Verdict, class: &'static str) -> Self {
        Self { verdict, class: Some(class), client_status: None }
    }
}

/// The open decision. Dropping it unsettled means that the client went away, or, while a panic unwinds, that we have a
/// fault.
pub(crate) struct Exchange {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    serving: Arc<Serving>,
    surface: Surface,
    request_id: RequestId,
    ticket: Arc<Ticket>,
    started: Instant,
    first_output: Option<Instant>,
    /// Time spent waiting for hosts.
    upstream_us: u64,
    current: Option<Current>,
    /// The route of the last attempt.
    last: Option<RouteIndex>,
    /// The answer was read to its end, whatever the client got of it.
    usage_is_whole: bool,
    /// What the answer tells of usage is none of this request's.
    uses_nothing: bool,
    /// Events with output that a stream has had.
    output_events: u64,
    /// Settled with the outcome.
    charge: Option<Charge>,
    /// Of a request that is traced.
    trace: Option<Box<Trace>>,
    /// When requests are lines of the log.
    access: Option<Box<AccessLine>>,
    /// Taken when the row is written.
    outcome: Option<Box<Outcome>>,
}

/// The attempt that is running.
struct Current {
    route: RouteIndex,
    since: Instant,
}

/// What a decision is opened with.
pub(crate) struct Opening {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) serving: Arc<Serving>,
    pub(crate) surface: Surface,
    pub(crate) request_id: RequestId,
    pub(crate) ticket: Ticket,
    pub(crate) started: Instant,
    pub(crate) trace: Option<Box<Trace>>,
    pub(crate) access: Option<Box<AccessLine>>,
}

impl Exchange {
    pub(crate) fn new(opening: Opening) -> Self {
        let Opening { ledger, clock, serving, surface, request_id, ticket, started, trace, access } = opening;
        // Until it has ended, whatever drops it is the client's leaving.
        let outcome = Outcome { attempts: Vec::with_capacity(1), ..Outcome::new(clock.now(), Verdict::ClientGone) };
        Self {
            ledger,
            clock,
            serving,
            surface,
            request_id,
            ticket: Arc::new(ticket),
            started,
            first_output: None,
            upstream_us: 0,
            current: None,
            last: None,
            usage_is_whole: false,
            uses_nothing: false,
            output_events: 0,
            charge: None,
            trace,
            access,
            outcome: Some(Box::new(outcome)),
        }
    }

    /// Waits until the intent is on disk: no byte of an answer leaves before (spec §7).
    ///
    /// # Errors
    /// It is not in time, and the request is to be refused.
    pub(crate) async fn committed(&self) -> Result<(), GatewayError> {
        self.ticket.committed().await.map_err(|_| log_stalled())
    }

    /// The same, for whoever cannot hold the exchange.
    pub(crate) fn ticket(&self) -> Arc<Ticket> {
        Arc::clone(&self.ticket)
    }

    /// Opens the account that the request is settled on.
    pub(crate) fn charge(&mut self, charge: Charge) {
        self.charge = Some(charge);
    }

    pub(crate) fn request_bytes(&mut self, bytes: u64) {
        if let Some(outcome) = &mut self.outcome {
            outcome.request_bytes = bytes;
        }
    }

    /// So much of a form has come in the end, and this is what it says of a stream.
    pub(crate) fn uploaded(&mut self, bytes: u64, stream: bool) {
        self.request_bytes(bytes);
        if let Some(trace) = &mut self.trace {
            trace.stream = stream;
        }
    }

    /// The row being filled; gone once it is settled.
    pub(crate) fn outcome(&mut self) -> Option<&mut Outcome> {
        self.outcome.as_deref_mut()
    }

    /// An attempt begins.
    pub(crate) fn begin_attempt(&mut self, route: RouteIndex) {
        self.begin_attempt_at(route, Instant::now());
    }

    /// An attempt began then.
    pub(crate) fn begin_attempt_at(&mut self, route: RouteIndex, since: Instant) {
        if let Some(trace) = &mut self.trace {
            trace.attempts.push((route, since));
        }
        self.current = Some(Current { route, since });
    }

    /// A host was waited for since then, before there was an attempt.
    pub(crate) fn waited(&mut self, since: Instant) {
        self.upstream_us += micros(since.elapsed());
    }

    /// How many attempts have ended.
    pub(crate) fn attempts(&self) -> u32 {
        self.outcome.as_ref().map_or(0, |outcome| outcome.attempts.len() as u32)
    }

    /// What is logged about this request carries its id. For what goes wrong alone: a span costs
    /// more than all that is counted of a request.
    pub(crate) fn span(&self) -> tracing::Span {
        tracing::info_span!("request", request_id = self.request_id.as_str())
    }

    /// Tells health how an attempt ended.
    pub(crate) fn report(&self, permit: Permit, outcome: &routing::Outcome) {
        let now = Instant::now().into_std();
        match outcome.class {
            None => permit.ended(outcome, now),
            Some(_) => self.span().in_scope(|| permit.ended(outcome, now)),
        }
    }

    /// The running attempt failed, or its answer is committed.
    /// Returns how long it took.
    pub(crate) fn end_attempt(
        &mut self,
        end: &'static str,
        class: Option<&'static str>,
        status: Option<u16>,
    ) -> Duration {
        let Some(current) = self.current.take() else { return Duration::ZERO };
        let took = current.since.elapsed();
        let us = micros(took);
        self.upstream_us += us;
        self.last = Some(current.route);
        if let Some(outcome) = &mut self.outcome {
            let wire = self.serving.wire(current.route);
            let (route_id, host_id) = (Arc::clone(&wire.route_id), Arc::clone(&wire.host_id));
            outcome.route_id = Some(Arc::clone(&route_id));
            outcome.host_id = Some(Arc::clone(&host_id));
            outcome.upstream_status = status;
            let attempt = AttemptRecord { route_id, host_id, end, class, status, us };
            self.serving.meters.attempted(&wire.of_host, &attempt);
            outcome.attempts.push(attempt);
        }
        took
    }

    /// The host tells this model, as JSON text.
    pub(crate) fn told_model(&mut self, model: Option<&Bytes>) {
        if let Some(trace) = &mut self.trace {
            trace.told_model = model.and_then(|text| serde_json::from_slice(text).ok());
        }
    }

    /// The first real output is there.
    pub(crate) fn first_output(&mut self) {
        self.first_output = Some(Instant::now());
    }

    /// Microseconds of the latency so far that are our own.
    pub(crate) fn overhead_us(&self) -> u64 {
        let until = self.first_output.unwrap_or_else(Instant::now);
        micros(until - self.started).saturating_sub(self.upstream_us)
    }

    /// The client has this status; the body is on its way.
    pub(crate) fn answered_with(&mut self, status: StatusCode) {
        if let Some(outcome) = &mut self.outcome {
            outcome.client_status = Some(status.as_u16());
        }
    }

    pub(crate) fn count_sent(&mut self, bytes: usize) {
        if let Some(outcome) = &mut self.outcome {
            outcome.response_bytes += bytes as u64;
        }
    }

    pub(crate) fn usage(&mut self, usage: Option<Usage>) {
        if let (Some(outcome), Some(usage), false) = (&mut self.outcome, usage, self.uses_nothing) {
            outcome.usage = usage;
        }
    }

    /// What the answer tells of usage is none of this request's.
    pub(crate) fn uses_nothing(&mut self) {
        self.uses_nothing = true;
    }

    /// So many events with output a stream has had.
    pub(crate) fn output_events(&mut self, events: u64) {
        self.output_events = events;
    }

    /// What a stream has used that its client left before its host told all, in place of what it `told`. Left uncounted, leaving
    /// would make every answer free.
    fn estimate(&self, told: Usage) -> Option<Usage> {
        let charge = self.charge.as_ref().filter(|_| self.output_events > 0 && !self.uses_nothing)?;
        // Hosts send a token or some in each event. What Anthropic's tell in the first is of the first.
        let is_more = told.output.is_some_and(|output| output < self.output_events);
        if told.provenance.is_some() && !is_more {
            return None;
        }
        let input = told.input.or_else(|| told.provenance.is_none().then(|| charge.admission.estimate()));
        Some(Usage { input, output: Some(self.output_events), provenance: Some("estimated"), ..told })
    }

    /// The answer was read to its end, although the client had left.
    pub(crate) fn usage_is_whole(&mut self) {
        self.usage_is_whole = true;
    }

    /// Settles a request that a budget counts on, and waits until its row is on disk: called before the last
    /// bytes of an answer leave, so that no crash can lose what an answered request has spent.
    /// Others are settled when the client has everything.
    pub(crate) async fn settle_before_end(&mut self, ending: Ending) {
        if self.charge.as_ref().is_some_and(|charge| charge.is_budgeted) {
            self.settle(ending);
            self.ledger.outcome_written(self.ticket.reference()).await;
        }
    }

    /// Writes the outcome row; further calls do nothing.
    pub(crate) fn settle(&mut self, ending: Ending) {
        if self.current.is_some() {
            let end = if ending.verdict == Verdict::Complete { "answered" } else { "maybe_executed" };
            self.end_attempt(end, ending.class, None);
        }
        let overhead_us = self.overhead_us();
        let Some(mut outcome) = self.outcome.take() else { return };
        outcome.at = self.clock.now();
        outcome.verdict = ending.verdict;
        outcome.error_class = ending.class;
        outcome.client_status = ending.client_status.map(|status| status.as_u16()).or(outcome.client_status);
        outcome.latency_us = micros(self.started.elapsed());
        outcome.first_output_us = self.first_output.map(|at| micros(at - self.started));
        outcome.overhead_us = Some(overhead_us);
        if outcome.verdict != Verdict::Complete && !self.usage_is_whole {
            let estimate = self.estimate(outcome.usage).filter(|_| outcome.verdict == Verdict::ClientGone);
            let partial = Usage { provenance: outcome.usage.provenance.and(Some("partial")), ..outcome.usage };
            outcome.usage = estimate.unwrap_or(partial);
        }
        if let Some(charge) = self.charge.take() {
            charge.settle(&mut outcome, self.last.map(|route| self.serving.snapshot.route(route)));
        }
        let last = self.last.map(|route| self.serving.wire(route));
        self.serving.meters.settled(self.surface, &outcome, last);
        if let Some(trace) = self.trace.take() {
            let (serving, surface, started) = (&*self.serving, self.surface, self.started);
            trace.end(trace::Ended { surface, serving, outcome: &outcome, started });
        }
        if let Some(access) = self.access.take() {
            access.write(&self.request_id, self.surface, &outcome);
        }
        self.ledger.outcome(self.ticket.reference(), outcome);
    }
}

impl Drop for Exchange {
    /// Only marks what was not settled: the future or body was dropped, so the client is gone; or one of us panicked.
    fn drop(&mut self) {
        let Some(outcome) = &self.outcome else { return };
        let ending = if std::thread::panicking() {
            // A client that has no status yet is told 500 (`router`).
            let told = outcome.client_status.is_none().then_some(StatusCode::INTERNAL_SERVER_ERROR);
            Ending { verdict: Verdict::Failed, class: Some("internal"), client_status: told }
        } else {
            Ending { verdict: Verdict::ClientGone, class: Some("client_gone"), client_status: None }
        };
        self.settle(ending);
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

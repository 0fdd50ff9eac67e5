//! The probe's way through the plan: one attempt on the resolved route, or,
//! with `failover`, the candidates in their order by the shared classifier
//! (spec §5).

use std::time::Duration;

use relay_domain::Secret;
use relay_ledger::{AttemptRecord, Usage};
use relay_routing::{Another, AttemptEnd, Ending, LeftBecause, classify};
use tokio::time::Instant;

use super::error::ActionError;
use super::input::ForwardRequest;
use super::probe::{Forwarded, Target};
use super::resolution::Resolution;
use crate::Control;

/// Attempts at most, when a host may have seen the request (spec §5).
const ATTEMPTS: usize = 3;

/// Attempts at most while none was sent.
const UNSENT_ATTEMPTS: usize = 5;

/// No further attempt begins after this time (spec §5).
const BUDGET: Duration = Duration::from_secs(30);

/// `class` of a candidate whose group on the host cannot be told.
const UNKNOWN_GROUP: &str = "shadow_group_unresolved";

/// A walk that has ended.
pub(super) struct Walked {
    /// The forward that served, or the last one that failed.
    pub(super) last: Forwarded,
    pub(super) attempts: Vec<AttemptRecord>,
    pub(super) possible_double_bill: bool,
}

impl Control {
    /// Sends the probe. With `failover` the binding is written when a
    /// candidate has served; without it the resolve has written it.
    pub(super) async fn walk(
        &self,
        request: &ForwardRequest,
        resolution: &mut Resolution<'_>,
        key: &Secret,
    ) -> Result<Walked, ActionError> {
        if !request.failover {
            let Some(target) = self.target(request, resolution, 0, key).await? else {
                return Err(resolution.no_eligible_route());
            };
            let last = self.forward(request, &target).await;
            let attempts = vec![last.attempt(&target)];
            return Ok(Walked { last, attempts, possible_double_bill: false });
        }
        let mut state = Walk::new(resolution.pool.group.retry_on_timeout);
        for position in 0..resolution.plan.candidates.len() {
            if state.is_over() {
                break;
            }
            match self.target(request, resolution, position, key).await {
                Ok(None) => break,
                Ok(Some(target)) => {
                    let forwarded = self.forward(request, &target).await;
                    state.attempts.push(forwarded.attempt(&target));
                    resolution.used = position;
                    state.judge(forwarded);
                }
                Err(error) => state.skip(resolution, position, key, request, &error),
            }
        }
        let Some(last) = state.last else { return Err(resolution.no_eligible_route()) };
        if last.forward.ok && last.outcome.is_answered() {
            let used = resolution.used;
            let now = self.now();
            self.bind(resolution, &request.resolve, used, state.left.filter(|_| used > 0), now).await;
        }
        Ok(Walked { last, attempts: state.attempts, possible_double_bill: state.possible_double_bill })
    }

    async fn target<'t>(
        &self,
        request: &'t ForwardRequest,
        resolution: &Resolution<'t>,
        position: usize,
        key: &'t Secret,
    ) -> Result<Option<Target<'t>>, ActionError> {
        let Some((route, host)) = resolution.route_at(position) else { return Ok(None) };
        let shadow_group_id = self.shadow_group(route, host).await?;
        let (public_model, request_id) = (resolution.pool.public_model, request.resolve.request_id.as_str());
        Ok(Some(Target { route, host, shadow_group_id, public_model, key, request_id }))
    }
}

/// A walk under way.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about the attempts so far")]
struct Walk {
    started: Instant,
    retry_on_timeout: bool,
    last: Option<Forwarded>,
    attempts: Vec<AttemptRecord>,
    /// Why the first candidate was left.
    left: Option<LeftBecause>,
    all_unsent: bool,
    timed_out: bool,
    may_go_on: bool,
    maybe_executed: bool,
    possible_double_bill: bool,
}

impl Walk {
    fn new(retry_on_timeout: bool) -> Self {
        Self {
            started: Instant::now(),
            retry_on_timeout,
            last: None,
            attempts: Vec::new(),
            left: None,
            all_unsent: true,
            timed_out: false,
            may_go_on: true,
            maybe_executed: false,
            possible_double_bill: false,
        }
    }

    fn is_over(&self) -> bool {
        let most = if self.all_unsent { UNSENT_ATTEMPTS } else { ATTEMPTS };
        !self.may_go_on || self.attempts.len() >= most || self.started.elapsed() >= BUDGET
    }

    fn judge(&mut self, forwarded: Forwarded) {
        let outcome = forwarded.outcome;
        self.possible_double_bill |= self.maybe_executed;
        self.maybe_executed |= outcome.end == AttemptEnd::MaybeExecuted;
        self.all_unsent &= outcome.end == AttemptEnd::NotSent;
        self.may_go_on = !forwarded.forward.ok || !outcome.is_answered();
        self.may_go_on &= match outcome.another {
            Another::Yes => true,
            Another::Once => self.retry_on_timeout && !std::mem::replace(&mut self.timed_out, true),
            Another::No => false,
        };
        self.left.get_or_insert(outcome.left_because());
        self.last = Some(forwarded);
    }

    /// A candidate that cannot even be addressed counts as not sent.
    fn skip(
        &mut self,
        resolution: &mut Resolution<'_>,
        position: usize,
        key: &Secret,
        request: &ForwardRequest,
        error: &ActionError,
    ) {
        let Some((route, host)) = resolution.route_at(position) else { return };
        let target = Target {
            route,
            host,
            shadow_group_id: route.shadow_group.clone(),
            public_model: resolution.pool.public_model,
            key,
            request_id: &request.resolve.request_id,
        };
        let mut outcome = classify(&Ending::Unreachable);
        outcome.class = Some(UNKNOWN_GROUP);
        let mut forward = target.blank();
        forward.error_class = Some(UNKNOWN_GROUP);
        forward.error_message = Some(error.to_string());
        let forwarded = Forwarded {
            forward,
            outcome,
            us: 0,
            request_bytes: 0,
            response_bytes: 0,
            upstream_request_id: None,
            usage: Usage::default(),
        };
        self.attempts.push(forwarded.attempt(&target));
        resolution.used = position;
        self.judge(forwarded);
    }
}

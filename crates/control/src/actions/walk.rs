//! The probe's way through the plan: one attempt on the resolved route, or,
//! with `failover`, the candidates in their order by the shared classifier
//! (spec §5).

use std::time::Duration;

use relay_domain::Secret;
use relay_ledger::{AttemptRecord, Usage};
use relay_routing::retry::{self, Next, RetryPolicy};
use relay_routing::{Ending, classify};

use super::error::ActionError;
use super::input::ForwardRequest;
use super::probe::{Forwarded, Target};
use super::resolution::Resolution;
use crate::Control;

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
        let mut walk = Walk::new(resolution.pool.group.retry_on_timeout);
        let candidates = resolution.plan.candidates.len();
        for position in 0..candidates {
            resolution.used = position;
            let forwarded = match self.target(request, resolution, position, key).await {
                Ok(None) => break,
                Ok(Some(target)) => self.forward(request, &target).await.noted(&target, &mut walk.attempts),
                Err(error) => walk.unaddressed(resolution, position, key, request, &error),
            };
            if !walk.goes_on(forwarded, position + 1 < candidates) {
                break;
            }
        }
        let possible_double_bill = walk.state.possible_double_bill();
        let Some(last) = walk.last else { return Err(resolution.no_eligible_route()) };
        if last.served() {
            let used = resolution.used;
            let now = self.now();
            self.bind(resolution, &request.resolve, used, walk.state.left_first(), now).await;
        }
        Ok(Walked { last, attempts: walk.attempts, possible_double_bill })
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
struct Walk {
    state: retry::Walk,
    last: Option<Forwarded>,
    attempts: Vec<AttemptRecord>,
}

impl Walk {
    /// An operator asks for it, so it takes nothing out of the gateway's retry budget.
    fn new(retry_on_timeout: bool) -> Self {
        let policy = RetryPolicy { retry_on_timeout, ..RetryPolicy::default() };
        Self { state: retry::Walk::new(policy), last: None, attempts: Vec::new() }
    }

    fn goes_on(&mut self, forwarded: Forwarded, has_candidate: bool) -> bool {
        let goes_on = !forwarded.served() && {
            let took = Duration::from_micros(forwarded.us);
            matches!(self.state.next(&forwarded.outcome, took, has_candidate), Next::GoOn { .. })
        };
        self.last = Some(forwarded);
        goes_on
    }

    /// A candidate that cannot even be addressed counts as not sent.
    fn unaddressed(
        &mut self,
        resolution: &Resolution<'_>,
        position: usize,
        key: &Secret,
        request: &ForwardRequest,
        error: &ActionError,
    ) -> Forwarded {
        let (route, host) = resolution.route_at(position).expect("its position is a candidate's");
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
        forwarded.noted(&target, &mut self.attempts)
    }
}

//! The probe's way through the plan: one attempt on the resolved route, or,
//! with `failover`, the candidates in their order by the shared classifier
//! (spec §5).

use std::time::Duration;

use relay_ledger::{AttemptRecord, Usage};
use relay_routing::retry::{self, Next, RetryPolicy};
use relay_routing::{Ending, classify};

use super::error::ActionError;
use super::input::ForwardRequest;
use super::key::EffectiveKey;
use super::probe::{Forwarded, Target};
use super::resolution::Resolution;
use crate::Control;

/// `class` of a candidate whose group on the host cannot be told.
const UNKNOWN_GROUP: &str = "shadow_group_unresolved";

/// `class` of a candidate whose managed key cannot be had.
const NO_KEY: &str = "managed_key_unavailable";

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
    ) -> Result<Walked, ActionError> {
        if !request.failover {
            let (group, key) = self.addressed(request, resolution, 0).await.map_err(|(error, _)| error)?;
            let Some(target) = target(request, resolution, 0, group, Some(&key)) else {
                return Err(resolution.no_eligible_route());
            };
            let last = self.forward(request, &target).await;
            self.report_key(&key, &last.outcome);
            let attempts = vec![last.attempt(&target)];
            return Ok(Walked { last, attempts, possible_double_bill: false });
        }
        let mut walk = Walk::new(resolution.pool.group.retry_on_timeout);
        let candidates = resolution.plan.candidates.len();
        for position in 0..candidates {
            resolution.used = position;
            let forwarded = match self.addressed(request, resolution, position).await {
                Ok((group, key)) => {
                    let Some(target) = target(request, resolution, position, group, Some(&key)) else { break };
                    let forwarded = self.forward(request, &target).await.noted(&target, &mut walk.attempts);
                    self.report_key(&key, &forwarded.outcome);
                    forwarded
                }
                Err((error, class)) => walk.unaddressed(resolution, position, request, &error, class),
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

    /// The group and the key of a candidate, or why it cannot be addressed, with the attempt's class.
    async fn addressed(
        &self,
        request: &ForwardRequest,
        resolution: &Resolution<'_>,
        position: usize,
    ) -> Result<(String, EffectiveKey), (ActionError, &'static str)> {
        let Some((route, host)) = resolution.route_at(position) else {
            return Err((resolution.no_eligible_route(), UNKNOWN_GROUP));
        };
        let group = self.shadow_group(route, host).await.map_err(|error| (error, UNKNOWN_GROUP))?;
        let key = self.effective_key(&request.key, route, host, &group).await;
        Ok((group, key.map_err(|error| (error, NO_KEY))?))
    }
}

fn target<'t>(
    request: &'t ForwardRequest,
    resolution: &Resolution<'t>,
    position: usize,
    shadow_group_id: String,
    key: Option<&'t EffectiveKey>,
) -> Option<Target<'t>> {
    let (route, host) = resolution.route_at(position)?;
    let (public_model, request_id) = (resolution.pool.public_model, request.resolve.request_id.as_str());
    Some(Target { route, host, shadow_group_id, public_model, key, request_id })
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
        request: &ForwardRequest,
        error: &ActionError,
        class: &'static str,
    ) -> Forwarded {
        let group = resolution.route_at(position).map_or_else(String::new, |(route, _)| route.shadow_group.clone());
        let target = target(request, resolution, position, group, None).expect("its position is a candidate's");
        let mut outcome = classify(&Ending::Unreachable);
        outcome.class = Some(class);
        let mut forward = target.blank();
        forward.error_class = Some(class);
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

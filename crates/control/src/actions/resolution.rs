//! From a request to a route: plan, settle, bind.

use relay_bindings::BindingEntry;
use relay_domain::{CredentialMode, Host, Route, Timestamp};
use relay_routing::{
    Binding, BindingChange, CredentialFault, CredentialView, LeftBecause, LocateError, Plan, PlanInput, Pool,
    RouteEntry, Settlement, Snapshot, StickyInput, StickyKey, Surface, plan, sticky_key,
};

use super::answer::Resolved;
use super::error::{ActionError, RouteReason};
use super::input::ResolveRequest;
use crate::Control;

/// The consumer of operators' actions in sticky keys.
const OPERATOR: &str = "";

/// How often a lost race for a first binding is planned again; the winner's
/// binding is there at the second look.
const RACES: usize = 3;

/// Which gateway keys a plan may count on.
#[derive(Clone, Copy)]
pub(super) enum Keys<'s> {
    /// The request brings one that every route can send, or names the user whose key is obtained.
    Requested,
    /// Those that the gateway would send.
    Configured(&'s Snapshot),
}

impl CredentialView for Keys<'_> {
    fn usable(&self, route: &RouteEntry, _: Timestamp) -> Result<(), CredentialFault> {
        let Self::Configured(snapshot) = self else { return Ok(()) };
        match route.route.credential {
            CredentialMode::HostKey if snapshot.host_at(route.host).gateway_key.is_none() => {
                Err(CredentialFault::HostKeyMissing)
            }
            // Whoever calls brings the key of a `caller` route, and the user of a `managed` one.
            CredentialMode::HostKey | CredentialMode::Caller | CredentialMode::Managed => Ok(()),
        }
    }

    fn is_identity(&self, _: &RouteEntry, _: &str) -> bool {
        true
    }
}

/// A planned request.
pub(super) struct Resolution<'s> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) pool: Pool<'s>,
    pub(super) sticky_key: Option<StickyKey>,
    pub(super) plan: Plan,
    /// Position of the candidate that serves.
    pub(super) used: usize,
    /// What stickiness made of that; `None` while, or because, nothing serves.
    pub(super) settlement: Option<Settlement>,
}

/// The pool that a request asks for.
pub(super) fn locate<'s>(snapshot: &'s Snapshot, request: &'s ResolveRequest) -> Result<Pool<'s>, ActionError> {
    let (group, model) = (request.logical_group_id.as_str(), request.public_model.as_str());
    snapshot.locate_in(group, model).map_err(|error| {
        ActionError::NotFound(match error {
            LocateError::UnknownGroup => format!("there is no group \"{group}\""),
            LocateError::UnknownModel => format!("group \"{group}\" has no route for model \"{model}\""),
        })
    })
}

impl Control {
    /// Plans a request against the bindings as they are; nothing is written.
    pub(super) async fn plan_request<'s>(
        &self,
        snapshot: &'s Snapshot,
        pool: Pool<'s>,
        request: &ResolveRequest,
        keys: Keys<'_>,
        now: Timestamp,
    ) -> Resolution<'s> {
        let sticky_key = (request.scope != relay_domain::Scope::None).then(|| {
            let (group, model) = (pool.group.id.as_str(), pool.public_model);
            sticky_key(&self.sticky_secret, OPERATOR, group, model, request.scope, &request.subject_id)
        });
        let binding = match &sticky_key {
            Some(key) => self.parts.bindings.lookup(key, now).await,
            None => None,
        };
        let plan = self.plan_with(snapshot, pool, sticky_key, binding.as_ref(), keys, now);
        Resolution { snapshot, pool, sticky_key, plan, used: 0, settlement: None }
    }

    fn plan_with(
        &self,
        snapshot: &Snapshot,
        pool: Pool<'_>,
        sticky_key: Option<StickyKey>,
        binding: Option<&Binding>,
        keys: Keys<'_>,
        now: Timestamp,
    ) -> Plan {
        plan(&PlanInput {
            snapshot,
            pool: &pool,
            surface: Surface::ChatCompletions,
            sticky: sticky_key.map(|key| StickyInput { key, binding }),
            hard: None,
            health: &self.parts.health.at(std::time::Instant::now(), now),
            credentials: &keys,
            tried: &[],
            now,
            seed: (self.parts.seed)(),
        })
    }

    /// Settles on the first candidate and writes its binding at once (spec §4,
    /// "the resolve action writes at once"). Of parallel first requests one
    /// wins; the others are planned again with its binding.
    pub(super) async fn bind_first(
        &self,
        resolution: &mut Resolution<'_>,
        request: &ResolveRequest,
        keys: Keys<'_>,
        now: Timestamp,
    ) {
        for _ in 0..RACES {
            if resolution.plan.candidates.is_empty() {
                return;
            }
            let winner = self.bind(resolution, request, 0, None, now).await;
            let Some(winner) = winner else { return };
            let (snapshot, pool, key) = (resolution.snapshot, resolution.pool, resolution.sticky_key);
            resolution.plan = self.plan_with(snapshot, pool, key, Some(&winner), keys, now);
            resolution.settlement = None;
        }
        if resolution.settlement.is_none() && !resolution.plan.candidates.is_empty() {
            resolution.settlement = Some(resolution.plan.settle(resolution.snapshot, 0, None, now));
        }
    }

    /// Settles on candidate `used` and writes its binding; gives the binding
    /// that another request made in between.
    pub(super) async fn bind(
        &self,
        resolution: &mut Resolution<'_>,
        request: &ResolveRequest,
        used: usize,
        left: Option<LeftBecause>,
        now: Timestamp,
    ) -> Option<Binding> {
        let settlement = resolution.plan.settle(resolution.snapshot, used, left, now);
        let change = settlement.change.clone();
        resolution.used = used;
        resolution.settlement = Some(settlement);
        let key = resolution.sticky_key?;
        let entry = |binding: Binding| BindingEntry {
            key,
            consumer: None,
            group: resolution.pool.group.id.clone(),
            model: resolution.pool.public_model.into(),
            scope: request.scope,
            binding,
        };
        let bindings = &self.parts.bindings;
        match change {
            BindingChange::Keep => None,
            BindingChange::Touch(binding) => {
                bindings.touch(&key, &binding).await;
                None
            }
            BindingChange::Put(binding) => {
                bindings.put(entry(binding)).await;
                None
            }
            BindingChange::Insert(binding) => bindings.bind_if_absent(entry(binding), now).await,
        }
    }
}

impl<'s> Resolution<'s> {
    /// The route that serves, or the first that would.
    pub(super) fn route(&self) -> Option<(&'s Route, &'s Host)> {
        self.route_at(self.used)
    }

    /// The route of a candidate.
    pub(super) fn route_at(&self, position: usize) -> Option<(&'s Route, &'s Host)> {
        let candidate = self.plan.candidates.get(position)?;
        let entry = self.snapshot.route(candidate.route);
        Some((&entry.route, self.snapshot.host_at(entry.host)))
    }

    /// Why there is no candidate.
    pub(super) fn no_eligible_route(&self) -> ActionError {
        let reasons = self.plan.excluded.iter().map(|excluded| {
            let route = &self.snapshot.route(excluded.route).route;
            RouteReason {
                route_id: route.id.to_string(),
                host_id: route.host.to_string(),
                reason: excluded.reason.as_str(),
                message: excluded.reason.to_string(),
            }
        });
        ActionError::NoEligibleRoute {
            group: self.pool.group.id.to_string(),
            model: self.pool.public_model.to_owned(),
            reasons: reasons.collect(),
            retry_at: self.plan.retry_at(),
        }
    }

    /// The answer of the resolve action, with the group's id on the host as far as it is known.
    pub(super) fn answer(
        &self,
        backend: &'static str,
        request: &ResolveRequest,
        shadow_group_id: &str,
    ) -> Option<Resolved> {
        let (route, _) = self.route()?;
        let settlement = self.settlement.as_ref();
        Some(Resolved {
            request_id: request.request_id.clone(),
            backend,
            logical_group_id: self.pool.group.id.to_string(),
            public_model: self.pool.public_model.to_owned(),
            scope: request.scope.as_str(),
            subject_id: request.subject_id.clone(),
            sticky_key: self.sticky_key.map(|key| key.to_string()),
            sticky_hit: settlement.is_some_and(|settlement| settlement.sticky_hit),
            sticky_action: settlement.map_or("none", |settlement| settlement.sticky_action.as_str()),
            fallback_used: settlement
                .map_or_else(|| self.plan.is_fallback(self.used), |settlement| settlement.fallback_used),
            route_id: route.id.to_string(),
            route_name: route.name.clone(),
            shadow_host_id: route.host.to_string(),
            shadow_group_id: shadow_group_id.to_owned(),
            shadow_model: route.shadow_model.clone(),
            priority: route.priority,
            weight: route.weight,
            bound_at: settlement.and_then(|settlement| settlement.bound_at),
            expires_at: settlement.and_then(|settlement| settlement.expires_at),
        })
    }
}

//! The intent row of a request, from its plan (spec §7).

use std::sync::Arc;

use relay_domain::{ConsumerKey, Scope, Timestamp};
use relay_ledger::{CandidateRecord, Intent};
use relay_routing::{Plan, Pool, StickyKey};
use relay_traces::Context;

use crate::request_id::RequestId;
use crate::serving::Serving;
use crate::subject::Subject;
use crate::surface::{Dialect, Envelope};

/// What a request's intent is written from.
pub(crate) struct IntentFacts<'a> {
    pub(crate) at: Timestamp,
    pub(crate) request_id: &'a RequestId,
    pub(crate) dialect: &'static Dialect,
    pub(crate) serving: &'a Arc<Serving>,
    pub(crate) key: &'a ConsumerKey,
    pub(crate) envelope: &'a Envelope,
    /// The ids of a request that is traced.
    pub(crate) trace: Option<Context>,
}

impl IntentFacts<'_> {
    /// The row of a request that was planned.
    pub(crate) fn planned(
        &self,
        pool: &Pool<'_>,
        subject: Option<&Subject<'_>>,
        sticky_key: Option<StickyKey>,
        plan: &Plan,
    ) -> Intent {
        let first = plan.candidates.first().map(|candidate| self.serving.wire(candidate.route));
        let scope = pool.group.sticky.scope;
        Intent {
            logical_group_id: pool.group.id.shared(),
            public_model: pool.public_model.into(),
            scope: scope.as_str(),
            sticky_key: sticky_key.map(|key| key.to_string().into()),
            sticky_type: sticky_key.map(|_| scope.as_str()),
            sticky_source: subject.map(|subject| subject.source),
            sticky_hit: plan.sticky_hit,
            sticky_action: plan.sticky_action.as_str(),
            route_id: first.map(|wire| Arc::clone(&wire.route_id)),
            host_id: first.map(|wire| Arc::clone(&wire.host_id)),
            shadow_group_id: first.and_then(|wire| wire.shadow_group.clone()),
            shadow_model: first.map(|wire| Arc::clone(&wire.shadow_model)).filter(|model| !model.is_empty()),
            fallback_used: plan.fallback_used,
            seed: plan.seed,
            candidates: self.candidates(plan),
            ..self.unroutable()
        }
    }

    /// The row of a request that is refused before it is planned.
    pub(crate) fn refused(&self, pool: &Pool<'_>) -> Intent {
        let (logical_group_id, public_model) = (pool.group.id.shared(), pool.public_model.into());
        Intent { logical_group_id, public_model, ..self.unroutable() }
    }

    /// The row of a request whose model this key may not call.
    pub(crate) fn unroutable(&self) -> Intent {
        Intent {
            at: self.at,
            request_id: self.request_id.as_str().to_owned(),
            client_request_id: None,
            generation: self.serving.snapshot.generation(),
            surface: self.dialect.surface.as_str(),
            consumer: Some(self.key.id.shared()),
            logical_group_id: Arc::default(),
            public_model: self.envelope.model.as_str().into(),
            scope: Scope::None.as_str(),
            sticky_key: None,
            sticky_type: None,
            sticky_source: None,
            sticky_hit: false,
            sticky_action: "none",
            route_id: None,
            host_id: None,
            shadow_group_id: None,
            shadow_model: None,
            fallback_used: false,
            stream: self.envelope.is_stream(),
            user_key: None,
            conversation_key: None,
            seed: 0,
            candidates: Vec::new(),
        }
    }

    fn candidates(&self, plan: &Plan) -> Vec<CandidateRecord> {
        let record = |route, verdict, reason| {
            let wire = self.serving.wire(route);
            let route = &self.serving.snapshot.route(route).route;
            CandidateRecord {
                route_id: Arc::clone(&wire.route_id),
                host_id: Arc::clone(&wire.host_id),
                tier: route.priority.into(),
                weight: route.weight,
                verdict,
                reason,
            }
        };
        let eligible =
            plan.candidates.iter().enumerate().map(|(position, candidate)| {
                record(candidate.route, if position == 0 { "first" } else { "next" }, None)
            });
        let excluded = plan.excluded.iter().map(|out| record(out.route, "excluded", Some(out.reason.to_string())));
        eligible.chain(excluded).collect()
    }
}

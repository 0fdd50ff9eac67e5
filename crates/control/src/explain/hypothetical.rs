//! Where a request would go that nobody has sent: planned with the fleet, health and bindings of now. Nothing is
//! bound and nothing is logged.

use std::time::Instant;

use relay_domain::{CredentialMode, Generation, Scope, Timestamp};
use relay_ledger::{DecisionCandidate, Passage};
use relay_routing::{Binding, Plan, Snapshot, StickyInput, StickyKey, sticky_key};
use serde::Serialize;
use utoipa::ToSchema;

use super::customers;
use super::planned_again::candidates;
use super::words::Words;
use crate::Control;
use crate::replay::{Lane, Refusal};
use crate::words::Language;

/// A request that is asked about.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The group; may be left out when a key says where the model is looked up.
    pub logical_group_id: Option<String>,
    /// The model, as a client would ask for it.
    pub public_model: String,
    /// What stickiness is keyed by; left out: as the group has it.
    pub scope: Option<Scope>,
    /// The conversation's or user's id, as the client sends it.
    pub subject_id: Option<String>,
    /// The key that would ask; left out: an operator's action.
    pub key_id: Option<String>,
    /// What would be called: `chat_completions` when left out.
    pub surface: Option<String>,
}

/// There is nothing to plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HypotheticalError {
    /// The key, group or model is not there.
    #[error("{0}")]
    NotFound(String),
}

/// Where a request would go.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Hypothetical {
    /// The generation in force.
    #[schema(value_type = u64)]
    pub generation: Generation,
    /// The key that would ask; null for an operator's action.
    pub key_id: Option<String>,
    /// The group.
    pub logical_group_id: String,
    /// The model as asked for.
    pub public_model: String,
    /// What stickiness is keyed by.
    pub scope: &'static str,
    /// The binding's key; null when nothing names a conversation or user.
    pub sticky_key: Option<String>,
    /// What is bound now; null when nothing is.
    pub binding: Option<BindingPart>,
    /// Why the key would be refused before any route is looked at; null when it would not.
    pub refused: Option<&'static str>,
    /// The route it would go to; null when none may serve it.
    pub route_id: Option<String>,
    /// Its host.
    pub host_id: Option<String>,
    /// What stickiness would do: `hit`, `bind`, `rebind`, `borrow` or `none`.
    pub sticky_action: &'static str,
    /// Whether that would be a fallback.
    pub fallback_used: bool,
    /// Every route looked at, in the plan's order, the excluded last with their reasons.
    pub candidates: Vec<DecisionCandidate>,
    /// The soonest that an excluded route may serve again.
    pub retry_at: Option<Timestamp>,
    /// The same in words. Names hosts: for operators, not for customers.
    pub text: String,
    /// For whoever would make the request: names no host, route or group.
    pub customer_text: String,
}

/// What is bound.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BindingPart {
    /// The route.
    pub route_id: String,
    /// Its host when it was bound.
    pub host_id: String,
    /// When it was bound.
    pub bound_at: Timestamp,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// Whether it is away from its best route.
    pub moved: bool,
    /// Whether it counts: `counts`, `returning` (fail-back may take it home) or `gone` (its route is).
    pub state: &'static str,
}

impl Control {
    /// Where a request would go. Both texts are in `language`.
    ///
    /// # Errors
    /// See [`HypotheticalError`].
    pub async fn explain_hypothetical(
        &self,
        question: &Question,
        language: Language,
    ) -> Result<Hypothetical, HypotheticalError> {
        let (snapshot, now) = (self.snapshot(), self.now());
        let asked = Passage {
            seq: 0,
            at: now,
            surface: question.surface.as_deref().unwrap_or("chat_completions"),
            consumer: question.key_id.as_deref(),
            logical_group_id: question.logical_group_id.as_deref().unwrap_or_default(),
            public_model: &question.public_model,
            sticky_key: None,
            sticky_hit: false,
            planned_route_id: None,
            planned_host_id: None,
            seed: (self.parts.seed)(),
            end: None,
        };
        let lane = match Lane::find(&snapshot, &asked, now) {
            Ok(lane) => lane,
            Err(refusal) => return refused(&snapshot, question, refusal, language),
        };
        let model = bare_model(question, &lane);
        let scope = question.scope.unwrap_or(lane.group.sticky.scope);
        let key = subject(question, &lane, scope).map(|subject| {
            let consumer = question.key_id.as_deref().unwrap_or_default();
            sticky_key(&self.sticky_secret, consumer, lane.group.id.as_str(), model, scope, &subject)
        });
        let binding = match &key {
            Some(key) => self.parts.bindings.lookup(key, now).await,
            None => None,
        };
        let sticky = key.map(|key| StickyInput { key, binding: binding.as_ref() });
        let health = self.parts.health.at(Instant::now(), now);
        let plan = lane.plan(&health, &lane.keys(), sticky, asked.seed, now);
        let planned = Planned { lane: &lane, snapshot: &snapshot, plan: &plan, key, binding: binding.as_ref() };
        Ok(planned.told(question, model, scope, language))
    }
}

/// A planned question.
struct Planned<'a> {
    lane: &'a Lane<'a>,
    snapshot: &'a Snapshot,
    plan: &'a Plan,
    key: Option<StickyKey>,
    binding: Option<&'a Binding>,
}

impl Planned<'_> {
    fn told(&self, question: &Question, model: &str, scope: Scope, language: Language) -> Hypothetical {
        let plan = self.plan;
        let candidates = candidates(plan, self.snapshot, |_| None);
        let first = candidates.first().filter(|first| first.verdict == "first");
        let binding = self.binding.map(|binding| BindingPart {
            route_id: binding.route_id.to_string(),
            host_id: binding.host_id.to_string(),
            bound_at: binding.bound_at,
            expires_at: binding.expires_at,
            moved: binding.moved,
            state: plan.binding.as_str(),
        });
        let mut told = Hypothetical {
            generation: self.snapshot.generation(),
            key_id: question.key_id.clone(),
            logical_group_id: self.lane.group.id.to_string(),
            public_model: model.to_owned(),
            scope: scope.as_str(),
            sticky_key: self.key.map(|key| key.to_string()),
            binding,
            refused: None,
            route_id: first.map(|first| first.route_id.clone()),
            host_id: first.map(|first| first.host_id.clone()),
            sticky_action: plan.sticky_action.as_str(),
            fallback_used: plan.fallback_used,
            candidates,
            retry_at: plan.retry_at(),
            text: String::new(),
            customer_text: String::new(),
        };
        told.text = for_operators(&told, self.assumes_keys(), Words(language));
        told.customer_text = customers::would(&told, language);
        told
    }

    /// Whether a route counts on a key that only a real request brings, or has obtained.
    fn assumes_keys(&self) -> bool {
        let credential = |route: &relay_routing::RouteIndex| self.snapshot.route(*route).route.credential;
        self.lane.routes.iter().any(|route| credential(route) != CredentialMode::HostKey)
    }
}

/// What a key would be told; that there is no such thing at all is an error.
fn refused(
    snapshot: &Snapshot,
    question: &Question,
    refusal: Refusal,
    language: Language,
) -> Result<Hypothetical, HypotheticalError> {
    let group = question.logical_group_id.as_deref().unwrap_or_default();
    let model = &question.public_model;
    let not_found = match (refusal, &question.key_id) {
        (Refusal::KeyGone, Some(key)) => Some(format!("there is no key \"{key}\"")),
        (Refusal::UnknownGroup, _) => Some(format!("there is no group \"{group}\"")),
        (Refusal::UnknownModel, Some(key)) if group.is_empty() => {
            Some(format!("no group of key \"{key}\" has a route for model \"{model}\""))
        }
        (Refusal::UnknownModel, _) if group.is_empty() => Some("name a group or a key".to_owned()),
        (Refusal::UnknownModel, _) => Some(format!("group \"{group}\" has no route for model \"{model}\"")),
        _ => None,
    };
    if let Some(message) = not_found {
        return Err(HypotheticalError::NotFound(message));
    }
    let reason = refusal.as_str();
    let key = question.key_id.as_deref().unwrap_or_default();
    Ok(Hypothetical {
        generation: snapshot.generation(),
        key_id: question.key_id.clone(),
        logical_group_id: group.to_owned(),
        public_model: model.clone(),
        scope: question.scope.unwrap_or(Scope::None).as_str(),
        sticky_key: None,
        binding: None,
        refused: Some(reason),
        route_id: None,
        host_id: None,
        sticky_action: "none",
        fallback_used: false,
        candidates: Vec::new(),
        retry_at: None,
        text: Words(language).would_be_refused(key, model, Words(language).refusal(reason)),
        customer_text: customers::would_be_refused(model, language),
    })
}

/// The model without a group before it, as stickiness knows it.
fn bare_model<'q>(question: &'q Question, lane: &Lane<'_>) -> &'q str {
    let asked = question.public_model.as_str();
    let of_group = asked.strip_prefix(lane.group.id.as_str()).and_then(|rest| rest.strip_prefix('/'));
    match of_group {
        Some(model) if question.logical_group_id.is_none() => model,
        _ => asked,
    }
}

/// Whom the request is of, as the gateway finds it when a client names no conversation.
fn subject(question: &Question, lane: &Lane<'_>, scope: Scope) -> Option<String> {
    let of_key = lane.key.and_then(|key| key.subject_id.clone());
    match scope {
        Scope::None => None,
        // With a key the scope `user` is the key's own: a conversation's id must not split the user.
        Scope::User if lane.key.is_some() => of_key.or_else(|| lane.key.map(|key| key.id.to_string())),
        Scope::User | Scope::Conversation => question.subject_id.clone().or(of_key),
    }
}

fn for_operators(told: &Hypothetical, assumes_keys: bool, t: Words) -> String {
    let caller = told.key_id.as_deref().map_or_else(|| t.some_operator().to_owned(), |key| t.a_key(key));
    let mut lines = vec![t.would_ask(caller, &told.logical_group_id, &told.public_model, told.generation)];
    lines.push(match (&told.route_id, &told.host_id, told.retry_at) {
        (Some(route), Some(host), _) => t.would_go(route, host, why(told, t)),
        (.., Some(at)) => t.would_not_before(format_args!("{at:.0}")),
        _ => t.would_not().to_owned(),
    });
    if !told.candidates.is_empty() {
        lines.push(t.routes().to_owned());
    }
    lines.extend(t.candidates(&told.candidates, t.first()));
    if assumes_keys {
        lines.push(t.assumed_keys().to_owned());
    }
    lines.join("\n")
}

fn why(told: &Hypothetical, t: Words) -> String {
    match (&told.binding, told.sticky_action) {
        (Some(binding), "hit") => t.bound_there(format_args!("{:.0}", binding.expires_at)),
        (Some(binding), "borrow") => t.bound_busy(&binding.route_id),
        (Some(binding), _) => t.bound_gone(&binding.route_id),
        (None, "bind") => t.not_bound().to_owned(),
        _ => t.no_subject().to_owned(),
    }
}

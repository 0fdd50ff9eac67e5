//! Where the requests of one consumer for one model of one group may go in a world.

use relay_domain::{ConsumerKey, CredentialMode, Group, Timestamp};
use relay_ledger::Passage;
use relay_routing::{
    CredentialFault, CredentialView, HealthView, Plan, PlanInput, Pool, RouteEntry, RouteIndex, Snapshot, StickyInput,
    Surface, plan,
};

/// Why a request would be refused before any route is looked at, or because none may serve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Refusal {
    KeyGone,
    KeyDisabled,
    KeyExpired,
    GroupNotAllowed,
    ModelNotAllowed,
    UnknownGroup,
    UnknownModel,
    NoEligibleRoute,
}

impl Refusal {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::KeyGone => "key_removed",
            Self::KeyDisabled => "key_disabled",
            Self::KeyExpired => "key_expired",
            Self::GroupNotAllowed => "group_not_allowed",
            Self::ModelNotAllowed => "model_not_allowed",
            Self::UnknownGroup => "no_such_group",
            Self::UnknownModel => "no_route_for_model",
            Self::NoEligibleRoute => "no_eligible_route",
        }
    }
}

/// The actions that send a request to a host, by the labels of the log.
const PROBES: [&str; 2] = ["proxy_route", "route_chat"];

/// The routes in question, and who asks.
pub(crate) struct Lane<'w> {
    snapshot: &'w Snapshot,
    pub(crate) group: &'w Group,
    pub(crate) routes: Vec<RouteIndex>,
    pub(crate) key: Option<&'w ConsumerKey>,
    surface: Surface,
    /// The request brings a gateway key that every route can send, or names the user whose key is obtained.
    brings_key: bool,
}

impl<'w> Lane<'w> {
    /// The lane of a request; keys that have expired at `end` are taken for expired.
    ///
    /// The log does not tell `group/model` from a bare model that was looked up in the key's groups: the group
    /// that was found then is the one that is asked for, so that a model which leaves it counts as lost even
    /// if another group of the key has it. Better a false alarm than none.
    pub(crate) fn find(snapshot: &'w Snapshot, passage: &Passage<'_>, end: Timestamp) -> Result<Self, Refusal> {
        let key = passage.consumer.map(|id| live_key(snapshot, id, end)).transpose()?;
        let pool = match (passage.logical_group_id, key) {
            // It was refused for want of a model, which another fleet may have.
            ("", None) => return Err(Refusal::UnknownModel),
            ("", Some(key)) => snapshot.locate(passage.public_model, &key.groups).map_err(|_| Refusal::UnknownModel)?,
            (group, _) => located(snapshot, group, passage.public_model)?,
        };
        if let Some(key) = key {
            if !key.groups.contains(&pool.group.id) {
                return Err(Refusal::GroupNotAllowed);
            }
            if !key.may_call(pool.public_model) {
                return Err(Refusal::ModelNotAllowed);
            }
        }
        let group = snapshot.group(pool.group.id.as_str()).ok_or(Refusal::UnknownGroup)?;
        let brings_key = passage.consumer.is_none() && PROBES.contains(&passage.surface);
        Ok(Self { snapshot, group, routes: pool.routes.to_vec(), key, surface: surface(passage.surface), brings_key })
    }

    /// The plan of one of its requests.
    pub(crate) fn plan(
        &self,
        health: &dyn HealthView,
        credentials: &dyn CredentialView,
        sticky: Option<StickyInput<'_>>,
        seed: u64,
        now: Timestamp,
    ) -> Plan {
        plan(&PlanInput {
            snapshot: self.snapshot,
            // The name of the model has done its part.
            pool: &Pool { group: self.group, public_model: "", routes: &self.routes },
            surface: self.surface,
            sticky,
            hard: None,
            health,
            credentials,
            tried: &[],
            now,
            seed,
        })
    }

    /// The keys that its requests can count on.
    pub(crate) fn keys(&self) -> Keys<'w> {
        Keys { snapshot: self.snapshot, key: self.key, brings_key: self.brings_key }
    }
}

fn live_key<'w>(snapshot: &'w Snapshot, id: &str, end: Timestamp) -> Result<&'w ConsumerKey, Refusal> {
    let key = snapshot.key_by_id(id).ok_or(Refusal::KeyGone)?;
    if !key.enabled {
        return Err(Refusal::KeyDisabled);
    }
    if key.expires_at.is_some_and(|at| at <= end) {
        return Err(Refusal::KeyExpired);
    }
    Ok(key)
}

fn located<'a>(snapshot: &'a Snapshot, group: &str, model: &'a str) -> Result<Pool<'a>, Refusal> {
    snapshot.locate_in(group, model).map_err(|error| match error {
        relay_routing::LocateError::UnknownGroup => Refusal::UnknownGroup,
        relay_routing::LocateError::UnknownModel => Refusal::UnknownModel,
    })
}

/// Every surface has the label that the log knows it by; the actions speak chat completions.
fn surface(label: &str) -> Surface {
    const SURFACES: [Surface; 7] = [
        Surface::ChatCompletions,
        Surface::Responses,
        Surface::Messages,
        Surface::CountTokens,
        Surface::Embeddings,
        Surface::Images,
        Surface::Gemini,
    ];
    SURFACES.into_iter().find(|surface| surface.as_str() == label).unwrap_or(Surface::ChatCompletions)
}

/// Gateway keys as the fleet tells of them: what a caller brings, and what is obtained, is taken to be there.
pub(crate) struct Keys<'w> {
    snapshot: &'w Snapshot,
    key: Option<&'w ConsumerKey>,
    brings_key: bool,
}

impl CredentialView for Keys<'_> {
    fn usable(&self, route: &RouteEntry, _now: Timestamp) -> Result<(), CredentialFault> {
        match route.route.credential {
            _ if self.brings_key => Ok(()),
            CredentialMode::HostKey if self.snapshot.host_at(route.host).gateway_key.is_none() => {
                Err(CredentialFault::HostKeyMissing)
            }
            CredentialMode::Managed if self.key.is_some_and(|key| key.subscription_user.is_none()) => {
                Err(CredentialFault::SubscriptionUserMissing)
            }
            CredentialMode::HostKey | CredentialMode::Managed | CredentialMode::Caller => Ok(()),
        }
    }

    fn is_identity(&self, _route: &RouteEntry, _identity: &str) -> bool {
        true
    }
}

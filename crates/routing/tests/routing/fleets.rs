//! Fleets in a line or two, and requests with everything at its default.

use std::time::Duration;

use relay_domain::{
    BaseUrl, ConsumerKey, CredentialMode, Failback, Fleet, Group, GroupId, Host, HostId, HostKind, KeyHash, KeyId,
    ModelPattern, Route, RouteCost, RouteId, Scope, Sticky, Timestamp,
};
use relay_routing::{
    AllHealthy, AllUsable, Binding, CredentialFault, CredentialView, Hard, HealthView, Plan, PlanInput, RouteEntry,
    RouteHealth, RouteIndex, Snapshot, StickyInput, StickyKey, StickySecret, Surface, plan, sticky_key,
};

pub(crate) const SECRET: StickySecret = StickySecret([1; 32]);
pub(crate) const TTL: Duration = Duration::from_hours(1);

/// Minutes after a fixed moment.
pub(crate) fn at(minutes: i64) -> Timestamp {
    at_secs(minutes * 60)
}

/// Seconds after the same moment.
pub(crate) fn at_secs(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(crate) fn host(id: &str) -> Host {
    Host {
        id: HostId::new(id).unwrap(),
        kind: HostKind::Sub2api,
        base_url: BaseUrl::parse("https://host.example").unwrap(),
        allow_private: false,
        enabled: true,
        admin: None,
        gateway_key: None,
        ask_usage: true,
    }
}

pub(crate) fn group(id: &str) -> Group {
    Group {
        sticky: Sticky { scope: Scope::Conversation, ttl: TTL },
        failback: Failback::Idle,
        ..Group::new(GroupId::new(id).unwrap())
    }
}

/// A route of group `gpt` and model `gpt-5`, on a host of the same name with `h-` before it.
pub(crate) fn route(id: &str, priority: u32, weight: u32) -> Route {
    Route {
        id: RouteId::new(id).unwrap(),
        name: id.to_owned(),
        group: GroupId::new("gpt").unwrap(),
        public_model: ModelPattern::parse("gpt-5").unwrap(),
        host: HostId::new(&format!("h-{id}")).unwrap(),
        shadow_group: "pool".to_owned(),
        shadow_model: String::new(),
        priority,
        weight,
        credential: CredentialMode::HostKey,
        enabled: true,
        cost: RouteCost::default(),
    }
}

pub(crate) fn key(id: &str, hash: u8, groups: &[&str]) -> ConsumerKey {
    ConsumerKey { groups: group_ids(groups).into(), ..ConsumerKey::new(KeyId::new(id).unwrap(), KeyHash([hash; 32])) }
}

pub(crate) fn group_ids(ids: &[&str]) -> Vec<GroupId> {
    ids.iter().map(|id| GroupId::new(id).unwrap()).collect()
}

/// The group `gpt` with these routes, and the hosts that they name.
pub(crate) fn fleet(routes: Vec<Route>) -> Fleet {
    let mut hosts: Vec<Host> = routes.iter().map(|route| host(route.host.as_str())).collect();
    hosts.sort_by(|a, b| a.id.cmp(&b.id));
    hosts.dedup_by(|a, b| a.id == b.id);
    Fleet { generation: 7, hosts, groups: vec![group("gpt")], routes, keys: Vec::new() }
}

/// Health and credentials by route id; whatever is not named is well.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) health: Vec<(String, RouteHealth)>,
    pub(crate) credentials: Vec<(String, CredentialFault)>,
    /// Identities other than `user-1`, by route id.
    pub(crate) identities: Vec<(String, String)>,
}

impl Facts {
    pub(crate) fn health(route: &str, health: RouteHealth) -> Self {
        Self { health: vec![(route.to_owned(), health)], ..Self::default() }
    }

    pub(crate) fn cooling(routes: &[&str]) -> Self {
        let health = routes.iter().map(|id| ((*id).to_owned(), RouteHealth::CoolingDown { until: at(5) })).collect();
        Self { health, ..Self::default() }
    }
}

fn find<'a, T>(list: &'a [(String, T)], route: &RouteEntry) -> Option<&'a T> {
    list.iter().find(|(id, _)| id == route.route.id.as_str()).map(|(_, value)| value)
}

impl HealthView for Facts {
    fn route(&self, route: &RouteEntry, _now: Timestamp) -> RouteHealth {
        find(&self.health, route).copied().unwrap_or(RouteHealth::Available)
    }
}

impl CredentialView for Facts {
    fn usable(&self, route: &RouteEntry, _now: Timestamp) -> Result<(), CredentialFault> {
        find(&self.credentials, route).map_or(Ok(()), |fault| Err(*fault))
    }

    fn is_identity(&self, route: &RouteEntry, identity: &str) -> bool {
        find(&self.identities, route).map_or("user-1", String::as_str) == identity
    }
}

/// A request for `gpt-5` of group `gpt`.
pub(crate) struct Request<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) surface: Surface,
    pub(crate) subject: Option<StickyKey>,
    pub(crate) binding: Option<&'a Binding>,
    pub(crate) hard: Option<Hard<'a>>,
    pub(crate) tried: &'a [RouteIndex],
    pub(crate) now: Timestamp,
    pub(crate) seed: u64,
}

static NOTHING: Facts = Facts { health: Vec::new(), credentials: Vec::new(), identities: Vec::new() };

impl Default for Request<'_> {
    fn default() -> Self {
        Self {
            facts: &NOTHING,
            surface: Surface::ChatCompletions,
            subject: Some(subject("thread")),
            binding: None,
            hard: None,
            tried: &[],
            now: at(0),
            seed: 1,
        }
    }
}

impl Request<'_> {
    pub(crate) fn plan(&self, snapshot: &Snapshot) -> Plan {
        let pool = snapshot.locate_in("gpt", "gpt-5").unwrap();
        plan(&PlanInput {
            snapshot,
            pool: &pool,
            surface: self.surface,
            sticky: self.subject.map(|key| StickyInput { key, binding: self.binding }),
            hard: self.hard,
            health: self.facts,
            credentials: self.facts,
            tried: self.tried,
            now: self.now,
            seed: self.seed,
        })
    }
}

pub(crate) fn subject(text: &str) -> StickyKey {
    sticky_key(&SECRET, "team-a", "gpt", "gpt-5", Scope::Conversation, text)
}

/// The first choice for a subject when all is well.
pub(crate) fn choice(snapshot: &Snapshot, subject: StickyKey) -> Option<String> {
    let pool = snapshot.locate_in("gpt", "gpt-5").ok()?;
    let plan = plan(&PlanInput {
        snapshot,
        pool: &pool,
        surface: Surface::ChatCompletions,
        sticky: Some(StickyInput { key: subject, binding: None }),
        hard: None,
        health: &AllHealthy,
        credentials: &AllUsable,
        tried: &[],
        now: at(0),
        seed: 0,
    });
    plan.first().map(|first| name(snapshot, first))
}

/// A binding of `route`, made and last used at minute 0.
pub(crate) fn binding(route: &str, moved: bool) -> Binding {
    Binding {
        route_id: RouteId::new(route).unwrap(),
        host_id: HostId::new(&format!("h-{route}")).unwrap(),
        bound_at: at(0),
        expires_at: at(60),
        last_used_at: at(0),
        moved,
    }
}

pub(crate) fn name(snapshot: &Snapshot, index: RouteIndex) -> String {
    snapshot.route(index).route.id.to_string()
}

/// Ids of the candidates, in order.
pub(crate) fn order(snapshot: &Snapshot, plan: &Plan) -> Vec<String> {
    plan.candidates.iter().map(|candidate| name(snapshot, candidate.route)).collect()
}

/// `id: label` of the excluded.
pub(crate) fn excluded(snapshot: &Snapshot, plan: &Plan) -> Vec<String> {
    plan.excluded
        .iter()
        .map(|excluded| format!("{}: {}", name(snapshot, excluded.route), excluded.reason.as_str()))
        .collect()
}

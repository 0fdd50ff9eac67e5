//! How the fleet is, for people, and clearing what is left alone (docs/failure.md).

use std::collections::HashSet;
use std::time::{Duration, Instant};

use relay_domain::{HostId, RouteId, Timestamp};
use relay_health::{BreakerReport, CoolingReport, Extent, FlagReport, HostReport, RouteReport, Selection};
use relay_routing::Snapshot;
use relay_store::StoreError;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::Control;
use crate::audit::SHOWN;
use crate::page::{Key, PageRequest};
use crate::probing::ProbesView;

/// The states of a breaker.
pub const STATES: [&str; 3] = ["closed", "open", "half_open"];

/// What sorts hosts and routes: hosts first, and then the id.
pub type HealthKey = Key<(bool, String)>;

/// Which part of the fleet is asked about.
#[derive(Clone, Debug, Default)]
pub struct HealthFilter {
    /// Only this host, and the routes to it.
    pub host: Option<String>,
    /// Only this route, and its host.
    pub route: Option<String>,
    /// Only routes of this group, and their hosts.
    pub group: Option<String>,
    /// Only breakers in this state: one of [`STATES`].
    pub state: Option<&'static str>,
    /// Only what is not well.
    pub troubled: bool,
}

/// The health of hosts and routes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FleetHealth)]
pub struct FleetHealthView {
    /// By id.
    pub hosts: Vec<HostHealthView>,
    /// By id, after all hosts.
    pub routes: Vec<RouteHealthView>,
    /// Where to go on; null at the end.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// What probes have cost.
    pub probes: ProbesView,
}

/// The health of a host.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = HostHealth)]
pub struct HostHealthView {
    /// Which.
    pub host_id: String,
    /// The breaker for connects, and for all its routes failing together.
    #[serde(flatten)]
    pub breaker: BreakerView,
    /// It refuses our address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub address_banned: Option<CoolingView>,
}

/// The health of a route.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RouteHealth)]
pub struct RouteHealthView {
    /// Which.
    pub route_id: String,
    /// Its host.
    pub host_id: String,
    /// Its breaker.
    #[serde(flatten)]
    pub breaker: BreakerView,
    /// Credentials that are not sent on it now.
    pub credentials: Vec<CoolingView>,
    /// `misconfigured`, `drift`.
    pub flags: Vec<FlagView>,
    /// Usable answers of the last five minutes.
    pub succeeded: u32,
    /// Failures of the last five minutes.
    pub failed: u32,
    /// Median time to the first output, in milliseconds.
    #[schema(required)]
    pub ttft_ms_p50: Option<u64>,
    /// The same of the slowest in a hundred.
    #[schema(required)]
    pub ttft_ms_p99: Option<u64>,
    /// When an attempt on it ended last.
    #[schema(required)]
    pub last_used_at: Option<Timestamp>,
}

/// A breaker.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Breaker)]
pub struct BreakerView {
    /// `closed`, `open` or `half_open`.
    pub state: &'static str,
    /// `consecutive`, `rate` or `together`.
    #[schema(required)]
    pub opened_by: Option<&'static str>,
    /// The class of the failures.
    #[schema(required)]
    pub class: Option<&'static str>,
    /// When it opened first.
    #[schema(required)]
    pub since: Option<Timestamp>,
    /// When a request may try it again.
    #[schema(required)]
    pub expected_back: Option<Timestamp>,
}

/// A cool-down.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CoolDown)]
pub struct CoolingView {
    /// Names the key without holding it; equal for the same key everywhere.
    pub credential: String,
    /// `rate_limited`, `quota`, `refused` or `address_banned`.
    pub reason: &'static str,
    /// What of a quota is used up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub quota: Option<&'static str>,
    /// The first refusal since the last success.
    pub since: Timestamp,
    /// When it may be used again.
    pub expected_back: Timestamp,
}

/// A flag of a route.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RouteFlag)]
pub struct FlagView {
    /// `misconfigured` or `drift`.
    pub flag: &'static str,
    /// Since when.
    pub since: Timestamp,
}

/// What was cleared.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Cleared)]
pub struct ClearedView {
    /// Routes that were left alone, in the order in which they may be tried again.
    pub routes: Vec<String>,
    /// Hosts.
    pub hosts: Vec<String>,
}

/// What cannot be cleared.
#[derive(Debug, thiserror::Error)]
pub enum ClearError {
    /// There is no such route.
    #[error("there is no route \"{0}\"")]
    NoRoute(String),
    /// There is no such host.
    #[error("there is no host \"{0}\"")]
    NoHost(String),
    /// The audit trail could not be written; nothing was cleared.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Control {
    /// Every host and route with its state, since when, why, and when it is expected back.
    pub fn fleet_health(&self, filter: &HealthFilter) -> FleetHealthView {
        let extent = Extent { host: filter.host.as_deref(), route: filter.route.as_deref(), troubled: filter.troubled };
        let report = self.parts.health.report_of(extent, Instant::now(), self.now());
        let mut health = FleetHealthView {
            hosts: report.hosts.into_iter().map(Into::into).collect(),
            routes: report.routes.into_iter().map(Into::into).collect(),
            next_cursor: None,
            probes: self.probes(),
        };
        if let Some(group) = &filter.group {
            health.keep_group(&self.snapshot(), group);
        }
        if let Some(state) = filter.state {
            health.hosts.retain(|host| host.breaker.state == state);
            health.routes.retain(|route| route.breaker.state == state);
        }
        health
    }

    /// A page of the same: first hosts by id, then routes by id.
    pub fn fleet_health_page(&self, filter: &HealthFilter, request: &PageRequest<HealthKey>) -> FleetHealthView {
        let mut health = self.fleet_health(filter);
        health.hosts.retain(|host| request.is_ahead(&(false, host.host_id.clone())));
        health.routes.retain(|route| request.is_ahead(&(true, route.route_id.clone())));
        let is_more = health.hosts.len() + health.routes.len() > request.limit;
        health.hosts.truncate(request.limit);
        health.routes.truncate(request.limit - health.hosts.len());
        let last_host = health.hosts.last().map(|host| (false, &host.host_id));
        let last = health.routes.last().map(|route| (true, &route.route_id)).or(last_host);
        health.next_cursor = last.filter(|_| is_more).map(|last| Key(last).to_string());
        health
    }

    /// Clears what is left alone; several are spread over time unless `at_once`. Audited.
    ///
    /// # Errors
    /// See [`ClearError`].
    pub async fn clear_cooldowns(
        &self,
        route: Option<&str>,
        host: Option<&str>,
        at_once: bool,
        actor: &str,
    ) -> Result<ClearedView, ClearError> {
        let snapshot = self.snapshot();
        let route = route
            .map(|id| {
                let known = RouteId::new(id).ok().filter(|_| snapshot.route_by_id(id).is_some());
                known.ok_or_else(|| ClearError::NoRoute(id.to_owned()))
            })
            .transpose()?;
        let host = host
            .map(|id| {
                let known = HostId::new(id).ok().filter(|_| snapshot.hosts().iter().any(|host| host.id.as_str() == id));
                known.ok_or_else(|| ClearError::NoHost(id.to_owned()))
            })
            .transpose()?;
        let selection = Selection { route, host, at_once };
        let before = self.fleet_health(&HealthFilter {
            host: selection.host.as_ref().map(ToString::to_string),
            route: selection.route.as_ref().map(ToString::to_string),
            troubled: true,
            ..HealthFilter::default()
        });
        let before = json!({
            "hosts": before.hosts.iter().take(SHOWN).collect::<Vec<_>>(),
            "routes": before.routes.iter().take(SHOWN).collect::<Vec<_>>(),
            "omitted": before.hosts.len().saturating_sub(SHOWN) + before.routes.len().saturating_sub(SHOWN),
        });
        let details = json!({
            "route_id": selection.route.as_ref().map(RouteId::as_str),
            "host_id": selection.host.as_ref().map(HostId::as_str),
            "at_once": at_once,
            "before": before,
        });
        let route = selection.route.as_ref().map(|id| format!("route:{id}"));
        let subjects: Vec<String> =
            route.into_iter().chain(selection.host.as_ref().map(|id| format!("host:{id}"))).collect();
        let summary = "cleared cool-downs".to_owned();
        self.audit_about(&subjects, actor, "health.clear_cooldowns", summary, details).await?;
        let cleared = self.parts.health.clear(&selection, Instant::now());
        Ok(ClearedView {
            routes: cleared.routes.iter().map(ToString::to_string).collect(),
            hosts: cleared.hosts.iter().map(ToString::to_string).collect(),
        })
    }
}

impl Control {
    /// How many routes that may serve no request and no probe has tried since the server started.
    pub fn untried_routes(&self) -> usize {
        let in_force = self.in_force.load();
        let may_serve = in_force
            .snapshot
            .routes()
            .iter()
            .filter(|entry| entry.route.enabled && in_force.snapshot.host_at(entry.host).enabled);
        may_serve.filter(|entry| in_force.health.last_used(entry.index).is_none()).count()
    }
}

impl FleetHealthView {
    fn keep_group(&mut self, fleet: &Snapshot, group: &str) {
        let routes = fleet.routes().iter().map(|entry| &entry.route).filter(|route| route.group.as_str() == group);
        let (ids, hosts): (HashSet<&str>, HashSet<&str>) =
            routes.map(|route| (route.id.as_str(), route.host.as_str())).unzip();
        self.routes.retain(|route| ids.contains(route.route_id.as_str()));
        self.hosts.retain(|host| hosts.contains(host.host_id.as_str()));
    }
}

impl RouteHealthView {
    /// Whether a request or a probe has tried it since the server started.
    pub fn was_tried(&self) -> bool {
        self.last_used_at.is_some()
    }

    /// Whether there is nothing to tell of it.
    pub fn is_well(&self) -> bool {
        self.breaker.state == "closed" && self.credentials.is_empty() && self.flags.is_empty()
    }
}

impl From<HostReport> for HostHealthView {
    fn from(report: HostReport) -> Self {
        Self {
            host_id: report.host.to_string(),
            breaker: report.breaker.into(),
            address_banned: report.address_banned.map(|cooling| CoolingView::new("our address".to_owned(), cooling)),
        }
    }
}

impl From<RouteReport> for RouteHealthView {
    fn from(report: RouteReport) -> Self {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let cooling = report.credentials.into_iter();
        Self {
            route_id: report.route.to_string(),
            host_id: report.host.to_string(),
            breaker: report.breaker.into(),
            credentials: cooling.map(|(id, cooling)| CoolingView::new(format!("{:016x}", id.0), cooling)).collect(),
            flags: report.flags.into_iter().map(|FlagReport { flag, since }| FlagView { flag, since }).collect(),
            succeeded: report.succeeded,
            failed: report.failed,
            ttft_ms_p50: report.ttft_p50.map(millis),
            ttft_ms_p99: report.ttft_p99.map(millis),
            last_used_at: report.last_used,
        }
    }
}

impl From<BreakerReport> for BreakerView {
    fn from(report: BreakerReport) -> Self {
        let BreakerReport { state, opened_by, class, since, until } = report;
        Self { state, opened_by, class, since, expected_back: until }
    }
}

impl CoolingView {
    fn new(credential: String, report: CoolingReport) -> Self {
        let CoolingReport { reason, quota, since, until } = report;
        Self { credential, reason, quota, since, expected_back: until }
    }
}

//! The control plane as one value: the fleet in force, and what its use cases need.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use relay_bindings::BindingStore;
use relay_domain::{Budget, Clock, Fleet, Generation, Money, Timestamp};
use relay_health::{FleetHealth, GenerationHealth};
use relay_hosts::HostClient;
use relay_ledger::{Ledger, LedgerReader};
use relay_pricing::PriceTable;
use relay_routing::{Snapshot, StickySecret};
use relay_store::{Keyring, Store, StoreError};

use crate::fleet_document::SecretResolver;
use crate::hosts::{KeyLooks, WorkUnderWay};
use crate::managed::ManagedAccess;
use crate::notifications::Notifications;
use crate::probing::{ProbeSettings, Probed};
use crate::public_status::Past;
use crate::traffic::{Remembered, RememberedTimings, RouteSpans};

/// Hands a new generation and its health to the data plane; returns when it serves from it.
pub type Publisher = Box<dyn Fn(Arc<Snapshot>, Arc<GenerationHealth>) + Send + Sync>;

/// A budget of which much is used, as the data plane counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetUse {
    /// Whose, such as `key team-a`.
    pub of: String,
    /// What may be spent.
    pub budget: Budget,
    /// Tokens used in the present period.
    pub tokens: u64,
    /// What they are priced at.
    pub money: Money,
    /// Nothing is left.
    pub is_spent: bool,
    /// When it begins anew.
    pub ends_at: Timestamp,
}

/// Asks the data plane for the budgets of which so many percent are used.
pub type Budgets = Box<dyn Fn(u32) -> Vec<BudgetUse> + Send + Sync>;

/// Bounds of what the control plane does towards hosts.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time for one call to a host, from connecting to the end of its answer.
    pub time_limit: Duration,
    /// Largest answer of a host that is read, in bytes.
    pub max_answer_bytes: usize,
}

impl Default for Limits {
    /// 20 s (spec §3) and 32 MiB.
    fn default() -> Self {
        Self { time_limit: Duration::from_secs(20), max_answer_bytes: 32 * 1024 * 1024 }
    }
}

/// What a control plane is made of.
pub struct ControlParts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// Hashes keys and tokens.
    pub keyring: Arc<Keyring>,
    /// Sticky bindings, shared with the gateway.
    pub bindings: Arc<dyn BindingStore>,
    /// The decision log, shared with the gateway.
    pub ledger: Ledger,
    /// Connections to hosts, shared with the gateway.
    pub hosts: HostClient,
    /// Access to hosts that is obtained, shared with the gateway.
    pub managed: Arc<ManagedAccess>,
    /// The health of the fleet, shared with the gateway.
    pub health: Arc<FleetHealth>,
    /// What tokens are worth, shared with the gateway.
    pub prices: Arc<PriceTable>,
    /// How idle routes are probed.
    pub probe: ProbeSettings,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// Looks up the secret references of a fleet file that carry no value.
    pub resolver: Arc<dyn SecretResolver>,
    /// How budgets are used.
    pub budgets: Budgets,
    /// Told of each generation, the first one included.
    pub publish: Publisher,
    /// Seeds of plans: [`random_seed`], or fixed ones in tests.
    pub seed: fn() -> u64,
    /// Bounds towards hosts.
    pub limits: Limits,
}

/// A seed from the operating system.
pub fn random_seed() -> u64 {
    getrandom::u64().unwrap_or_else(|_| uuid::Uuid::now_v7().as_u64_pair().1)
}

/// A number from 0 to 1 from the operating system, to spread what would happen at one moment.
pub fn random_fraction() -> f64 {
    (random_seed() >> 11) as f64 / (1_u64 << 53) as f64
}

/// The fleet in force.
pub(crate) struct InForce {
    pub(crate) fleet: Fleet,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) health: Arc<GenerationHealth>,
}

impl InForce {
    pub(crate) fn new(fleet: Fleet, health: &FleetHealth) -> Self {
        let snapshot = Arc::new(Snapshot::build(&fleet));
        Self { health: health.generation(&snapshot), fleet, snapshot }
    }
}

/// The use cases of the control plane. Shared by the admin API and the binary.
pub struct Control {
    pub(crate) parts: ControlParts,
    pub(crate) in_force: ArcSwap<InForce>,
    pub(crate) reader: LedgerReader,
    pub(crate) sticky_secret: StickySecret,
    pub(crate) probed: Probed,
    pub(crate) notifications: Notifications,
    pub(crate) under_way: WorkUnderWay,
    pub(crate) key_looks: KeyLooks,
    pub(crate) remembered_traffic: Arc<Remembered>,
    pub(crate) route_spans: Arc<RouteSpans>,
    /// Held while sums are read that are not remembered yet.
    pub(crate) counting: Arc<tokio::sync::Mutex<()>>,
    pub(crate) past: Arc<Past>,
    pub(crate) remembered_timings: Arc<RememberedTimings>,
    /// One publication at a time.
    pub(crate) publishing: tokio::sync::Mutex<()>,
    /// One replay of the log at a time.
    pub(crate) replaying: tokio::sync::Mutex<()>,
}

impl Control {
    /// Loads the fleet and publishes it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn new(parts: ControlParts) -> Result<Self, StoreError> {
        let in_force = InForce::new(parts.store.fleet().await?, &parts.health);
        parts.managed.put_hosts(&in_force.fleet.hosts);
        (parts.publish)(Arc::clone(&in_force.snapshot), Arc::clone(&in_force.health));
        Ok(Self {
            in_force: ArcSwap::from_pointee(in_force),
            reader: parts.ledger.reader(),
            sticky_secret: StickySecret(parts.keyring.sticky_secret()),
            probed: Probed::default(),
            notifications: Notifications::new(&parts),
            under_way: WorkUnderWay::default(),
            key_looks: KeyLooks::default(),
            remembered_traffic: Arc::default(),
            route_spans: Arc::default(),
            counting: Arc::default(),
            past: Arc::default(),
            remembered_timings: Arc::default(),
            publishing: tokio::sync::Mutex::new(()),
            replaying: tokio::sync::Mutex::new(()),
            parts,
        })
    }

    /// The generation in force.
    pub fn generation(&self) -> Generation {
        self.in_force.load().fleet.generation
    }

    /// The index of the generation in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.in_force.load().snapshot)
    }

    /// `memory`, `sqlite` or `redis`: where bindings are kept.
    pub fn backend(&self) -> &'static str {
        self.parts.bindings.backend()
    }

    /// Now, as exactly as it is stored: an answer and a later list show the same time.
    pub fn now(&self) -> Timestamp {
        let now = self.parts.clock.now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// Until when the log is filed: what was written later is in no list and no sum yet. Sums of an hour are final by
    /// this time, not by the clock, which goes on while filing fails.
    pub(crate) fn filed_until(&self) -> Timestamp {
        let (now, lag) = (self.now(), Duration::from_millis(self.parts.ledger.stats().lag_ms));
        now.checked_sub(lag).unwrap_or(now)
    }
}

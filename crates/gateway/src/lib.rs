//! The data plane: one OpenAI-compatible endpoint in front of the fleet.
//!
//! A request passes through five rooms, each a module: it is *admitted*
//! (`admit`: credential, body, facts, plan, intent row), *attempted* on
//! candidates in order (`attempt`, walked by `run`), *committed* to one
//! answer (`commit`), *streamed* (`stream`) and *settled* (`exchange`).
//! `run` is the one place where another host is tried.
//!
//! It reads an in-memory snapshot, knows no database and no admin API, holds no
//! lock across an await, and copies bodies only to put another model name in.
#![forbid(unsafe_code)]

mod access_log;
mod admit;
mod alarm;
mod answer;
mod attempt;
mod auth;
mod budgets;
mod buffers;
mod carried;
mod charge;
mod client;
mod coding;
mod commit;
mod consumers;
mod credentials;
mod error;
mod estimate;
mod exchange;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod headers;
mod host_body;
mod inside;
mod intake;
mod lanes;
mod limit_fields;
mod limits;
mod listener;
mod metrics;
mod models;
mod options;
mod percent;
mod record;
mod reply;
mod request_id;
mod reshape;
mod retries;
mod router;
mod run;
mod serving;
mod splice;
mod sticky;
mod stream;
mod subject;
mod surface;
mod trace;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
pub use budgets::BudgetUse;
use buffers::Buffers;
use inside::Entrance;
pub use inside::InsideCaller;
use relay_bindings::BindingStore;
use relay_domain::{Clock, KeyHash, Timestamp};
use relay_health::GenerationHealth;
use relay_hosts::HostClient;
use relay_hosts::managed::ManagedKeys;
use relay_ledger::Ledger;
pub use relay_limits::Used;
use relay_pricing::PriceTable;
use relay_routing::{Snapshot, StickySecret};
use relay_traces::Tracer;
use tokio::sync::Semaphore;

pub use carried::CarriedLimits;
use limits::Clocks;
pub use listener::Shutdown;
use metrics::Meters;
pub use options::GatewayOptions;
use retries::Retries;
use serving::{AllGates, Serving};

/// Keyed hash of a presented consumer key (spec §6).
pub type KeyHasher = Arc<dyn Fn(&str) -> KeyHash + Send + Sync>;

/// What a gateway is made of.
pub struct GatewayParts {
    /// The generation to begin with.
    pub snapshot: Arc<Snapshot>,
    /// Sticky bindings.
    pub bindings: Arc<dyn BindingStore>,
    /// The decision log.
    pub ledger: Ledger,
    /// Connections to hosts.
    pub hosts: HostClient,
    /// The health of its routes.
    pub health: Arc<GenerationHealth>,
    /// What tokens are worth.
    pub prices: Arc<PriceTable>,
    /// Keys of routes with `credential = "managed"`.
    pub managed: Arc<dyn ManagedKeys>,
    /// Where spans go; `None` traces nothing.
    pub tracer: Option<Tracer>,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// Hashes consumer keys.
    pub hash_key: KeyHasher,
    /// Hashes subjects; shared by all replicas.
    pub sticky_secret: StickySecret,
    /// Limits and times.
    pub options: GatewayOptions,
    /// The steps of a shutdown.
    pub shutdown: Shutdown,
}

/// The data plane. Shared by all connections.
pub struct Gateway {
    serving: ArcSwap<Serving>,
    /// Generations that requests in flight may still be served from.
    retired: Mutex<Vec<Arc<Serving>>>,
    bindings: Arc<dyn BindingStore>,
    ledger: Ledger,
    hosts: HostClient,
    managed: Arc<dyn ManagedKeys>,
    retries: Arc<Retries>,
    buffers: Arc<Buffers>,
    gates: AllGates,
    meters: Arc<Meters>,
    /// Connections of this process itself.
    entrance: Entrance,
    /// One for each client connection that may still be opened.
    places: Arc<Semaphore>,
    limit_clocks: Arc<Clocks>,
    prices: Arc<PriceTable>,
    tracer: Option<Tracer>,
    clock: Arc<dyn Clock>,
    hash_key: KeyHasher,
    sticky_secret: StickySecret,
    options: GatewayOptions,
    shutdown: Shutdown,
}

impl Gateway {
    /// Puts the parts together; nothing listens until [`Gateway::serve`].
    pub fn new(parts: GatewayParts) -> Self {
        let gates = AllGates::default();
        let meters = Arc::new(Meters::default());
        let serving = Serving::new(parts.snapshot, parts.health, &parts.hosts, &gates, &meters);
        Self {
            serving: ArcSwap::from_pointee(serving),
            retired: Mutex::default(),
            gates,
            meters,
            entrance: Entrance::default(),
            places: Arc::new(Semaphore::new(parts.options.max_connections)),
            limit_clocks: Arc::new(Clocks::new(Arc::clone(&parts.clock))),
            prices: parts.prices,
            tracer: parts.tracer,
            bindings: parts.bindings,
            ledger: parts.ledger,
            hosts: parts.hosts,
            managed: parts.managed,
            retries: Arc::new(Retries::new(parts.options.retry_percent)),
            buffers: Buffers::new(parts.options.max_buffered),
            clock: parts.clock,
            hash_key: parts.hash_key,
            sticky_secret: parts.sticky_secret,
            options: parts.options,
            shutdown: parts.shutdown,
        }
    }

    /// Serves new requests from `snapshot`, whose health is `health`; those in flight keep
    /// the generation that they began with.
    pub fn publish(&self, snapshot: Arc<Snapshot>, health: Arc<GenerationHealth>) {
        let serving = Serving::new(snapshot, health, &self.hosts, &self.gates, &self.meters);
        let before = self.serving.swap(Arc::new(serving));
        self.retired().push(before);
        self.gates.forget_unused();
    }

    /// Lets go of generations that no request is served from any more, and closes connections to hosts that have
    /// been idle for long; to be called every few seconds.
    ///
    /// A generation has many thousand pieces: whichever request was its last would be late with its answer.
    pub fn tidy(&self) {
        let (kept, unused) =
            std::mem::take(&mut *self.retired()).into_iter().partition(|one| Arc::strong_count(one) > 1);
        self.retired().extend::<Vec<_>>(kept);
        drop::<Vec<_>>(unused);
        self.hosts.drop_stale();
    }

    fn retired(&self) -> MutexGuard<'_, Vec<Arc<Serving>>> {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what the log says that a consumer of a group used in the hour of `arrived`, and that this process has not
    /// counted itself: each roll-up of the present day, week and month before [`Gateway::serve`], and after it
    /// what a process before this one still writes.
    pub fn restore(&self, consumer: &str, group: &str, arrived: Timestamp, used: Used) {
        let now = self.clock.now();
        self.gates.keys.of(&consumer.into()).restore(arrived, used, now);
        self.gates.groups.of(&group.into()).restore(arrived, used, now);
    }

    /// The generation new requests are served from.
    pub fn generation(&self) -> u64 {
        self.serving.load().snapshot.generation()
    }

    pub(crate) fn options(&self) -> &GatewayOptions {
        &self.options
    }

    pub(crate) fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }
}

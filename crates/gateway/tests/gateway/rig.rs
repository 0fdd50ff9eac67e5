//! A gateway on a free port, in front of scripted hosts, with a fleet made of
//! domain structs, a log in a directory of its own and bindings in memory.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use relay_bindings::{BindingEntry, BindingFilter, BindingStore, MemoryBindings};
use relay_domain::{
    BaseUrl, Clock, ConsumerKey, CredentialMode, Fleet, Group, GroupId, Host, HostId, HostKind, KeyHash, KeyId,
    ManualClock, ModelPattern, Route, RouteCost, RouteId, Scope, Secret, SecretSource, StoredSecret,
};
use relay_gateway::{Gateway, GatewayOptions, GatewayParts, Shutdown};
use relay_health::{BreakerSettings, CredentialId, FleetHealth, HostReport, RouteReport, Selection};
use relay_hosts::managed::{ManagedKeys, NoManagedKeys};
use relay_hosts::{ClientOptions, HostClient};
use relay_ledger::{Decision, Filter, Ledger, LedgerOptions};
use relay_pricing::PriceTable;
use relay_routing::{Ending, Snapshot, StickySecret, classify};
use relay_testkit::{FakeHost, FakeHostBuilder, PATIENCE, Reply};
use relay_traces::Settings;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::client::{Call, Connection, Wire};

/// The public model of every rig.
pub(crate) const MODEL: &str = "gpt-5";
/// The secret of consumer `team-a`, which calls unless a test says otherwise.
pub(crate) const KEY: &str = "rk-canary-team-a";
/// The secret of consumer `team-b`.
pub(crate) const OTHER_KEY: &str = "rk-canary-team-b";

/// Awaits `event`, or panics naming it.
pub(crate) async fn patiently<T>(what: &str, event: impl Future<Output = T>) -> T {
    let Ok(outcome) = tokio::time::timeout(PATIENCE, event).await else {
        panic!("waited {PATIENCE:?} in vain for {what}");
    };
    outcome
}

/// The key that the shared route of host `index` sends.
pub(crate) fn host_key(index: usize) -> String {
    format!("sk-canary-host-{}", index + 1)
}

type Edit<T> = Box<dyn FnOnce(&mut T) + Send>;

/// What a rig is to be.
#[must_use]
pub(crate) struct Setup {
    hosts: Vec<FakeHostBuilder>,
    fleet: Vec<Edit<Fleet>>,
    options: GatewayOptions,
    ledger: Vec<Edit<LedgerOptions>>,
    breaker: BreakerSettings,
    connect_timeout: Duration,
    managed: Arc<dyn ManagedKeys>,
    tracing: Option<Settings>,
    threads: usize,
}

impl Setup {
    /// Hosts `host-1` … with a route each, `route-1` …, in tiers of their own, so that they are tried in this order.
    pub(crate) fn hosts(count: usize) -> Self {
        let host = |index| FakeHost::builder().name(&format!("host-{}", index + 1)).key(&host_key(index));
        Self {
            hosts: (0..count).map(host).collect(),
            fleet: Vec::new(),
            options: GatewayOptions::default(),
            ledger: Vec::new(),
            breaker: BreakerSettings::default(),
            connect_timeout: ClientOptions::default().connect_timeout,
            managed: Arc::new(NoManagedKeys),
            tracing: None,
            threads: 0,
        }
    }

    /// Clients are served by so many threads, not by the test's own.
    pub(crate) fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Spans go where these settings say.
    pub(crate) fn traced(self, settings: Settings) -> Self {
        Self { tracing: Some(settings), ..self }
    }

    /// Changes the fleet before it is published.
    pub(crate) fn fleet(mut self, edit: impl FnOnce(&mut Fleet) + Send + 'static) -> Self {
        self.fleet.push(Box::new(edit));
        self
    }

    /// The hosts call the model by another name.
    pub(crate) fn shadow_model(self, name: &'static str) -> Self {
        self.fleet(move |fleet| fleet.routes.iter_mut().for_each(|route| name.clone_into(&mut route.shadow_model)))
    }

    /// All routes in one tier, of equal weight.
    pub(crate) fn one_tier(self) -> Self {
        self.fleet(|fleet| fleet.routes.iter_mut().for_each(|route| route.priority = 1))
    }

    pub(crate) fn scope(self, scope: Scope) -> Self {
        self.fleet(move |fleet| fleet.groups[0].sticky.scope = scope)
    }

    pub(crate) fn options(mut self, edit: impl FnOnce(&mut GatewayOptions)) -> Self {
        edit(&mut self.options);
        self
    }

    pub(crate) fn ledger(mut self, edit: impl FnOnce(&mut LedgerOptions) + Send + 'static) -> Self {
        self.ledger.push(Box::new(edit));
        self
    }

    /// No breaker opens however much a test lets its hosts fail.
    pub(crate) fn forgiving(self) -> Self {
        self.breaker(|settings| (settings.consecutive_failures, settings.minimum_requests) = (u32::MAX, u32::MAX))
    }

    pub(crate) fn breaker(mut self, edit: impl FnOnce(&mut BreakerSettings)) -> Self {
        edit(&mut self.breaker);
        self
    }

    pub(crate) fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// Every route sends a managed key, and `keys` has them.
    pub(crate) fn managed(mut self, keys: Arc<dyn ManagedKeys>) -> Self {
        self.managed = keys;
        self.fleet(|fleet| {
            fleet.routes.iter_mut().for_each(|route| {
                route.credential = CredentialMode::Managed;
                "7".clone_into(&mut route.shadow_group);
            });
            fleet.keys[0].subscription_user = Some("team-a@relay.example".to_owned());
        })
    }

    pub(crate) async fn start(self) -> Rig {
        let mut hosts = Vec::new();
        for host in self.hosts {
            hosts.push(host.start().await);
        }
        let mut fleet = fleet_of(&hosts);
        self.fleet.into_iter().for_each(|edit| edit(&mut fleet));

        let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("is a time")));
        let dir = tempfile::tempdir().expect("makes a directory");
        let mut options = LedgerOptions { stall_limit: PATIENCE, ..LedgerOptions::new(dir.path().join("log")) };
        self.ledger.into_iter().for_each(|edit| edit(&mut options));
        let ledger = Ledger::open(options, clock.now()).expect("opens the log");
        let bindings = Arc::new(MemoryBindings::new(10_000));
        let shutdown = Shutdown::default();
        let health = Arc::new(FleetHealth::new(self.breaker, Instant::now()));
        let http = HostClient::new(ClientOptions { connect_timeout: self.connect_timeout }).expect("has TLS");
        let (tracer, exporter) = self.tracing.map(|settings| relay_traces::tracer(settings, http.clone())).unzip();
        if let Some(exporter) = exporter {
            tokio::spawn(exporter.run(std::future::pending()));
        }
        let snapshot = Arc::new(Snapshot::build(&fleet));
        let gateway = Arc::new(Gateway::new(GatewayParts {
            health: health.generation(&snapshot),
            snapshot,
            bindings: Arc::clone(&bindings) as Arc<dyn BindingStore>,
            ledger: ledger.clone(),
            hosts: http,
            prices: Arc::new(PriceTable::list()),
            managed: self.managed,
            tracer,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            hash_key: Arc::new(hash_key),
            sticky_secret: StickySecret([7; 32]),
            options: self.options,
            shutdown: shutdown.clone(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("has an address");
        let thread = || Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("starts a runtime");
        let threads: Vec<_> = (0..self.threads).map(|_| thread()).collect();
        let handles = threads.iter().map(|runtime| runtime.handle().clone()).collect();
        let serving = tokio::spawn(Arc::clone(&gateway).serve(listener, handles));
        Rig { hosts, gateway, address, clock, ledger, bindings, health, shutdown, fleet, serving, threads, dir }
    }
}

/// A running gateway with its surroundings. Dropping it ends everything.
pub(crate) struct Rig {
    pub(crate) hosts: Vec<FakeHost>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ledger: Ledger,
    pub(crate) bindings: Arc<MemoryBindings>,
    pub(crate) health: Arc<FleetHealth>,
    pub(crate) shutdown: Shutdown,
    fleet: Fleet,
    serving: JoinHandle<()>,
    threads: Vec<Runtime>,
    dir: TempDir,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.serving.abort();
        self.threads.drain(..).for_each(Runtime::shutdown_background);
    }
}

impl Rig {
    /// `POST /v1/chat/completions` by `team-a`, with this body.
    pub(crate) fn chat(&self, body: impl Into<bytes::Bytes>) -> Call {
        Call::new(self.address, "POST", "/v1/chat/completions")
            .key(KEY)
            .header("content-type", "application/json")
            .body(body)
    }

    /// A request whose only message is `prompt`.
    pub(crate) fn say(&self, prompt: &str) -> Call {
        self.chat(request(prompt, false))
    }

    /// The same, streamed.
    pub(crate) fn stream(&self, prompt: &str) -> Call {
        self.chat(request(prompt, true))
    }

    /// A request without a body by `team-a`.
    pub(crate) fn call(&self, method: &str, target: &str) -> Call {
        Call::new(self.address, method, target).key(KEY)
    }

    /// A connection to send several requests over.
    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// A bare socket.
    pub(crate) async fn wire(&self) -> Wire {
        Wire::connect(self.address).await
    }

    /// Publishes the next generation.
    pub(crate) fn publish(&mut self, edit: impl FnOnce(&mut Fleet)) {
        self.fleet.generation += 1;
        edit(&mut self.fleet);
        let snapshot = Arc::new(Snapshot::build(&self.fleet));
        let health = self.health.generation(&snapshot);
        self.gateway.publish(snapshot, health);
    }

    /// The decision of a request, once it has its outcome.
    pub(crate) async fn decision(&self, request_id: &str) -> Decision {
        let reader = self.ledger.reader();
        let ended = async {
            loop {
                self.ledger.settle().await;
                let (reader, id) = (reader.clone(), request_id.to_owned());
                let found = tokio::task::spawn_blocking(move || reader.get(&id)).await.expect("does not panic");
                match found.expect("reads") {
                    Some(decision) if decision.verdict != "open" => return decision,
                    _ => tokio::task::yield_now().await,
                }
            }
        };
        patiently(&format!("the outcome of {request_id}"), ended).await
    }

    /// All decisions so far, newest first.
    pub(crate) async fn decisions(&self) -> Vec<Decision> {
        self.ledger.settle().await;
        let reader = self.ledger.reader();
        let listed =
            tokio::task::spawn_blocking(move || reader.list_within(PATIENCE, &Filter::default(), None, 1000)).await;
        listed.expect("does not panic").expect("lists").items
    }

    /// All bindings.
    pub(crate) async fn bound(&self) -> Vec<BindingEntry> {
        self.bindings.list(&BindingFilter::default(), None, 1000, self.clock.now()).await.items
    }

    /// The one binding's route.
    pub(crate) async fn bound_route(&self) -> String {
        let bound = self.bound().await;
        assert_eq!(bound.len(), 1, "{bound:?}");
        bound[0].binding.route_id.to_string()
    }

    /// Lets attempts on a route fail until its breaker opens, without sending any.
    pub(crate) fn break_route(&self, id: &str) {
        let snapshot = Snapshot::build(&self.fleet);
        let health = self.health.generation(&snapshot);
        let route = snapshot.route_by_id(id).expect("is there");
        let failure = classify(&Ending::NoOutput);
        while let Ok(permit) = health.admit(route, CredentialId(0), Instant::now()) {
            permit.ended(&failure, Instant::now());
        }
    }

    /// As an operator does who knows better.
    pub(crate) fn clear_cooldowns(&self) {
        self.health.clear(&Selection { at_once: true, ..Selection::default() }, Instant::now());
    }

    /// How a route is.
    pub(crate) fn route_health(&self, id: &str) -> RouteReport {
        let report = self.health.report(Instant::now(), self.clock.now());
        report.routes.into_iter().find(|route| route.route.as_str() == id).expect("is there")
    }

    /// How a host is.
    pub(crate) fn host_health(&self, id: &str) -> HostReport {
        let report = self.health.report(Instant::now(), self.clock.now());
        report.hosts.into_iter().find(|host| host.host.as_str() == id).expect("is there")
    }

    /// How many relay calls each host has seen.
    pub(crate) fn calls(&self) -> Vec<usize> {
        self.hosts.iter().map(|host| host.received().len()).collect()
    }

    /// How many clients' connections each of its threads drives.
    pub(crate) fn connections_of_threads(&self) -> Vec<usize> {
        self.threads.iter().map(|runtime| runtime.metrics().num_alive_tasks()).collect()
    }

    /// Where the log is.
    pub(crate) fn log_dir(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Every byte that the log has on disk, by file.
    pub(crate) fn log_bytes(&self) -> Vec<(String, Vec<u8>)> {
        let files = std::fs::read_dir(self.log_dir()).expect("lists the log");
        files
            .map(|file| file.expect("is a file").path())
            .map(|path| (path.display().to_string(), std::fs::read(&path).expect("reads")))
            .collect()
    }

    /// Waits until the gateway has stopped serving.
    pub(crate) async fn stopped(&mut self) {
        patiently("the gateway to stop", &mut self.serving).await.expect("does not panic");
    }
}

/// A request body with one user message.
pub(crate) fn request(prompt: &str, stream: bool) -> String {
    serde_json::json!({"model": MODEL, "messages": [{"role": "user", "content": prompt}], "stream": stream}).to_string()
}

/// The same, streamed, by a client that wants to know its usage.
pub(crate) fn counted(prompt: &str) -> String {
    let messages = serde_json::json!([{"role": "user", "content": prompt}]);
    let options = serde_json::json!({"include_usage": true});
    serde_json::json!({"model": MODEL, "messages": messages, "stream": true, "stream_options": options}).to_string()
}

fn hash_key(secret: &str) -> KeyHash {
    KeyHash(*blake3::hash(secret.as_bytes()).as_bytes())
}

fn fleet_of(hosts: &[FakeHost]) -> Fleet {
    let group = GroupId::new("gpt").expect("is an id");
    Fleet {
        generation: 1,
        hosts: hosts.iter().enumerate().map(|(index, host)| host_at(index, &host.base_url())).collect(),
        groups: vec![Group::new(group)],
        routes: (0..hosts.len()).map(route).collect(),
        keys: vec![consumer("team-a", KEY), consumer("team-b", OTHER_KEY)],
    }
}

/// A host of the fleet, by its place in it.
pub(crate) fn host_at(index: usize, base_url: &str) -> Host {
    Host {
        id: HostId::new(&format!("host-{}", index + 1)).expect("is an id"),
        kind: HostKind::Sub2api,
        base_url: BaseUrl::parse(base_url).expect("is a URL"),
        allow_private: true,
        enabled: true,
        admin: None,
        gateway_key: Some(StoredSecret { secret: Secret::new(&host_key(index)), source: SecretSource::Value }),
        ask_usage: true,
    }
}

/// The route to host `index`.
pub(crate) fn route(index: usize) -> Route {
    let id = format!("route-{}", index + 1);
    Route {
        id: RouteId::new(&id).expect("is an id"),
        name: id,
        group: GroupId::new("gpt").expect("is an id"),
        public_model: ModelPattern::Exact(MODEL.to_owned()),
        host: HostId::new(&format!("host-{}", index + 1)).expect("is an id"),
        shadow_group: "7".to_owned(),
        shadow_model: String::new(),
        priority: index as u32 + 1,
        weight: 100,
        credential: CredentialMode::HostKey,
        enabled: true,
        cost: RouteCost::default(),
    }
}

/// A consumer that may call the one group.
pub(crate) fn consumer(id: &str, secret: &str) -> ConsumerKey {
    ConsumerKey {
        groups: [GroupId::new("gpt").expect("is an id")].into(),
        ..ConsumerKey::new(KeyId::new(id).expect("is an id"), hash_key(secret))
    }
}

/// What `host-1` writes for a body, read without a gateway in between.
pub(crate) async fn as_written(reply: Reply, body: &str) -> String {
    as_written_by("host-1", reply, body).await
}

/// What a host of that name writes for its first request.
pub(crate) async fn as_written_by(name: &str, reply: Reply, body: &str) -> String {
    let twin = FakeHost::builder().name(name).default_reply(reply).start().await;
    let call = Call::new(twin.address(), "POST", "/v1/chat/completions").key("any").body(body.to_owned());
    call.send().await.text().await
}

impl Rig {
    /// Forgets every binding.
    pub(crate) async fn bindings_purge(&self) {
        self.bindings.purge(&BindingFilter::default()).await;
    }
}

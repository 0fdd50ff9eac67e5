//! A host, a database, and managed access over both, which can be dropped and opened again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use relay_control::managed::{ManagedAccess, ManagedParts, Policy};
use relay_domain::{
    AdminAccess, BaseUrl, Clock, Host, HostId, HostKind, Secret, SecretSource, StoredSecret, Timestamp,
};
use relay_hosts::admin::AdminClients;
use relay_hosts::managed::{Lookup, ManagedKey, ManagedKeys as _, Unobtainable, Wanted};
use relay_hosts::{ClientOptions, HostClient};
use relay_store::{EventFilter, GrantName, Keyring, MasterKey, SqliteStore, Store, open_sqlite};
use relay_testkit::{FakeGroup, FakeHost, FakeHostBuilder, FakeKey, FakeSubscription, FakeUser, Personality};
use tokio::task::JoinHandle;

pub(crate) const BOTH: [Personality; 2] = [Personality::S, Personality::N];
pub(crate) const ADMIN_KEY: &str = "admin-0123456789abcdef0123456789abcdef";
pub(crate) const USER: &str = "team-a@relay.example";
pub(crate) const GROUP: i64 = 7;
pub(crate) const POOL: &str = "gpt-pool";

/// What a minute of calls is here: a real one would make the third test of a file wait.
pub(crate) const WINDOW: Duration = Duration::from_millis(60);

/// How long a test waits for a key: far beyond what it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The machine's clock with an offset, so that the host's and ours can be moved together.
#[derive(Debug, Default)]
pub(crate) struct Skewed(AtomicI64);

impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn builder(personality: Personality) -> FakeHostBuilder {
    let host = FakeHost::builder().personality(personality).admin_key(ADMIN_KEY);
    host.group(FakeGroup::new(GROUP, POOL)).group(FakeGroup::new(8, "standard").standard())
}

pub(crate) fn host_id() -> HostId {
    HostId::new("tokyo-1").unwrap()
}

pub(crate) fn entry(host: &FakeHost) -> Host {
    let key = StoredSecret { secret: Secret::new(ADMIN_KEY), source: SecretSource::Value };
    Host {
        id: host_id(),
        kind: HostKind::Sub2api,
        base_url: BaseUrl::parse(&host.base_url()).unwrap(),
        allow_private: true,
        enabled: true,
        admin: Some(AdminAccess::Key(key)),
        gateway_key: None,
        ask_usage: true,
    }
}

/// Times of a worker that does not wait for anything.
pub(crate) fn quick() -> Policy {
    Policy {
        pause: Duration::from_millis(1),
        first_backoff: Duration::from_millis(20),
        longest_backoff: Duration::from_millis(200),
        poll: Duration::from_millis(5),
        ..Policy::default()
    }
}

pub(crate) struct World {
    pub(crate) host: FakeHost,
    pub(crate) clock: Arc<Skewed>,
    pub(crate) policy: Policy,
    pub(crate) jitter: fn() -> f64,
    /// What a minute of calls is.
    pub(crate) window: Duration,
    pub(crate) directory: tempfile::TempDir,
}

/// Managed access that runs.
pub(crate) struct Running {
    pub(crate) access: Arc<ManagedAccess>,
    pub(crate) store: Arc<SqliteStore>,
    worker: JoinHandle<()>,
}

impl World {
    pub(crate) async fn new(personality: Personality) -> Self {
        Self::over(builder(personality).start().await)
    }

    pub(crate) fn over(host: FakeHost) -> Self {
        let clock = Arc::new(Skewed::default());
        Self { host, clock, policy: quick(), jitter: || 0.5, window: WINDOW, directory: tempfile::tempdir().unwrap() }
    }

    /// Opens the database as a process that starts does.
    pub(crate) async fn open(&self) -> Running {
        let keyring = Arc::new(Keyring::new(&MasterKey::from_bytes([7; 32])));
        let store = open_sqlite(&self.directory.path().join("relay.db"), Arc::clone(&keyring)).await.unwrap();
        let store = Arc::new(store);
        let http = HostClient::new(ClientOptions::default()).unwrap();
        let parts = ManagedParts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            keyring,
            clients: AdminClients::new(http).with_window(self.window),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            policy: self.policy,
            jitter: self.jitter,
        };
        let (access, worker) = ManagedAccess::open(parts).await.unwrap();
        access.put_hosts(&[entry(&self.host)]);
        let worker = tokio::spawn(worker.run(std::future::pending()));
        Running { access, store, worker }
    }

    /// Moves our clock and the host's.
    pub(crate) fn pass(&self, time: SignedDuration) {
        self.clock.0.fetch_add(time.as_secs(), Ordering::SeqCst);
        self.host.panel(|panel| panel.clock_skew += time);
    }

    /// Calls of the panel so far: `POST /api/v1/keys`.
    pub(crate) fn calls(&self, method: &str, path: &str) -> usize {
        self.host.calls(method, path)
    }

    /// Writes of the panel so far.
    pub(crate) fn writes(&self) -> Vec<String> {
        let received = self.host.received();
        let writes = received.iter().filter(|request| request.method != "GET" && !request.path().contains("/auth/"));
        // Probing asks for what cannot exist.
        let real = writes.filter(|request| !request.path().contains("/0") && !request.path().contains("no-host"));
        real.map(|request| format!("{} {}", request.method, request.path())).collect()
    }

    pub(crate) fn users(&self) -> Vec<FakeUser> {
        self.host.panel(|panel| panel.users.iter().filter(|user| !user.admin && !user.deleted).cloned().collect())
    }

    pub(crate) fn subscriptions(&self) -> Vec<FakeSubscription> {
        let present = |row: &&FakeSubscription| row.revoked_at.is_none();
        self.host.panel(|panel| panel.subscriptions.iter().filter(present).cloned().collect())
    }

    pub(crate) fn keys(&self) -> Vec<FakeKey> {
        self.host.panel(|panel| panel.keys.iter().filter(|key| !key.deleted).cloned().collect())
    }

    /// Exactly one of everything, alive, and the key is the one that is sent.
    #[track_caller]
    pub(crate) fn has_one_of_each(&self, key: &ManagedKey) {
        let (users, subscriptions, keys) = (self.users(), self.subscriptions(), self.keys());
        assert_eq!((users.len(), subscriptions.len(), keys.len()), (1, 1, 1), "{users:?} {subscriptions:?} {keys:?}");
        assert_eq!(&*key.user_id, users[0].id.to_string());
        assert_eq!((keys[0].key.as_str(), keys[0].group_id), (key.secret.expose(), Some(GROUP)));
        assert!(subscriptions[0].status == "active" && subscriptions[0].expires_at > self.clock.now());
    }
}

impl Running {
    pub(crate) async fn obtain(&self) -> Result<Arc<ManagedKey>, Unobtainable> {
        self.obtain_for(USER, &GROUP.to_string()).await
    }

    pub(crate) async fn obtain_for(&self, user: &str, group: &str) -> Result<Arc<ManagedKey>, Unobtainable> {
        self.access.obtain(Wanted { host: &host_id(), user, group }, PATIENCE).await
    }

    /// The key, which must be had.
    pub(crate) async fn key(&self) -> Arc<ManagedKey> {
        match self.obtain().await {
            Ok(key) => key,
            Err(error) => panic!("{error:?}: {:?}", self.access.grant_view(&name()).await),
        }
    }

    pub(crate) fn look_up(&self, now: Timestamp) -> Lookup {
        self.access.look_up(Wanted { host: &host_id(), user: USER, group: &GROUP.to_string() }, now)
    }

    /// The reason that it cannot be had, and the code that operators see.
    pub(crate) async fn refused(&self) -> (&'static str, String) {
        let error = self.obtain().await.expect_err("it cannot be had");
        let Unobtainable::Refused(refused) = error else { panic!("{error:?}") };
        let view = self.access.grant_view(&name()).await.unwrap().unwrap();
        (refused.why.as_str(), view.problem.map(|problem| problem.code).unwrap_or_default())
    }

    /// Waits until the grant is as `wanted` says.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&relay_control::managed::GrantView) -> bool) {
        self.until_of(&name(), what, wanted).await;
    }

    /// The same of another grant.
    pub(crate) async fn until_of(
        &self,
        name: &GrantName,
        what: &str,
        wanted: impl Fn(&relay_control::managed::GrantView) -> bool,
    ) {
        let mut changes = self.access.changes();
        let reached = async {
            loop {
                let view = self.access.grant_view(name).await.unwrap();
                if view.as_ref().is_some_and(&wanted) {
                    return;
                }
                changes.changed().await.unwrap();
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await.is_ok();
        let view = self.access.grant_view(name).await;
        assert!(reached, "never {what}: {view:?}");
    }

    pub(crate) async fn events(&self) -> Vec<String> {
        use relay_store::EventStore as _;
        let events = self.store.events(&EventFilter::default(), None, 100).await.unwrap();
        events.into_iter().map(|event| event.kind).collect()
    }

    /// The process dies: nothing in memory outlives it, and nothing under way is finished.
    pub(crate) async fn crash(self) {
        self.worker.abort();
        let _ = self.worker.await;
        drop(self.access);
        self.store.close().await;
    }
}

pub(crate) fn name() -> GrantName {
    GrantName { host: host_id(), user: USER.into(), group_id: GROUP }
}

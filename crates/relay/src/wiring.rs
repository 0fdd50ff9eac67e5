//! What a server is made of, and in which order it is put together: the one
//! place that knows every crate.

mod settings;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use relay_admin::{Changes, Process, Unready};
use relay_bindings::{BindingStore, DEFAULT_CAPACITY, FlushError, MemoryBindings, SqliteBindings};
use relay_console::StatusPage;
use relay_control::fleet_document::{FleetDocument, ProcessSecrets, SecretResolver};
use relay_control::hosts::WatchSettings;
use relay_control::managed::{ManagedAccess, ManagedParts, Worker};
use relay_control::prices::PriceTable;
use relay_control::publication::Applied;
use relay_control::usage::{Spent, spent_in_present_periods};
use relay_control::{BudgetUse, Control, ControlParts};
use relay_domain::{Clock, Fleet, Money, Secret, SystemClock};
use relay_gateway::{Gateway, GatewayParts, Shutdown, Used};
use relay_health::FleetHealth;
use relay_hosts::admin::AdminClients;
use relay_hosts::{ClientOptions, HostClient};
use relay_ledger::Ledger;
use relay_routing::{Snapshot, StickySecret};
use relay_store::{Keyring, MasterKey, NewAuditEntry, Role, SqliteStore, Store, generate_admin_token, open_sqlite};
use relay_traces::Exporter;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::chat;
use crate::config::{BindingsLocation, Config, StoreLocation};
use crate::data_dir::DataDir;
use crate::handover::{self, Predecessor, state};
use crate::housekeeping::Housekeeping;
use crate::inventory;
use crate::metrics;
use crate::output::Output;
use crate::serve::Addresses;

/// The label of the token that the first start makes.
const FIRST_TOKEN: &str = "first start";

/// The label of the token in `RELAY_MANAGER_ADMIN_TOKEN`.
const GIVEN_TOKEN: &str = "environment";

/// Secrets that the operator gave to the process.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// `RELAY_MANAGER_ADMIN_TOKEN`
    pub(crate) admin_token: Option<Secret>,
    /// `RELAY_MANAGER_MASTER_KEY`
    pub(crate) master_key: Option<Secret>,
}

impl Given {
    /// What the environment holds; an empty variable counts as not set.
    pub(crate) fn from_env() -> Self {
        let secret = |name| std::env::var(name).ok().map(|text| Secret::new(&text)).filter(|s| !s.expose().is_empty());
        Self { admin_token: secret("RELAY_MANAGER_ADMIN_TOKEN"), master_key: secret("RELAY_MANAGER_MASTER_KEY") }
    }

    /// The master key, where it was given.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn master_key(&self) -> anyhow::Result<Option<MasterKey>> {
        let read = |text: &Secret| MasterKey::from_text(text.expose()).context("RELAY_MANAGER_MASTER_KEY");
        self.master_key.as_ref().map(read).transpose()
    }
}

/// The file in the data directory that holds the master key, unless the environment does.
pub(crate) const MASTER_KEY: &str = "master.key";

/// Everything but the listeners.
pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) data_dir: DataDir,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) bindings: Bindings,
    pub(crate) ledger: Ledger,
    pub(crate) health: Arc<FleetHealth>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) gateway_shutdown: Shutdown,
    pub(crate) control: Arc<Control>,
    /// Obtains and keeps access to hosts; taken out when it is started.
    pub(crate) managed_worker: Option<Worker>,
    /// Sends traces, if they are wanted; taken out when it is started.
    pub(crate) exporter: Option<Exporter>,
}

/// The bindings by engine: they are used alike and closed differently.
#[derive(Clone)]
pub(crate) enum Bindings {
    /// In this process.
    Memory(Arc<MemoryBindings>),
    /// In a file of the data directory.
    Sqlite(Arc<SqliteBindings>),
}

impl Bindings {
    fn open(config: &Config) -> anyhow::Result<Self> {
        Ok(match config.bindings {
            BindingsLocation::Memory => {
                let bindings = MemoryBindings::new(DEFAULT_CAPACITY);
                let handed_over = config.data_dir.join(handover::BINDINGS);
                if handed_over.exists()
                    && let Err(error) = bindings.load(&handed_over, SystemClock.now())
                {
                    tracing::warn!(%error, "starting without the bindings of the process before this one");
                }
                Self::Memory(Arc::new(bindings))
            }
            BindingsLocation::Sqlite => {
                let path = config.data_dir.join("bindings.db");
                Self::Sqlite(Arc::new(SqliteBindings::open(&path, DEFAULT_CAPACITY, SystemClock.now())?))
            }
        })
    }

    fn shared(&self) -> Arc<dyn BindingStore> {
        match self {
            Self::Memory(bindings) => Arc::clone(bindings) as _,
            Self::Sqlite(bindings) => Arc::clone(bindings) as _,
        }
    }

    /// Writes everything to where the process after this one finds it.
    pub(crate) async fn hand_over(&self, data_dir: &Path) -> anyhow::Result<()> {
        match self {
            Self::Memory(bindings) => {
                let (bindings, path) = (Arc::clone(bindings), data_dir.join(handover::BINDINGS));
                tokio::task::spawn_blocking(move || bindings.save(&path)).await??;
            }
            Self::Sqlite(bindings) => bindings.flush().await?,
        }
        Ok(())
    }

    /// Writes what is left.
    pub(crate) async fn close(&self) -> Result<(), FlushError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Sqlite(bindings) => bindings.close().await,
        }
    }
}

/// Puts a server together, from the files up; nothing listens yet.
///
/// # Errors
/// When the data directory is taken, or a file in it cannot be used.
pub(crate) async fn build(
    config: Config,
    given: Given,
    mut predecessor: Option<&mut Predecessor>,
    output: Output,
) -> anyhow::Result<Server> {
    let data_dir = match predecessor.as_mut().and_then(|predecessor| predecessor.take_lock()) {
        Some(lock) => DataDir::inherit(&config.data_dir, lock),
        None => DataDir::take(&config.data_dir)?,
    };
    let keyring = keyring(data_dir.path(), &given)?;
    let store = Arc::new(open_store(&config, Arc::clone(&keyring)).await?);
    register_admin_token(&*store, &keyring, given.admin_token, output).await?;
    let hosts = HostClient::new(ClientOptions { connect_timeout: config.timeouts.connect })
        .context("cannot set up TLS towards hosts")?;
    let health = Arc::new(FleetHealth::new(settings::breaker(&config), Instant::now()));
    let prices = Arc::new(price_table(config.prices.as_deref())?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let limits = relay_control::Limits::default();
    let (managed, managed_worker) = ManagedAccess::open(ManagedParts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        keyring: Arc::clone(&keyring),
        clients: AdminClients::new(hosts.clone()).at_most(limits.time_limit),
        clock: Arc::clone(&clock),
        policy: settings::managed(&config),
        jitter: relay_control::random_fraction,
    })
    .await
    .context("cannot load what is on record of managed access")?;
    // Last of what can fail: until here the predecessor goes on as if nothing had been.
    if let Some(predecessor) = predecessor {
        predecessor.ask_for_log().await?;
    }
    let bindings = Bindings::open(&config)?;
    let ledger = Ledger::open(settings::ledger(&config), SystemClock.now())?;
    let tracing = config.traces.clone().map(|settings| relay_traces::tracer(settings, hosts.clone()));
    let (tracer, exporter) = tracing.unzip();
    let gateway_shutdown = Shutdown::default();
    let snapshot = Arc::new(Snapshot::build(&Fleet::default()));
    let gateway = Arc::new(Gateway::new(GatewayParts {
        health: health.generation(&snapshot),
        snapshot,
        bindings: bindings.shared(),
        ledger: ledger.clone(),
        hosts: hosts.clone(),
        prices: Arc::clone(&prices),
        managed: Arc::clone(&managed) as _,
        tracer,
        clock: Arc::clone(&clock),
        hash_key: {
            let keyring = Arc::clone(&keyring);
            Arc::new(move |key| keyring.hash_key(key))
        },
        sticky_secret: StickySecret(keyring.sticky_secret()),
        options: settings::gateway(&config),
        shutdown: gateway_shutdown.clone(),
    }));
    restore_spending(&gateway, &ledger)?;
    count_adopted(&gateway, &ledger)?;
    let control = Control::new(ControlParts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        keyring,
        bindings: bindings.shared(),
        ledger: ledger.clone(),
        hosts: hosts.clone(),
        managed,
        health: Arc::clone(&health),
        prices,
        probe: settings::probe(&config),
        clock,
        resolver: secrets(data_dir.path()),
        budgets: budgets(Arc::clone(&gateway)),
        publish: {
            let gateway = Arc::clone(&gateway);
            Box::new(move |snapshot, health| gateway.publish(snapshot, health))
        },
        seed: relay_control::random_seed,
        limits,
    })
    .await
    .context("cannot load the fleet")?;
    let control = Arc::new(control);
    Ok(Server {
        config,
        data_dir,
        store,
        bindings,
        ledger,
        health,
        gateway,
        gateway_shutdown,
        control,
        managed_worker: Some(managed_worker),
        exporter,
    })
}

impl Server {
    /// Publishes a fleet file, if it changes anything.
    ///
    /// # Errors
    /// All its faults.
    pub(crate) async fn publish_file(&self, path: &Path) -> anyhow::Result<Applied> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the fleet file {shown}; correct --fleet, or leave it out"))?;
        let document = FleetDocument::from_toml(&text).with_context(|| shown.to_string())?;
        let resolver = local_secrets(path).deny(self.data_dir.path());
        let applied = self.control.apply_with(&document, &format!("file:{shown}"), &resolver).await;
        applied.with_context(|| shown.to_string())
    }
}

impl Server {
    /// Leaves what is known of the fleet's health for the process after this one.
    pub(crate) fn leave_health(&self) {
        let carried = self.health.carry(Instant::now(), SystemClock.now());
        state::leave(self.data_dir.path(), state::HEALTH, &carried);
    }

    /// Goes on with what the process before this one knew of it.
    pub(crate) fn take_health(&self) {
        if let Some(carried) = state::take(self.data_dir.path(), state::HEALTH) {
            self.health.take_over(&carried, Instant::now(), SystemClock.now());
        }
    }

    /// Leaves the rates of the last minute.
    pub(crate) fn leave_limits(&self) {
        state::leave(self.data_dir.path(), state::LIMITS, &self.gateway.carry_limits());
    }

    /// Adds the rates that the process before this one has counted.
    pub(crate) fn take_limits(&self) {
        if let Some(carried) = state::take(self.data_dir.path(), state::LIMITS) {
            self.gateway.take_over_limits(&carried);
        }
    }

    /// The rounds beside requests.
    pub(crate) fn housekeeping(&self) -> Housekeeping {
        Housekeeping {
            control: Arc::clone(&self.control),
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            bindings: self.bindings.shared(),
            gateway: Arc::clone(&self.gateway),
            retention: self.config.log.retention,
            watch_every: self.config.managed.watch,
            watch: WatchSettings::every(self.config.managed.watch, self.config.managed.low_percent),
            has_status_page: self.config.status_page.is_some(),
        }
    }
}

/// The budgets that the data plane counts, in the control plane's words.
fn budgets(gateway: Arc<Gateway>) -> relay_control::Budgets {
    Box::new(move |percent| {
        let used = gateway.budgets_used(percent).into_iter().map(|found| BudgetUse {
            is_spent: found.is_spent(),
            of: format!("{} {}", found.of, found.id),
            budget: found.budget,
            tokens: found.used.tokens,
            money: found.used.money,
            ends_at: found.ends_at,
        });
        used.collect()
    })
}

/// Secrets beside a fleet file: relative references start where it is.
pub(crate) fn local_secrets(fleet_file: &Path) -> ProcessSecrets {
    let secrets = ProcessSecrets::default();
    match fleet_file.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        Some(directory) => secrets.relative_to(directory),
        None => secrets,
    }
}

/// What the server resolves for documents that come over the API.
fn secrets(data_dir: &Path) -> Arc<dyn SecretResolver> {
    Arc::new(ProcessSecrets::default().deny(data_dir))
}

/// The keys that secrets at rest live under.
///
/// # Errors
/// When the given master key is none, or its file cannot be used.
pub(crate) fn keyring(data_dir: &Path, given: &Given) -> anyhow::Result<Arc<Keyring>> {
    let master = match given.master_key()? {
        Some(master) => master,
        None => MasterKey::load_or_create(&data_dir.join(MASTER_KEY))?,
    };
    Ok(Arc::new(Keyring::new(&master)))
}

/// Opens the database and brings it to this version's schema.
///
/// # Errors
/// When it cannot be used; the message says what to do.
pub(crate) async fn open_store(config: &Config, keyring: Arc<Keyring>) -> anyhow::Result<SqliteStore> {
    let StoreLocation::Sqlite(path) = &config.store;
    Ok(open_sqlite(path, keyring).await?)
}

/// Registers the given token, or makes one when there is none at all. A new one
/// is shown before it is stored: stored and never shown, it would lock everybody out.
async fn register_admin_token(
    store: &dyn Store,
    keyring: &Keyring,
    given: Option<Secret>,
    output: Output,
) -> anyhow::Result<()> {
    let (token, label) = match given {
        Some(token) => (token, GIVEN_TOKEN),
        None if store.admin_tokens().await?.is_empty() => {
            let token = generate_admin_token();
            output.event(&json!({ "admin_token": token.expose() }), || {
                format!("admin token, shown this once; keep it, or set RELAY_MANAGER_ADMIN_TOKEN: {}", token.expose())
            })?;
            (token, FIRST_TOKEN)
        }
        None => return Ok(()),
    };
    let (hash, at) = (keyring.hash_admin_token(token.expose()), SystemClock.now());
    let is_new = store.admin_token_by_hash(&hash).await?.is_none();
    let made = store.add_admin_token(label, Role::Admin, &hash, at).await?;
    if is_new {
        store
            .record_audit(NewAuditEntry {
                at,
                actor: label.to_owned(),
                action: "tokens.create".to_owned(),
                summary: format!("made token \"{label}\" with role {}", Role::Admin.as_str()),
                subjects: vec![format!("token:{}", made.id)],
                details: json!({ "after": { "token_id": made.id, "label": label, "role": Role::Admin.as_str() } }),
            })
            .await?;
    }
    Ok(())
}

/// The list prices, with the operator's own before them.
fn price_table(own: Option<&Path>) -> anyhow::Result<PriceTable> {
    let Some(path) = own else { return Ok(PriceTable::list()) };
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the price table {shown}; correct `prices`, or leave it out"))?;
    PriceTable::with_own(&text).with_context(|| shown.to_string())
}

/// Tells the gateway what was spent before this start: budgets are what the log says they are.
fn restore_spending(gateway: &Gateway, ledger: &Ledger) -> anyhow::Result<()> {
    spent_in_present_periods(&ledger.reader(), SystemClock.now(), |spent| restore(gateway, &spent))
        .context("cannot read what was spent from the decision log")
}

/// Has what the process before this one still ends counted when it comes into the log: it spends the same budgets.
/// After [`restore_spending`], so that nothing is counted twice.
fn count_adopted(gateway: &Arc<Gateway>, ledger: &Ledger) -> anyhow::Result<()> {
    // The gateway holds the log, whose thread must not hold the gateway.
    let gateway = Arc::downgrade(gateway);
    let count = move |rollup| {
        let spent = Spent::from(rollup);
        if let Some(gateway) = gateway.upgrade().filter(|_| spent.is_limited()) {
            restore(&gateway, &spent);
        }
    };
    ledger.adopt(count).context("cannot take in what the process before this one wrote")
}

fn restore(gateway: &Gateway, spent: &Spent) {
    let used = Used { tokens: spent.tokens, money: Money::from_nanos(spent.price_nanos) };
    gateway.restore(&spent.consumer, &spent.group, spent.hour, used);
}

/// The admin listener's task: not ready once `draining`, ends after `cancelled`.
pub(crate) fn serve_admin(
    server: &Server,
    addresses: Addresses,
    listener: TcpListener,
    changes: Changes,
    draining: CancellationToken,
    cancelled: CancellationToken,
) -> impl Future<Output = ()> + Send + 'static {
    let unready: Unready = Arc::new(move || {
        let reason = draining.is_cancelled().then(|| "the server is shutting down".to_owned());
        reason.into_iter().collect()
    });
    let scrape = metrics::scrape(Arc::clone(&server.gateway), Arc::clone(&server.control));
    let process = Process { unready, scrape, keep_alive: relay_admin::KEEP_ALIVE };
    let api = relay_admin::router(Arc::clone(&server.control), process, cancelled.clone());
    let process = relay_console::Process {
        gateway: format!("http://{}", addresses.gateway).into(),
        admin: format!("http://{}", addresses.admin).into(),
        chat: chat::as_consumer(Arc::clone(&server.gateway)),
        inventory: inventory::of(&server.config, addresses),
        status_page: status_page(server),
    };
    let console = relay_console::router(Arc::clone(&server.control), process, api);
    relay_admin::serve(listener, console, changes, cancelled.cancelled_owned())
}

/// The task of the public status page's own listener; `None` when the page is off.
pub(crate) fn serve_status(
    server: &Server,
    listener: TcpListener,
    changes: Changes,
    cancelled: CancellationToken,
) -> Option<impl Future<Output = ()> + Send + 'static> {
    let page = relay_console::status_router(Arc::clone(&server.control), status_page(server)?);
    Some(relay_admin::serve(listener, page, changes, cancelled.cancelled_owned()))
}

fn status_page(server: &Server) -> Option<StatusPage> {
    let page = server.config.status_page.as_ref()?;
    Some(StatusPage { title: page.title.clone(), groups: page.groups.clone(), days: page.days })
}

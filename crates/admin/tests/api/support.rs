//! A server on a free port with everything real behind it, and a small client.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use relay_bindings::MemoryBindings;
use relay_control::fleet_document::{FleetDocument, NoSecrets};
use relay_control::managed::{ManagedAccess, ManagedParts, Policy};
use relay_control::prices::PriceTable;
use relay_control::probing::ProbeSettings;
use relay_control::{BudgetUse, Control, ControlParts, Limits};
use relay_domain::{ManualClock, Timestamp};
use relay_health::{BreakerSettings, FleetHealth};
use relay_hosts::admin::AdminClients;
use relay_hosts::{ClientOptions, HostClient};
use relay_ledger::{DiskFault, Ledger, LedgerOptions, LedgerReader};
use relay_store::{Keyring, MasterKey, Role, SqliteStore, Store, open_sqlite};
use relay_testkit::FakeHost;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::described;

pub(crate) const ADMIN: &str = "rma-admin";
pub(crate) const OPERATOR: &str = "rma-operator";
pub(crate) const VIEWER: &str = "rma-viewer";

/// Largest answer of a host that the tests' server reads.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 * 1024;

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) control: Arc<Control>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) health: Arc<FleetHealth>,
    pub(crate) published: Arc<Mutex<Vec<u64>>>,
    pub(crate) unready: Arc<Mutex<Vec<String>>>,
    pub(crate) ledger: Ledger,
    /// What the data plane would say of budgets.
    pub(crate) budgets: Arc<Mutex<Vec<BudgetUse>>>,
    /// Bytes that the decision log may still write.
    pub(crate) room: Arc<AtomicU64>,
    pub(crate) directory: tempfile::TempDir,
    client: Client<HttpConnector, Full<Bytes>>,
    document: tokio::sync::OnceCell<Value>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()
    }

    /// Status, code and message of an error.
    #[track_caller]
    pub(crate) fn error(&self) -> (u16, String, String) {
        let json = self.json();
        let text = |name: &str| json["error"][name].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), text("code"), text("message"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// 1 November 2026, noon.
pub(crate) fn start_of_time() -> Timestamp {
    "2026-11-01T12:00:00Z".parse().expect("a time")
}

/// Changes are carried out where everything else is.
pub(crate) fn here() -> relay_admin::Changes {
    relay_admin::Changes { leisurely: Handle::current(), at_once: Handle::current() }
}

/// A process that is unready for these reasons.
pub(crate) fn process(unready: &Arc<Mutex<Vec<String>>>) -> relay_admin::Process {
    let told = Arc::clone(unready);
    relay_admin::Process {
        unready: Arc::new(move || told.lock().expect("unpoisoned").clone()),
        scrape: Arc::new(|| Box::pin(async { "relay_generation 7\n".to_owned() })),
        keep_alive: relay_admin::KEEP_ALIVE,
    }
}

impl Server {
    /// A server over an empty fleet.
    pub(crate) async fn empty() -> Self {
        Self::start(Duration::from_secs(20), ProbeSettings::default()).await
    }

    /// A server that probes idle routes so.
    pub(crate) async fn with_probes(fleet: &str, probe: ProbeSettings) -> Self {
        let server = Self::start(Duration::from_secs(20), probe).await;
        server.publish(fleet).await;
        server
    }

    /// A server that waits for hosts no longer than `time_limit`.
    pub(crate) async fn with_time_limit(fleet: &str, time_limit: Duration) -> Self {
        let server = Self::start(time_limit, ProbeSettings::default()).await;
        server.publish(fleet).await;
        server
    }

    /// A server that has published `fleet`.
    pub(crate) async fn with_fleet(fleet: &str) -> Self {
        let server = Self::empty().await;
        server.publish(fleet).await;
        server
    }

    async fn start(time_limit: Duration, probe: ProbeSettings) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let keyring = Arc::new(Keyring::new(&MasterKey::from_bytes([7; 32])));
        let store = open_sqlite(&directory.path().join("relay.db"), Arc::clone(&keyring)).await.expect("a store");
        let store = Arc::new(store);
        for (label, token, role) in
            [("ann", ADMIN, Role::Admin), ("olga", OPERATOR, Role::Operator), ("vic", VIEWER, Role::Viewer)]
        {
            let hash = keyring.hash_admin_token(token);
            store.add_admin_token(label, role, &hash, start_of_time()).await.expect("a token");
        }
        let clock = Arc::new(ManualClock::new(start_of_time()));
        let health = Arc::new(FleetHealth::new(BreakerSettings::default(), std::time::Instant::now()));
        let published = Arc::new(Mutex::new(Vec::new()));
        let budgets: Arc<Mutex<Vec<BudgetUse>>> = Arc::default();
        let room = Arc::new(AtomicU64::new(u64::MAX));
        let options = LedgerOptions {
            disk_fault: Some(DiskFault::full_after(Arc::clone(&room))),
            stall_limit: relay_testkit::PATIENCE,
            ..LedgerOptions::new(directory.path().join("log"))
        };
        let ledger = Ledger::open(options, start_of_time()).expect("a log");
        let log = ledger.clone();
        let hosts = HostClient::new(ClientOptions::default()).expect("a client");
        let (managed, worker) = ManagedAccess::open(ManagedParts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            keyring: Arc::clone(&keyring),
            clients: AdminClients::new(hosts.clone()).at_most(time_limit),
            clock: Arc::clone(&clock) as _,
            policy: Policy { pause: Duration::from_millis(1), poll: Duration::from_millis(20), ..Policy::default() },
            jitter: || 0.5,
        })
        .await
        .expect("managed access");
        tokio::spawn(worker.run(std::future::pending()));
        let parts = ControlParts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            keyring,
            bindings: Arc::new(MemoryBindings::new(1000)),
            ledger,
            hosts,
            managed,
            health: Arc::clone(&health),
            prices: Arc::new(PriceTable::list()),
            probe,
            clock: Arc::clone(&clock) as _,
            resolver: Arc::new(NoSecrets),
            budgets: {
                let budgets = Arc::clone(&budgets);
                Box::new(move |_| budgets.lock().expect("unpoisoned").clone())
            },
            publish: {
                let published = Arc::clone(&published);
                Box::new(move |snapshot, _| published.lock().expect("unpoisoned").push(snapshot.generation()))
            },
            seed: || 42,
            limits: Limits { time_limit, max_answer_bytes: MAX_ANSWER_BYTES },
        };
        let control = Arc::new(Control::new(parts).await.expect("a control plane"));
        let unready = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = relay_admin::router(Arc::clone(&control), process(&unready), CancellationToken::new());
        tokio::spawn(relay_admin::serve(listener, router, here(), std::future::pending()));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self {
            url,
            control,
            store,
            clock,
            health,
            published,
            unready,
            ledger: log,
            budgets,
            room,
            directory,
            client,
            document: tokio::sync::OnceCell::new(),
        }
    }

    pub(crate) async fn publish(&self, fleet: &str) {
        let document = FleetDocument::from_toml(fleet).expect("TOML");
        self.control.apply(&document, "test").await.unwrap_or_else(|error| panic!("{error}"));
    }

    pub(crate) async fn send(&self, token: &str, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send_with(token, method, path, body, &[]).await
    }

    /// With more headers.
    pub(crate) async fn send_with(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.request(request.body(Full::new(body.into())).expect("a request")).await
    }

    /// Sends a request; panics when the answer is not as the OpenAPI document says.
    pub(crate) async fn request(&self, request: Request<Full<Bytes>>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = self.exchange(request).await;
        let document = self.document.get_or_init(async || {
            let described = Request::get(format!("{}/api/v1/openapi.json", self.url)).body(Full::default());
            self.exchange(described.expect("a request")).await.ok()
        });
        described::check(document.await, &method, &path, &answer);
        answer
    }

    /// Sends a request whose answer need not come to an end.
    pub(crate) async fn open(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        self.client.request(request).await.expect("an answer")
    }

    /// The status of an answer that is not read.
    pub(crate) async fn status(&self, path: &str) -> StatusCode {
        let request = Request::get(format!("{}{path}", self.url)).header("authorization", format!("Bearer {ADMIN}"));
        self.open(request.body(Full::default()).expect("a request")).await.status()
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Answer {
        let response = self.client.request(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let text = String::from_utf8(body.to_vec()).expect("UTF-8");
        Answer { status: head.status, headers: head.headers, text }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(ADMIN, Method::GET, path, "").await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(ADMIN, Method::DELETE, path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(ADMIN, Method::POST, path, body.to_string()).await
    }

    /// The log as somebody else would read it from disk.
    pub(crate) fn log(&self) -> LedgerReader {
        LedgerReader::open(self.directory.path().join("log"))
    }

    pub(crate) async fn decision(&self, request_id: &str) -> Value {
        self.get(&format!("/api/v1/decisions/{request_id}")).await.ok()
    }

    pub(crate) async fn resolve(&self, changes: &Value) -> Answer {
        let mut body = json!({
            "request_id": "r-1", "logical_group_id": "gpt", "public_model": "gpt-5",
            "scope": "conversation", "subject_id": "thread-1",
        });
        merge(&mut body, changes);
        self.post("/api/v1/resolve-route", &body).await
    }

    pub(crate) async fn proxy(&self, changes: &Value) -> Answer {
        let mut body = json!({
            "request_id": "r-1", "logical_group_id": "gpt", "public_model": "gpt-5",
            "scope": "conversation", "subject_id": "thread-1", "gateway_api_key": "sk-canary-probe",
        });
        merge(&mut body, changes);
        self.post("/api/v1/proxy-route-chat-completions", &body).await
    }
}

/// Overlays fields; `null` removes one.
fn merge(body: &mut Value, changes: &Value) {
    let (Value::Object(body), Value::Object(changes)) = (body, changes) else { panic!("objects") };
    for (name, value) in changes {
        if value.is_null() {
            body.shift_remove(name);
        } else {
            body.insert(name.clone(), value.clone());
        }
    }
}

/// A fleet of one group over `hosts`; each route is in the tier of its position.
pub(crate) fn tiers(hosts: &[(&str, &FakeHost)]) -> String {
    let mut fleet = "[[group]]\nlogical_group_id = \"gpt\"\n".to_owned();
    for (tier, (id, host)) in hosts.iter().enumerate() {
        let url = host.base_url();
        fleet.push_str(&format!(
            r#"
[[host]]
host_id = "{id}"
kind = "openai"
base_url = "{url}"
allow_private = true
gateway_key = "sk-host-{id}"
[[route]]
route_id = "gpt-{id}"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "{id}"
shadow_group_id = "7"
shadow_model = "shadow-{id}"
priority = {}
"#,
            tier + 1
        ));
    }
    fleet
}

/// A group over two hosts by name alone, its routes in one tier.
pub(crate) const TWO_HOSTS: &str = r#"
[[host]]
host_id = "osaka"
kind = "openai"
base_url = "https://osaka.example"
gateway_key = "sk-osaka"
[[host]]
host_id = "tokyo"
kind = "openai"
base_url = "https://tokyo.example"
gateway_key = "sk-tokyo"
[[group]]
logical_group_id = "gpt"
[[route]]
route_id = "gpt-osaka"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "osaka"
[[route]]
route_id = "gpt-tokyo"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "tokyo"
"#;

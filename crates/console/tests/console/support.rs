//! A console on a free port with everything real behind it, and a small browser: it keeps cookies,
//! reads forms and follows nothing by itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use axum::routing::{any, post};
use axum::{Extension, Router};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use relay_bindings::MemoryBindings;
use relay_console::{Chat, ChatRequest, Inventory, Process, StatusPage};
use relay_control::access::{Access, Role};
use relay_control::actions::ResolveRequest;
use relay_control::fleet_document::{FleetDocument, NoSecrets};
use relay_control::managed::{ManagedAccess, ManagedParts, Policy};
use relay_control::prices::PriceTable;
use relay_control::probing::ProbeSettings;
use relay_control::{Control, ControlParts, Limits};
use relay_domain::{ManualClock, Timestamp};
use relay_health::{BreakerSettings, FleetHealth};
use relay_hosts::admin::AdminClients;
use relay_hosts::{ClientOptions, HostClient};
use relay_ledger::{Ledger, LedgerOptions};
use relay_store::{Keyring, MasterKey, SqliteStore, Store, open_sqlite};
use tower::ServiceExt as _;

pub(crate) const ADMIN: &str = "rma-admin";
pub(crate) const OPERATOR: &str = "rma-operator";
pub(crate) const VIEWER: &str = "rma-viewer";

pub(crate) struct Console {
    pub(crate) control: Arc<Control>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: Arc<ManualClock>,
    /// Chats that were sent.
    pub(crate) sent: Arc<Mutex<Vec<ChatRequest>>>,
    router: Router,
    keyring: Arc<Keyring>,
    directory: tempfile::TempDir,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.text
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Where a redirect leads.
    #[track_caller]
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.header("location")
    }
}

/// 26 November 2026, noon.
pub(crate) fn start_of_time() -> Timestamp {
    "2026-11-26T12:00:00Z".parse().unwrap()
}

/// Stands for the API: tells who it takes the caller for.
async fn api(access: Option<Extension<Access>>) -> String {
    access.map_or_else(|| "nobody".to_owned(), |Extension(access)| format!("{} {}", access.actor, access.role))
}

/// Stands for an action of the API: answers what it was sent, and who did.
async fn echo(access: Option<Extension<Access>>, body: String) -> String {
    let who = access.map_or_else(|| "nobody".to_owned(), |Extension(access)| access.actor);
    format!(r#"{{"request_id":"r-echo","who":"{who}","sent":{body}}}"#)
}

/// Stands for the gateway: notes what it is sent, and says "hello" as a stream or whole.
fn chat(sent: Arc<Mutex<Vec<ChatRequest>>>) -> Chat {
    Arc::new(move |request| {
        let is_stream = String::from_utf8_lossy(&request.body).contains("\"stream\":true");
        let id = request.request_id.clone();
        sent.lock().unwrap().push(request);
        Box::pin(async move {
            let (kind, body) = if is_stream {
                ("text/event-stream", "data: {\"choices\":[{\"delta\":{\"content\":\"hello\"}}]}\n\ndata: [DONE]\n\n")
            } else {
                ("application/json", "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"hello <b>\"}}]}")
            };
            let body = Full::from(body).map_err(|never| match never {}).boxed_unsync();
            Ok(http::Response::builder().header("content-type", kind).header("x-request-id", id).body(body).unwrap())
        })
    })
}

impl Console {
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// With a public status page.
    pub(crate) async fn start_with(status_page: Option<StatusPage>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keyring = Arc::new(Keyring::new(&MasterKey::from_bytes([7; 32])));
        let store = Arc::new(open_sqlite(&directory.path().join("relay.db"), Arc::clone(&keyring)).await.unwrap());
        for (label, token, role) in
            [("ann", ADMIN, Role::Admin), ("olga", OPERATOR, Role::Operator), ("vic", VIEWER, Role::Viewer)]
        {
            store.add_admin_token(label, role, &keyring.hash_admin_token(token), start_of_time()).await.unwrap();
        }
        let clock = Arc::new(ManualClock::new(start_of_time()));
        let hosts = HostClient::new(ClientOptions::default()).unwrap();
        let (managed, _worker) = ManagedAccess::open(ManagedParts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            keyring: Arc::clone(&keyring),
            clients: AdminClients::new(hosts.clone()).at_most(Duration::from_secs(5)),
            clock: Arc::clone(&clock) as _,
            policy: Policy::default(),
            jitter: || 0.5,
        })
        .await
        .unwrap();
        let log =
            LedgerOptions { stall_limit: relay_testkit::PATIENCE, ..LedgerOptions::new(directory.path().join("log")) };
        let parts = ControlParts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            keyring: Arc::clone(&keyring),
            bindings: Arc::new(MemoryBindings::new(1_000)),
            ledger: Ledger::open(log, start_of_time()).unwrap(),
            hosts,
            managed,
            health: Arc::new(FleetHealth::new(BreakerSettings::default(), Instant::now())),
            prices: Arc::new(PriceTable::list()),
            probe: ProbeSettings::default(),
            clock: Arc::clone(&clock) as _,
            budgets: Box::new(|_| Vec::new()),
            resolver: Arc::new(NoSecrets),
            publish: Box::new(|_, _| {}),
            seed: || 42,
            limits: Limits::default(),
        };
        let control = Arc::new(Control::new(parts).await.unwrap());
        let sent = Arc::new(Mutex::new(Vec::new()));
        let process = Process {
            gateway: "http://gateway.example".into(),
            admin: "http://admin.example".into(),
            chat: chat(Arc::clone(&sent)),
            inventory: Arc::new(|| Box::pin(std::future::ready(Inventory::default()))),
            status_page,
        };
        let api = Router::new().route("/api/v1/who", any(api)).route("/api/v1/resolve-route", post(echo));
        let router = relay_console::router(Arc::clone(&control), process, api);
        Self { control, store, clock, sent, router, keyring, directory }
    }

    pub(crate) async fn with_fleet(fleet: &str) -> Self {
        let console = Self::start().await;
        console.publish(fleet).await;
        console
    }

    pub(crate) async fn publish(&self, fleet: &str) {
        let document = FleetDocument::from_toml(fleet).unwrap();
        self.control.apply(&document, "test").await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Leaves a decision in the log.
    pub(crate) async fn resolve(&self, request_id: &str, group: &str, model: &str) {
        self.resolve_as(request_id, group, model, true).await;
    }

    /// Leaves many of them there, and waits for the last to be on disk.
    pub(crate) async fn resolve_many(&self, number: usize) {
        for number in 1..=number {
            self.resolve_as(&format!("r-{number}"), "gpt", "gpt-5", false).await;
        }
        self.resolve("r-last", "gpt", "gpt-5").await;
    }

    async fn resolve_as(&self, request_id: &str, group: &str, model: &str, sync: bool) {
        let body = serde_json::json!({
            "request_id": request_id, "logical_group_id": group, "public_model": model,
            "scope": "conversation", "subject_id": "thread-1", "sync": sync,
        });
        let request = ResolveRequest::parse(body.to_string().as_bytes(), request_id).unwrap();
        let _refused_too = self.control.resolve_route(&request).await;
    }

    pub(crate) async fn add_token(&self, label: &str, token: &str, role: Role) -> i64 {
        let hash = self.keyring.hash_admin_token(token);
        self.store.add_admin_token(label, role, &hash, start_of_time()).await.unwrap().id
    }

    /// The file that everything but the log is in.
    pub(crate) fn database(&self) -> std::path::PathBuf {
        self.directory.path().join("relay.db")
    }

    /// A browser that has never been here.
    pub(crate) fn browser(&self) -> Browser {
        Browser {
            router: self.router.clone(),
            cookies: BTreeMap::new(),
            address: "192.0.2.1".to_owned(),
            headers: vec![("accept", "text/html".to_owned()), ("accept-language", "en".to_owned())],
        }
    }

    /// A browser that is logged in.
    pub(crate) async fn logged_in(&self, token: &str) -> Browser {
        let mut browser = self.browser();
        let answer = browser.post("/login", &[("token", token)]).await;
        assert_eq!(answer.location(), "/");
        browser
    }
}

/// Keeps cookies.
pub(crate) struct Browser {
    router: Router,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) address: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Browser {
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], String::new()).await
    }

    /// Sends a form as it is given; without a token unless one is among the fields.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send(Method::POST, path, &headers, body.finish()).await
    }

    /// Loads a page and sends its form to `path`, with these fields more.
    pub(crate) async fn submit(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token(page).await;
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("csrf", token.as_str())]).collect();
        self.post(path, &fields).await
    }

    /// The token in the forms of a page.
    pub(crate) async fn token(&mut self, page: &str) -> String {
        let html = self.get(page).await.ok();
        let (_, rest) = html.split_once("name=\"csrf\" value=\"").expect("a form with a token");
        rest.split('"').next().unwrap().to_owned()
    }

    pub(crate) async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "relay.example");
        for (name, value) in
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).chain(headers.iter().copied())
        {
            request = request.header(name, value);
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        let peer = SocketAddr::new(self.address.parse().unwrap(), 4_711);
        let mut request = request.body(axum::body::Body::from(body)).unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        for cookie in head.headers.get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, text: String::from_utf8_lossy(&body).into_owned() }
    }
}

/// Two hosts, a group, three routes, a key.
pub(crate) const FLEET: &str = r#"
[[host]]
host_id = "tokyo"
kind = "openai"
base_url = "https://tokyo.example"
gateway_key = "sk-canary-host"
[[host]]
host_id = "osaka"
kind = "sub2api"
base_url = "https://osaka.example"
gateway_key = "sk-canary-host"
[[group]]
logical_group_id = "gpt"
[[route]]
route_id = "gpt-tokyo"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "tokyo"
shadow_model = "big"
priority = 1
[[route]]
route_id = "gpt-osaka"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "osaka"
priority = 2
[[route]]
route_id = "mini-osaka"
logical_group_id = "gpt"
public_model = "gpt-5-mini"
shadow_host_id = "osaka"
priority = 1
weight = 0
[[key]]
key_id = "team-a"
secret = "sk-canary-consumer"
logical_groups = ["gpt"]
"#;

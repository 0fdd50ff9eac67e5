//! One secret of every kind is planted, traffic with every kind of failure is driven through
//! the real binary at the most talkative level, and then they are looked for everywhere (spec §10;
//! field note 48): the log, all files of the data directory, `/metrics`, every answer of the admin API, and the traces at a
//! collector.
//! What a panic says is tested beside the panic hook.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;

use http::Method;
use relay_testkit::{Cut, FakeGroup, FakeHost, Personality, Reply, errors};
use serde_json::json;
use support::http::{Answer, admin_get, try_send};
use support::{Server, TOKEN, stderr, stdout};

const CONSUMER: &str = "rk-canary-consumer-5d1f0c2e9b";
const OTHER_CONSUMER: &str = "rk-canary-caller-7a90b3c41d";
const WRONG: &str = "rk-canary-wrong-1c2d3e4f50";
const GATEWAY_KEY: &str = "sk-canary-gateway-8e7d6c5b4a";
const PROBE_KEY: &str = "sk-canary-probe-2f3e4d5c6b";
const ADMIN_KEY: &str = "admin-canary-90a1b2c3d4e5f60718293a4b5c6d7e8f";
const PASSWORD: &str = "canary-password-6f5e4d3c2b";
const MASTER: &str = "ca9a47ca9a47ca9a47ca9a47ca9a47ca9a47ca9a47ca9a47ca9a47ca9a47ca9a";
const WEBHOOK_TOKEN: &str = "canary-webhook-token-3b4c5d6e";
const WEBHOOK_SECRET: &str = "canary-webhook-secret-7d8e9fa0";
const DINGTALK_SECRET: &str = "SECcanary-dingtalk-1a2b3c4d5e";
const BOT_TOKEN: &str = "123456:canary-bot-token-4c5d6e7f";
const SMTP_PASSWORD: &str = "canary-smtp-password-8a9b0c1d";
const PROMPT: &str = "canary prompt: the launch is at dawn";
const ANSWER: &str = "canary answer: bring the lantern";
const COOKIE: &str = "canary-cookie-5e6f7a8b";

const ALL: &[&str] = &[
    TOKEN,
    CONSUMER,
    OTHER_CONSUMER,
    WRONG,
    GATEWAY_KEY,
    PROBE_KEY,
    ADMIN_KEY,
    PASSWORD,
    MASTER,
    WEBHOOK_TOKEN,
    WEBHOOK_SECRET,
    DINGTALK_SECRET,
    BOT_TOKEN,
    SMTP_PASSWORD,
    PROMPT,
    ANSWER,
    COOKIE,
];

struct World {
    server: Server,
    osaka: FakeHost,
    tokyo: FakeHost,
    nagoya: FakeHost,
    collector: FakeHost,
}

impl World {
    /// `osaka` is asked first; `tokyo` serves with managed keys; `nagoya` is watched over a login.
    async fn new(directory: &Path) -> Self {
        let osaka = FakeHost::builder().name("osaka").default_reply(Reply::chat(ANSWER)).start().await;
        let tokyo = FakeHost::builder().name("tokyo").personality(Personality::N).admin_key(ADMIN_KEY);
        let tokyo = tokyo.group(FakeGroup::new(7, "pool")).default_reply(Reply::chat(ANSWER)).start().await;
        let nagoya = FakeHost::builder().name("nagoya").personality(Personality::N).start().await;
        let collector = FakeHost::builder().name("collector").default_reply(Reply::empty(200)).start().await;
        let server = Server::start_with(directory, |command| {
            command
                .env("RELAY_MANAGER_LOG", "trace")
                .env("RELAY_MANAGER_MASTER_KEY", MASTER)
                .env("RELAY_MANAGER_TELEMETRY_OTLP_ENDPOINT", collector.base_url())
                .env("RUST_BACKTRACE", "1")
                .env("TOKYO_ADMIN_KEY", ADMIN_KEY)
        });
        let fleet = format!(
            r#"
[[host]]
host_id = "osaka"
kind = "openai"
base_url = "{}"
allow_private = true
gateway_key = "{GATEWAY_KEY}"

[[host]]
host_id = "tokyo"
kind = "sub2api"
base_url = "{}"
allow_private = true
admin_key = {{ env = "TOKYO_ADMIN_KEY" }}

[[host]]
host_id = "nagoya"
kind = "sub2api"
base_url = "{}"
allow_private = true
login = {{ email = "admin@nagoya.example", password = "{PASSWORD}" }}

[[group]]
logical_group_id = "gpt"

[[route]]
route_id = "gpt-osaka"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "osaka"
priority = 1
weight = 100
credential = "host_key"

[[route]]
route_id = "gpt-tokyo"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "tokyo"
shadow_group_id = "pool"
priority = 2
weight = 100
credential = "managed"

[[route]]
route_id = "own-osaka"
logical_group_id = "gpt"
public_model = "own"
shadow_host_id = "osaka"
weight = 100
credential = "caller"

[[key]]
key_id = "team-a"
secret = "{CONSUMER}"
logical_groups = ["gpt"]
subscription_user = "team-a@relay.example"

[[key]]
key_id = "team-b"
secret = "{OTHER_CONSUMER}"
logical_groups = ["gpt"]
"#,
            osaka.base_url(),
            tokyo.base_url(),
            nagoya.base_url(),
        );
        let applied = server.apply(&fleet);
        assert!(applied.status.success(), "{}", stderr(&applied));
        Self { server, osaka, tokyo, nagoya, collector }
    }

    async fn call(&self, key: &str, path: &str, body: &str) -> Answer {
        let key = format!("Bearer {key}");
        let cookie = format!("session={COOKIE}");
        let headers = [("authorization", key.as_str()), ("content-type", "application/json"), ("cookie", &cookie)];
        try_send(self.server.gateway, Method::POST, path, &headers, body).await.unwrap()
    }

    async fn chat(&self, model: &str, stream: bool, key: &str) -> String {
        let body = json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": PROMPT }] });
        self.call(key, "/v1/chat/completions", &body.to_string()).await.text().await
    }

    async fn admin(&self, method: Method, path: &str, body: &str) -> Answer {
        let token = format!("Bearer {TOKEN}");
        let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
        try_send(self.server.admin, method, path, &headers, body).await.unwrap()
    }

    /// Requests that are served, and each way in which one is not.
    async fn drive(&self) {
        assert!(self.chat("gpt-5", false, CONSUMER).await.contains(ANSWER));
        assert!(self.chat("own", false, OTHER_CONSUMER).await.contains(ANSWER));
        assert!(self.chat("gpt-5", true, CONSUMER).await.contains("[DONE]"));
        // Hosts that quote what they were sent.
        let quoting = |error: relay_testkit::HostError| {
            error.with_message(format!("{PROMPT} was refused for {GATEWAY_KEY} and {OTHER_CONSUMER}"))
        };
        self.osaka.script(Reply::error(quoting(errors::CONTENT_POLICY)));
        self.chat("gpt-5", false, CONSUMER).await;
        self.osaka.script(Reply::error(quoting(errors::INVALID_API_KEY)));
        self.chat("own", false, OTHER_CONSUMER).await;
        // Failing over, to a key that is obtained only now.
        self.osaka.script(Reply::error(quoting(errors::UPSTREAM_UNAVAILABLE)));
        assert!(self.chat("gpt-5", false, CONSUMER).await.contains(ANSWER));
        // Cut before and inside of the answer.
        self.osaka.script(Reply::reset_before_head());
        self.chat("gpt-5", true, CONSUMER).await;
        self.osaka.script(Reply::chat(ANSWER).truncate_after(2, Cut::Eof));
        self.chat("gpt-5", true, CONSUMER).await;
        self.osaka.script(Reply::raw("application/json", format!("{{\"cut\": \"{ANSWER}")));
        self.chat("gpt-5", false, CONSUMER).await;
        // A client that leaves.
        self.osaka.script(Reply::chat(ANSWER).stall_after(2));
        let body = json!({ "model": "gpt-5", "stream": true, "messages": [{ "role": "user", "content": PROMPT }] });
        let mut leaving = self.call(CONSUMER, "/v1/chat/completions", &body.to_string()).await;
        leaving.next().await;
        drop(leaving);
        // Requests that are refused by us.
        self.chat("gpt-5", false, WRONG).await;
        self.call(CONSUMER, "/v1/chat/completions", &format!("{{\"model\": \"gpt-5\", \"input\": \"{PROMPT}")).await;
        self.call(CONSUMER, &format!("/v1/unknown?key={WRONG}"), PROMPT).await;
        self.call("", &format!("/v1beta/models/gpt-5:generateContent?key={WRONG}"), "{}").await;
        self.chat("unknown", false, CONSUMER).await;
    }

    /// What operators do.
    async fn operate(&self) {
        let probe = json!({
            "logical_group_id": "gpt", "public_model": "gpt-5", "scope": "user", "subject_id": "alice",
            "gateway_api_key": PROBE_KEY, "messages": [{ "role": "user", "content": PROMPT }],
        });
        let probed = self.admin(Method::POST, "/api/v1/proxy-route-chat-completions", &probe.to_string()).await;
        assert_eq!(probed.status, 200);
        self.admin(
            Method::POST,
            "/api/v1/proxy-route-chat-completions",
            &format!("{{\"gateway_api_key\": \"{PROBE_KEY}\""),
        )
        .await;
        // A document with faults beside its secrets.
        let faulty = format!(
            "[[host]]\nhost_id = \"x y\"\nbase_url = 7\ngateway_key = \"{GATEWAY_KEY}\"\nkind = \"{PASSWORD}\""
        );
        let refused = self.server.apply(&faulty);
        assert!(
            !refused.status.success()
                && !stdout(&refused).contains(GATEWAY_KEY)
                && !stderr(&refused).contains(GATEWAY_KEY)
        );
        for host in ["tokyo", "nagoya"] {
            self.admin(Method::POST, &format!("/api/v1/hosts/{host}/probe"), "").await;
            self.admin(Method::POST, &format!("/api/v1/hosts/{host}/sync"), "{}").await;
        }
        self.admin(Method::POST, "/api/v1/access-rotate", r#"{"host_id": "tokyo"}"#).await;
        let channels = [
            json!({ "id": "hook", "type": "webhook", "allow_private": true, "secret": WEBHOOK_SECRET,
                "url": format!("http://127.0.0.1:9/in?token={WEBHOOK_TOKEN}") }),
            json!({ "id": "ding", "type": "dingtalk", "allow_private": true, "secret": DINGTALK_SECRET,
                "url": format!("http://127.0.0.1:9/robot/send?access_token={WEBHOOK_TOKEN}") }),
            json!({ "id": "bot", "type": "telegram", "allow_private": true, "bot_token": BOT_TOKEN, "chat_id": "1",
                "base_url": "http://127.0.0.1:9" }),
            json!({ "id": "mail", "type": "email", "allow_private": true, "smtp_host": "127.0.0.1", "smtp_port": 9,
                "tls": "none", "username": "relay", "password": SMTP_PASSWORD, "from": "a@relay.example", "to": ["b@relay.example"] }),
        ];
        for channel in channels {
            let added = self.admin(Method::POST, "/api/v1/notifications/channels", &channel.to_string()).await;
            let status = added.status;
            assert_eq!(status, 201, "{}", added.text().await);
            let id = channel["id"].as_str().unwrap();
            self.admin(Method::POST, &format!("/api/v1/notifications/channels/{id}/test"), "").await.text().await;
        }
        let unknown = format!("rma-{WRONG}");
        let headers = [("authorization", unknown.as_str())];
        try_send(self.server.admin, Method::GET, "/api/v1/hosts", &headers, "").await.unwrap();
    }
}

/// Every path that the admin listener answers a GET on, with ids that are there: as the API
/// describes itself, so that a new one is looked at too.
async fn paths(server: &Server, decision: &str) -> Vec<String> {
    let document = admin_get(server.admin, "/api/v1/openapi.json").await.json().await;
    let described = document["paths"].as_object().unwrap().iter().filter(|(_, methods)| methods["get"].is_object());
    // A tail of events has no end, and repeats what lists show.
    let described = described.map(|(path, _)| path.as_str()).filter(|path| !path.ends_with("/stream"));
    let own = ["/metrics", "/api/v1/openapi.json", "/docs"];
    let paths: Vec<String> = described.map(|path| with_ids(path, decision)).chain(own.map(str::to_owned)).collect();
    assert!(paths.len() > 30, "{paths:?}");
    paths
}

fn with_ids(path: &str, decision: &str) -> String {
    let ids: &[&str] = match path.trim_start_matches("/api/v1/").split('/').next().unwrap_or_default() {
        "hosts" => &["tokyo"],
        "groups" => &["gpt"],
        "routes" => &["gpt-tokyo"],
        "keys" => &["team-a"],
        "decisions" => &[decision],
        "notifications" => &["hook"],
        "access" => &["tokyo", "team-a@relay.example", "pool"],
        _ => &["1"],
    };
    let mut ids = ids.iter().chain(std::iter::repeat(&"1"));
    let segments = path
        .split('/')
        .map(|segment| if segment.starts_with('{') { ids.next().copied().unwrap_or_default() } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

fn files(directory: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if let Ok(bytes) = std::fs::read(&path) {
            // A journal that was filed meanwhile is gone, and its rows are looked at where they are now.
            found.push((path.display().to_string(), bytes));
        }
    }
}

/// The ways in which a secret might be written: as it is, in hex, and escaped as in a URL.
fn forms(secret: &str) -> [Vec<u8>; 3] {
    let hex = secret.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let escaped = secret.replace(' ', "%20").replace(':', "%3A");
    [secret.as_bytes().to_vec(), hex.into_bytes(), escaped.into_bytes()]
}

fn holds(place: &[u8], secret: &str) -> bool {
    forms(secret).iter().any(|form| place.windows(form.len()).any(|window| window == form))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_prompt_or_answer_is_anywhere_but_where_it_belongs() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::new(directory.path()).await;
    world.drive().await;
    world.operate().await;

    // They did travel.
    let sent = |host: &FakeHost, key: &str| host.received().iter().any(|request| request.bearer() == Some(key));
    assert!(sent(&world.osaka, GATEWAY_KEY) && sent(&world.osaka, OTHER_CONSUMER) && sent(&world.osaka, PROBE_KEY));
    assert!(world.tokyo.received().iter().any(|request| request.header("x-api-key") == Some(ADMIN_KEY)));
    assert!(world.nagoya.received().iter().any(|request| String::from_utf8_lossy(&request.body).contains(PASSWORD)));
    let managed = world.tokyo.panel(|panel| panel.keys.iter().map(|key| key.key.clone()).collect::<Vec<_>>());
    assert!(managed.iter().any(|key| sent(&world.tokyo, key)), "{managed:?}");
    let secrets: Vec<&str> = ALL.iter().copied().chain(managed.iter().map(String::as_str)).collect();

    let mut places = Vec::new();
    let decisions = admin_get(world.server.admin, "/api/v1/decisions?limit=100").await.json().await;
    let decisions = decisions["items"].as_array().unwrap().clone();
    assert!(decisions.len() >= 12, "{} decisions", decisions.len());
    for path in paths(&world.server, decisions[0]["request_id"].as_str().unwrap()).await {
        let answer = admin_get(world.server.admin, &path).await;
        assert_ne!(answer.status, 500, "{path}");
        places.push((path, answer.text().await.into_bytes()));
    }
    for decision in &decisions {
        let path = format!("/api/v1/decisions/{}/explain", decision["request_id"].as_str().unwrap());
        places.push((path.clone(), admin_get(world.server.admin, &path).await.text().await.into_bytes()));
    }
    let exported = world.server.cli(&["export"]);
    places.push(("export".to_owned(), exported.stdout));
    // While it runs, with what is not filed yet; and after its end.
    files(&directory.path().join("data"), &mut places);
    let World { mut server, collector, .. } = world;
    server.process.signal("TERM");
    let (status, log) = server.process.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    files(&directory.path().join("data"), &mut places);
    assert!(log.contains("\"level\":\"TRACE\""), "the log is as talkative as it can be");
    places.push(("the log".to_owned(), log.into_bytes()));
    places.push(("what was printed".to_owned(), server.process.stdout().into_bytes()));
    // The last spans were sent before the process ended. Texts in OTLP are as they are.
    let traces: Vec<_> = collector.received_on("/v1/traces").iter().map(|batch| batch.body.to_vec()).collect();
    let told = traces.concat();
    assert!(["gpt-tokyo", "gpt-osaka"].iter().all(|route| holds(&told, route)), "the attempts are traced");
    places.push(("the traces".to_owned(), told));

    let mut found = Vec::new();
    for (place, bytes) in &places {
        for secret in &secrets {
            if holds(bytes, secret) {
                found.push(format!("{secret:?} is in {place}"));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

//! Managed access and hosts as a whole by the commands of the real binary, against both known versions.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use http::Method;
use relay_testkit::{FakeGroup, FakeHost, Personality, Reply};
use serde_json::{Value, json};
use support::http::try_send;
use support::{CONSUMER_KEY, Server, stderr, stdout};

const BOTH: [Personality; 2] = [Personality::S, Personality::N];
const ADMIN_KEY: &str = "admin-canary-0123456789abcdef0123456789abcdef";
const USER: &str = "team-a@relay.example";
const LONG_AGO: &str = "2026-01-01T00:00:00Z";

/// A server with one host, whose admin key it has from its environment.
struct World {
    host: FakeHost,
    server: Server,
    _directory: tempfile::TempDir,
}

impl World {
    async fn new(personality: Personality) -> Self {
        let host = FakeHost::builder().name("tokyo").personality(personality).admin_key(ADMIN_KEY);
        let host = host.group(FakeGroup::new(7, "pool")).start().await;
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start_with(directory.path(), |command| command.env("TOKYO_ADMIN_KEY", ADMIN_KEY));
        Self { host, server, _directory: directory }
    }

    /// The same with a route to the host, and a consumer who has a subscription user.
    async fn with_fleet(personality: Personality) -> Self {
        let world = Self::new(personality).await;
        let fleet = support::fleet(&[("tokyo", &world.host.base_url())])
            .replace("kind = \"openai\"", "kind = \"sub2api\"\nadmin_key = { env = \"TOKYO_ADMIN_KEY\" }")
            .replace("gateway_key = \"sk-host-tokyo\"\n", "")
            .replace("credential = \"host_key\"", "shadow_group_id = \"pool\"\ncredential = \"managed\"")
            .replace("key_id = \"team-a\"", &format!("key_id = \"team-a\"\nsubscription_user = \"{USER}\""));
        std::fs::write(world.server.directory.join("fleet.toml"), fleet).unwrap();
        let applied =
            world.server.cli_with(&["apply", "-f", "fleet.toml"], |command| command.env("TOKYO_ADMIN_KEY", ADMIN_KEY));
        assert!(applied.status.success(), "{}", stderr(&applied));
        world
    }

    /// Runs a command that ends with `code` and shows no secret; what it printed, or said on failing.
    fn run(&self, args: &[&str], code: i32) -> String {
        let output = self.server.cli(args);
        let (told, failed) = (stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(code), "{args:?}: {told}{failed}");
        let keys = self.host.panel(|panel| panel.keys.iter().map(|key| key.key.clone()).collect::<Vec<_>>());
        for secret in keys.iter().map(String::as_str).chain([ADMIN_KEY]) {
            assert!(!told.contains(secret) && !failed.contains(secret), "{args:?} shows a secret");
        }
        told + &failed
    }

    /// Whether a request of the consumer gets an answer; the older host has no chat completions.
    async fn serves(&self) -> bool {
        let key = format!("Bearer {CONSUMER_KEY}");
        let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
        let body = r#"{"model":"gpt-5","input":"hi"}"#;
        let answer = try_send(self.server.gateway, Method::POST, "/v1/responses", &headers, body).await.unwrap();
        let status = answer.status;
        answer.text().await;
        status == 200
    }

    /// The text of each key that is there.
    fn keys(&self) -> Vec<String> {
        self.host.panel(|panel| panel.keys.iter().filter(|key| !key.deleted).map(|key| key.key.clone()).collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_added_by_reference_probed_and_shown() {
    for (personality, soft_revoke) in [(Personality::S, "no"), (Personality::N, "yes")] {
        let world = World::new(personality).await;
        let url = world.host.base_url();
        let add = ["host", "add", "tokyo", "--base-url", &url, "--allow-private", "--admin-key-env", "TOKYO_ADMIN_KEY"];
        assert!(world.run(&add, 1).contains("read here"), "the server has the variable, and does not read it");
        let add_with_key = || world.server.cli_with(&add, |command| command.env("TOKYO_ADMIN_KEY", ADMIN_KEY));
        let added = add_with_key();
        assert!(added.status.success() && !stdout(&added).contains(ADMIN_KEY), "{}", stderr(&added));
        assert_eq!(add_with_key().status.code(), Some(1), "it is there already");
        let exported = world.run(&["export"], 0);
        assert!(exported.contains("TOKYO_ADMIN_KEY"), "{exported}");

        assert_eq!(world.server.json(&["host", "show", "tokyo"])["capabilities"], Value::Null, "nobody has looked");
        assert!(world.run(&["host", "probe", "tokyo"], 0).contains("soft_revoke"));
        let shown = world.server.json(&["host", "show", "tokyo"]);
        assert_eq!((&shown["host_id"], &shown["capabilities"]["soft_revoke"]), (&json!("tokyo"), &json!(soft_revoke)));
        world.run(&["host", "show", "osaka"], 1);
        world.run(&["host", "probe", "osaka"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_wants_a_person_is_probed_with_exit_1_and_says_why() {
    let world = World::with_fleet(Personality::N).await;
    world.host.panel(|panel| panel.compliance_pending = true);
    let told = world.run(&["host", "probe", "tokyo"], 1);
    assert!(told.contains("compliance") && told.contains("panel"), "{told}");
    assert!(world.run(&["access", "ensure", "tokyo", USER, "pool"], 1).contains("compliance"));
    assert!(world.host.panel(|panel| panel.compliance_pending && panel.users.len() == 1), "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn access_is_ensured_shown_served_and_revoked() {
    for personality in BOTH {
        let world = World::with_fleet(personality).await;
        let none = world.run(&["access", "show"], 0);
        assert!(none.contains("access ensure"), "it says how to get some: {none}");
        let told = world.run(&["access", "ensure"], 0);
        assert!(told.contains("1 grants are needed, 1 of them new") && told.contains("1 of 1 ready"), "{told}");
        let again = world.run(&["access", "ensure", "tokyo", USER, "pool"], 0);
        assert!(again.contains("ready"), "{again}");
        assert_eq!(world.keys().len(), 1);
        assert!(world.serves().await);

        let list = world.run(&["access", "show", "--state", "ready"], 0);
        assert!(list.contains(USER) && list.contains("tokyo"), "{list}");
        let one = world.server.json(&["access", "show", "tokyo", USER, "pool"]);
        assert_eq!(
            (&one["state"], &one["generation"], &one["keys"][0]["state"]),
            (&json!("ready"), &json!(1), &json!("live"))
        );

        assert!(world.run(&["access", "revoke", "tokyo", USER, "pool"], 0).contains("revoked"));
        assert!(world.keys().is_empty(), "the key is gone on the host");
        assert!(!world.serves().await);
        assert!(world.run(&["access", "show", "--state", "revoked"], 0).contains(USER));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_says_what_was_changed_by_hand_and_publishes_routes_only_when_told() {
    let world = World::with_fleet(Personality::N).await;
    world.run(&["access", "ensure"], 0);
    let told = world.run(&["host", "sync", "tokyo"], 1);
    assert!(told.contains("model_missing") && told.contains("1 subscriptions, 1 keys"), "{told}");

    let models = ["host", "sync", "tokyo", "--models", "pool", "--into", "gpt"];
    let preview = world.run(&models, 3);
    assert!(preview.contains("nothing was changed; --apply publishes"), "{preview}");
    let routes = || world.server.json(&["route", "list"])["items"].as_array().unwrap().len();
    assert_eq!(routes(), 1);
    let applied = world.run(&[&models[..], &["--apply"]].concat(), 0);
    assert!(applied.contains("published as generation 2"), "{applied}");
    assert!(routes() > 1);
    world.run(&models, 0);

    world.host.panel(|panel| panel.groups[0].name = "renamed".into());
    assert!(world.run(&["host", "sync", "tokyo"], 1).contains("group_renamed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rotate_exchanges_every_key_and_ends_when_it_is_done() {
    for personality in BOTH {
        let world = World::with_fleet(personality).await;
        assert!(world.serves().await, "the first request obtains the key");
        let first = world.keys();
        let told = world.run(&["host", "rotate", "tokyo"], 0);
        assert!(told.contains("new keys are asked for 1 grants") && told.contains("1 of 1 ready"), "{told}");
        assert!(world.serves().await);
        let sent = world.host.received().last().unwrap().bearer().unwrap().to_owned();
        assert!(!first.contains(&sent), "the new key is sent");
        assert!(world.keys().contains(&first[0]), "the old one serves what is under way");

        world.run(&["host", "rotate", "--all", "--leaked"], 0);
        let left = world.keys();
        assert!(!left.contains(&sent) && !left.contains(&first[0]), "nothing is left of what leaked: {left:?}");
        assert!(world.serves().await);
        let one = world.server.json(&["access", "show", "tokyo", USER, "pool"]);
        assert_eq!(one["generation"], 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reconcile_tells_what_is_on_one_side_only_and_exits_by_it() {
    let world = World::with_fleet(Personality::N).await;
    for _ in 0..3 {
        assert!(world.serves().await);
    }
    // The last minute is not looked at: hosts write their rows later.
    let told = world.run(&["host", "reconcile", "tokyo", "--since", LONG_AGO], 0);
    assert!(told.contains("0 the same"), "{told}");
    let hour = jiff::SignedDuration::from_hours(1);
    world.host.panel(|panel| {
        let mut stranger = panel.usage[0].clone();
        (stranger.id, stranger.request_id) = (900, "client:nobody-knows".into());
        stranger.created_at -= hour;
        panel.usage.push(stranger);
    });
    let told = world.run(&["host", "reconcile", "tokyo", "--since", LONG_AGO], 1);
    assert!(told.contains("missing_here") && told.contains("1 missing here"), "{told}");
    world.run(&["host", "reconcile", "tokyo", "--since", "yesterday"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_hosts_bill_is_joined_by_the_upstreams_id_and_what_has_none_by_sums() {
    let hour = jiff::SignedDuration::from_hours(1);
    let reconcile = ["host", "reconcile", "tokyo", "--since", LONG_AGO];
    for id in [Some("req_011CS"), None] {
        let world = World::with_fleet(Personality::S).await;
        let reply = Reply::echo();
        world.host.script(if let Some(id) = id { reply.upstream_request_id(id) } else { reply });
        assert!(world.serves().await);
        // Within what is looked at: the decision is a moment old, and the last minute is left out.
        world.host.panel(|panel| panel.usage[0].created_at -= hour);
        let told = world.run(&reconcile, 1);
        let expected = match id {
            Some(_) => "joined by the upstream's x-request-id, which this older host hands on",
            None => "only the sums can be compared, request by request nothing can be said",
        };
        assert!(told.contains(expected), "{told}");
    }
}

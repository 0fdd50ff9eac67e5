//! Each event that a channel can subscribe to reaches one: its cause is made, and what arrives at a
//! webhook is read. Those that last are told again when they are over.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use relay_control::BudgetUse;
use relay_control::hosts::WatchSettings;
use relay_domain::{Amount, Budget, HostId, Money, Period};
use relay_health::{CredentialId, Selection};
use relay_ledger::Intent;
use relay_routing::{AnswerHead, Ending, Outcome, classify};
use relay_store::{Event, Severity};
use relay_testkit::{FakeAccount, FakeGroup, FakeHost, FakeKey, FakeUser, Personality, Reply};
use serde_json::{Value, json};

use crate::support::{Server, tiers};

const PATH: &str = "/hook";
const ADMIN_KEY: &str = "admin-key-for-tests";

/// A server with a channel, and what arrives there.
struct World {
    server: Server,
    hook: FakeHost,
    heard: usize,
    now: Instant,
}

impl World {
    async fn new(fleet: &str) -> Self {
        Self::over(Server::with_fleet(fleet).await).await
    }

    async fn over(server: Server) -> Self {
        let hook = FakeHost::start().await;
        for _ in 0..40 {
            hook.script_path(PATH, Reply::empty(204));
        }
        let channel = json!({
            "id": "hook", "type": "webhook", "url": format!("{}{PATH}", hook.base_url()), "secret": "whsec-1",
            "allow_private": true,
        });
        let created = server.post("/api/v1/notifications/channels", &channel).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
        let mut world = Self { server, hook, heard: 0, now: Instant::now() };
        assert_eq!(world.hears().await, Vec::<String>::new(), "all is well");
        world
    }

    /// Lets so much time pass for everybody.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.server.clock.advance(SignedDuration::try_from(time).unwrap());
    }

    /// What has arrived since the last call, after a look at everything: `kind/phase subject`.
    async fn hears(&mut self) -> Vec<String> {
        self.server.control.notice(self.now).await.unwrap();
        self.server.control.send_notifications().await.unwrap();
        let received = self.hook.received_on(PATH);
        let new = received[self.heard..].iter().map(|request| told(&request.json())).collect();
        self.heard = received.len();
        new
    }

    /// The same once what has been is over: what lasts is over when it was not seen for a while.
    async fn hears_of_the_end(&mut self) -> Vec<String> {
        self.pass(Duration::from_mins(1));
        assert_eq!(self.hears().await, Vec::<String>::new(), "it may come again");
        self.pass(Duration::from_mins(15));
        self.hears().await
    }

    /// One attempt on a route that ends so, now.
    fn attempt(&self, route: &str, outcome: &Outcome) {
        let snapshot = self.server.control.snapshot();
        let health = self.server.health.generation(&snapshot);
        let permit = health.admit(snapshot.route_by_id(route).unwrap(), CredentialId(1), self.now).unwrap();
        permit.ended(outcome, self.now);
    }

    fn clear(&self) {
        self.server.health.clear(&Selection { at_once: true, ..Selection::default() }, self.now);
    }
}

fn told(event: &Value) -> String {
    let word = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    format!("{}/{} {}", word("kind"), word("phase"), word("subject"))
}

fn status(status: u16) -> Outcome {
    let head = AnswerHead { status, content_type: "application/json", wait: None, body_head: Some(b"{}") };
    classify(&Ending::Answer(head))
}

/// Hosts that exist by name alone.
async fn of_hosts(names: &[&str]) -> World {
    let mut hosts = Vec::new();
    for name in names {
        hosts.push((*name, FakeHost::start().await));
    }
    let hosts: Vec<(&str, &FakeHost)> = hosts.iter().map(|(name, host)| (*name, host)).collect();
    World::new(&tiers(&hosts)).await
}

/// A host with a panel that lets us in.
async fn with_panel() -> (FakeHost, World) {
    let host = FakeHost::builder().personality(Personality::N).admin_key(ADMIN_KEY);
    let host = host.group(FakeGroup::new(7, "pool")).group(FakeGroup::new(8, "standard").standard()).start().await;
    let fields = format!("kind = \"sub2api\"\nadmin_key = \"{ADMIN_KEY}\"");
    let world = World::new(&tiers(&[("a", &host)]).replace("kind = \"openai\"", &fields)).await;
    (host, world)
}

#[tokio::test]
async fn host_down_and_its_end() {
    let mut world = of_hosts(&["a", "b"]).await;
    (0..5).for_each(|_| world.attempt("gpt-a", &classify(&Ending::Unreachable)));
    assert_eq!(world.hears().await, ["host_down/firing a"]);
    assert_eq!(world.hears().await, Vec::<String>::new(), "told once");
    world.clear();
    world.attempt("gpt-a", &status(200));
    assert_eq!(world.hears_of_the_end().await, ["host_down/recovered a"]);
}

#[tokio::test]
async fn panic_mode_and_its_end() {
    let mut world = of_hosts(&["a"]).await;
    (0..5).for_each(|_| world.attempt("gpt-a", &status(503)));
    assert_eq!(world.hears().await, ["panic_mode/firing gpt/gpt-5"]);
    world.clear();
    world.attempt("gpt-a", &status(200));
    assert_eq!(world.hears_of_the_end().await, ["panic_mode/recovered gpt/gpt-5"]);
}

#[tokio::test]
async fn credential_dead_and_its_end() {
    let mut world = of_hosts(&["a"]).await;
    for wait in [6, 11, 19] {
        world.attempt("gpt-a", &status(401));
        assert_eq!(world.hears().await, Vec::<String>::new(), "a refusal alone wakes nobody");
        world.pass(Duration::from_secs(wait));
    }
    // The cool-downs before are over; the key has been refused for half a minute.
    world.pass(Duration::from_secs(10));
    world.attempt("gpt-a", &status(401));
    assert_eq!(world.hears().await, ["credential_dead/firing a, key 0000000000000001"]);
    world.pass(Duration::from_mins(10));
    world.attempt("gpt-a", &status(200));
    assert_eq!(world.hears_of_the_end().await, ["credential_dead/recovered a, key 0000000000000001"]);
}

#[tokio::test]
async fn drift_and_its_end() {
    let mut world = of_hosts(&["a"]).await;
    world.attempt("gpt-a", &status(405));
    assert_eq!(world.hears().await, ["drift/firing gpt-a"]);
    world.attempt("gpt-a", &status(200));
    assert_eq!(world.hears_of_the_end().await, ["drift/recovered gpt-a"]);
}

#[tokio::test]
async fn balance_low_and_its_end() {
    let (host, mut world) = with_panel().await;
    let balance = |balance: f64| {
        host.panel(|panel| {
            if let Some(payer) = panel.users.iter_mut().find(|user| user.email == "payer@relay.example") {
                payer.balance = balance;
            } else {
                let user = panel.add_user(FakeUser { balance, ..FakeUser::new("payer@relay.example") });
                panel.add_key(FakeKey::new(user, "sk-host-a", Some(8)));
            }
        });
    };
    balance(4.0);
    world.server.control.watch_host("a", WatchSettings::now(10)).await.unwrap();
    world.pass(Duration::from_mins(1));
    assert_eq!(world.hears().await, ["balance_low/firing a, gateway key"]);
    balance(40.0);
    world.server.control.watch_host("a", WatchSettings::now(10)).await.unwrap();
    world.pass(Duration::from_mins(1));
    assert_eq!(world.hears_of_the_end().await, ["balance_low/recovered a, gateway key"]);
}

#[tokio::test]
async fn balance_low_of_a_subscriptions_quota_and_its_end() {
    let (host, server) = crate::hosts::server(Personality::N).await;
    host.panel(|panel| panel.groups[0].daily_limit_usd = Some(10.0));
    crate::hosts::probe_over(&server, "r-1").await;
    let mut world = World::over(server).await;
    let used = |cents| host.panel(|panel| panel.subscriptions[0].daily_usage_cents = cents);
    used(950);
    world.server.control.watch_host("a", WatchSettings::now(10)).await.unwrap();
    world.pass(Duration::from_mins(1));
    assert_eq!(world.hears().await, ["balance_low/firing a, team-a@relay.example/7"]);
    used(100);
    world.server.control.watch_host("a", WatchSettings::now(10)).await.unwrap();
    world.pass(Duration::from_mins(1));
    assert_eq!(world.hears_of_the_end().await, ["balance_low/recovered a, team-a@relay.example/7"]);
}

#[tokio::test]
async fn credential_dead_of_access_that_a_host_refuses() {
    let (host, server) = crate::hosts::server(Personality::N).await;
    let mut world = World::over(server).await;
    // The group is known; what the host refuses is its users.
    let group = json!({ "host_id": "a", "type": "group", "name": "pool", "remote_id": "7" });
    assert_eq!(world.server.post("/api/v1/managed-resources", &group).await.status, StatusCode::CREATED);
    host.panel(|panel| panel.compliance_pending = true);
    let asked = json!({ "request_id": "r-1", "gateway_api_key": null, "subscription_user_id": "team-a@relay.example" });
    assert_ne!(world.server.proxy(&asked).await.status, StatusCode::OK);
    world.pass(Duration::from_mins(1));
    assert_eq!(world.hears().await, ["credential_dead/firing a, team-a@relay.example/7"]);
}

#[tokio::test]
async fn price_changed_each_time() {
    let (host, mut world) = with_panel().await;
    for (rate, heard) in [(1.0, 0), (2.0, 1), (2.0, 0), (0.5, 1)] {
        host.panel(|panel| panel.groups[0].rate_multiplier = rate);
        world.server.control.watch_host("a", WatchSettings::now(10)).await.unwrap();
        let told = world.hears().await;
        assert_eq!(told, vec!["price_changed/firing a, group:7"; heard], "at {rate}");
    }
    let last = world.hook.received_on(PATH).pop().unwrap().json();
    assert_eq!((&last["facts"]["price_before"], &last["facts"]["price"]), (&json!(2.0), &json!(0.5)));
}

#[tokio::test]
async fn accounts_unavailable_and_its_end() {
    let (host, mut world) = with_panel().await;
    host.panel(|panel| panel.accounts = vec![FakeAccount::new(1, 7)]);
    for (status, told) in [("active", &[][..]), ("error", &["accounts_unavailable/firing a, group:7"])] {
        host.panel(|panel| status.clone_into(&mut panel.accounts[0].status));
        world.server.control.watch_host("a", WatchSettings::now(10)).await.unwrap();
        // What is on record is looked up once a minute.
        world.pass(Duration::from_mins(1));
        assert_eq!(world.hears().await, told, "{status}");
    }
    host.panel(|panel| "active".clone_into(&mut panel.accounts[0].status));
    world.server.control.watch_host("a", WatchSettings::now(10)).await.unwrap();
    world.pass(Duration::from_mins(1));
    assert_eq!(world.hears().await, Vec::<String>::new(), "it may come again");
    world.pass(Duration::from_mins(1));
    assert_eq!(world.hears().await, ["accounts_unavailable/recovered a, group:7"]);
}

/// What puts them on record is shown in `relay-control`: where a subscription of somebody else ends, where a key is gone
/// from its host, and where an adopted one is exchanged.
#[tokio::test]
async fn subscription_expiring_key_lost_and_key_to_delete() {
    let mut world = of_hosts(&["a"]).await;
    let ends = |kind: &str, at: Timestamp| Event {
        id: 0,
        at,
        kind: kind.to_owned(),
        severity: Severity::Warning,
        host: Some(HostId::new("a").unwrap()),
        subject: "team-a@relay.example/7".to_owned(),
        message: "subscription 3 ends and was not made by Relay Manager: extend it".to_owned(),
        details: json!({ "expires_at": "2026-11-04T12:00:00Z" }),
    };
    let now = world.server.control.now();
    let store = Arc::clone(&world.server.store);
    let record = async |kind: &str| {
        use relay_store::EventStore as _;
        store.record_events(&[ends(kind, now)]).await.unwrap();
    };
    for (recorded, told) in
        [("subscription_ends", "subscription_expiring"), ("key_lost", "key_lost"), ("key_to_delete", "key_to_delete")]
    {
        record(recorded).await;
        assert_eq!(world.hears().await, [format!("{told}/firing a, team-a@relay.example/7")]);
        assert_eq!(world.hears().await, Vec::<String>::new(), "told once");
    }
}

#[tokio::test]
async fn key_expiring() {
    let host = FakeHost::start().await;
    let mut world = World::new(&tiers(&[("a", &host)])).await;
    let key = "[[key]]\nkey_id = \"team-a\"\nlogical_groups = [\"gpt\"]\nexpires_at = \"2026-11-05T12:00:00Z\"\n";
    world.server.publish(&format!("{}{key}", tiers(&[("a", &host)]))).await;
    assert_eq!(world.hears().await, ["key_expiring/firing team-a"]);
}

#[tokio::test]
async fn log_stalled_and_its_end() {
    let mut world = of_hosts(&["a"]).await;
    world.server.room.store(0, Ordering::SeqCst);
    let ledger = world.server.ledger.clone();
    let intent = intent(world.server.control.now());
    let waiting = tokio::spawn(async move { ledger.intent(Box::new(intent)).await.is_ok() });
    let ledger = world.server.ledger.clone();
    let failing = async {
        while ledger.stats().failing_ms.is_none_or(|lasting| lasting < 1_000) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(relay_testkit::PATIENCE, failing).await.expect("the log fails");
    assert_eq!(world.hears().await, ["log_stalled/firing decision log"]);
    world.server.room.store(u64::MAX, Ordering::SeqCst);
    let well = async {
        while ledger.stats().failing_ms.is_some() {
            ledger.settle().await;
        }
    };
    tokio::time::timeout(relay_testkit::PATIENCE, well).await.expect("the log works again");
    assert!(waiting.await.unwrap(), "what waited is recorded");
    assert_eq!(world.hears_of_the_end().await, ["log_stalled/recovered decision log"]);
}

fn intent(at: Timestamp) -> Intent {
    Intent {
        at,
        request_id: "r-1".to_owned(),
        client_request_id: None,
        generation: 1,
        surface: "chat_completions",
        consumer: None,
        logical_group_id: "gpt".into(),
        public_model: "gpt-5".into(),
        scope: "none",
        sticky_key: None,
        sticky_type: None,
        sticky_source: None,
        sticky_hit: false,
        sticky_action: "none",
        route_id: None,
        host_id: None,
        shadow_group_id: None,
        shadow_model: None,
        fallback_used: false,
        stream: false,
        user_key: None,
        conversation_key: None,
        seed: 0,
        candidates: Vec::new(),
    }
}

#[tokio::test]
async fn budget_reached_nearly_then_wholly_and_its_end() {
    let mut world = of_hosts(&["a"]).await;
    let used = |cents: i64, is_spent| BudgetUse {
        of: "key team-a".to_owned(),
        budget: Budget { amount: Amount::Money(Money::from_nanos(20_000_000_000)), period: Period::Day },
        tokens: 0,
        money: Money::from_nanos(cents * 10_000_000),
        is_spent,
        ends_at: "2026-11-02T00:00:00Z".parse().unwrap(),
    };
    let set = |world: &World, uses: Vec<BudgetUse>| *world.server.budgets.lock().unwrap() = uses;
    set(&world, vec![used(1_850, false)]);
    let subject = "key team-a, 20 a day";
    assert_eq!(world.hears().await, [format!("budget_reached/firing {subject}")]);
    set(&world, vec![used(2_010, true)]);
    assert_eq!(world.hears().await, [format!("budget_reached/firing {subject}")], "it became worse");
    set(&world, Vec::new());
    assert_eq!(world.hears_of_the_end().await, [format!("budget_reached/recovered {subject}")]);
    let last = &world.hook.received_on(PATH)[1].json();
    assert_eq!((&last["severity"], &last["facts"]["used"]), (&json!("warning"), &json!("20.1")));
}

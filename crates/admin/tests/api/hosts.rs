//! A host as a whole: added, probed, compared, watched, reconciled.

use relay_control::hosts::WatchSettings;
use relay_testkit::{
    AdminFault, FakeAccount, FakeGroup, FakeHost, FakeKey, FakeSubscription, FakeUser, Gate, Personality,
};
use serde_json::{Value, json};

use crate::support::{Answer, Server, tiers};

const ADMIN_KEY: &str = "admin-0123456789abcdef0123456789abcdef";
pub(crate) const USER: &str = "team-a@relay.example";

pub(crate) async fn server(personality: Personality) -> (FakeHost, Server) {
    let host = FakeHost::builder().personality(personality).admin_key(ADMIN_KEY).group(FakeGroup::new(7, "pool"));
    let host = host.group(FakeGroup::new(9, "spare")).start().await;
    let fields = format!("kind = \"sub2api\"\nadmin_key = \"{ADMIN_KEY}\"");
    let fleet = tiers(&[("a", &host)]).replace("kind = \"openai\"", &fields);
    let fleet =
        fleet.replace("\"7\"", "\"pool\"\ncredential = \"managed\"").replace("gateway_key = \"sk-host-a\"\n", "");
    let server = Server::with_fleet(&fleet).await;
    // The host lives in the time of its rows.
    host.panel(|panel| panel.clock_skew = crate::support::start_of_time().duration_since(jiff::Timestamp::now()));
    (host, server)
}

pub(crate) async fn probe_over(server: &Server, id: &str) -> Value {
    server.proxy(&json!({ "request_id": id, "gateway_api_key": null, "subscription_user_id": USER })).await.ok()
}

pub(crate) async fn sync(server: &Server) -> Answer {
    server.post("/api/v1/hosts/a/sync", &json!({})).await
}

pub(crate) fn kinds(synced: &Value) -> Vec<String> {
    let drift = synced["drift"].as_array().cloned().unwrap_or_default();
    drift.iter().map(|item| item["kind"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_host_is_added_once() {
    let server = Server::empty().await;
    let host = json!({ "host_id": "b", "base_url": "https://b.example", "admin_key": "admin-canary" });
    let added = server.post("/api/v1/hosts", &host).await;
    assert_eq!((added.status.as_u16(), added.json()["host_id"].clone()), (201, json!("b")));
    assert!(!added.text.contains("canary"));
    assert_eq!(server.post("/api/v1/hosts", &host).await.error().1, "already_exists");
    let faulty = server.post("/api/v1/hosts", &json!({ "host_id": "c", "base_url": "nowhere" })).await;
    assert_eq!(
        (faulty.status.as_u16(), faulty.json()["error"]["details"][0]["path"].clone()),
        (400, json!("base_url"))
    );
    assert_eq!(server.get("/api/v1/hosts").await.ok()["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_a_host_can_do_is_probed_and_shown() {
    for (personality, soft) in [(Personality::S, "no"), (Personality::N, "yes")] {
        let (_host, server) = server(personality).await;
        assert_eq!(server.get("/api/v1/hosts/a/capabilities").await.ok()["capabilities"], Value::Null);
        let found = server.post("/api/v1/hosts/a/probe", &json!({})).await.ok();
        assert_eq!(found["capabilities"]["soft_revoke"], soft, "{found}");
        assert_eq!(server.get("/api/v1/hosts/a/capabilities").await.ok(), found);
        assert_eq!(server.post("/api/v1/hosts/nowhere/probe", &json!({})).await.status, 404);
    }
}

#[tokio::test]
async fn a_host_that_is_as_it_is_meant_to_be_shows_no_drift() {
    for personality in [Personality::S, Personality::N] {
        let (_host, server) = server(personality).await;
        probe_over(&server, "r-1").await;
        let synced = sync(&server).await.ok();
        let expected: &[&str] = &["model_missing"];
        assert_eq!(kinds(&synced), expected, "shadow-a is on no list: {synced}");
        assert_eq!((&synced["groups"], &synced["subscriptions"], &synced["keys"]), (&json!(2), &json!(1), &json!(1)));
        assert_eq!(synced["ensured"], 0);
    }
}

#[tokio::test]
async fn what_people_changed_by_hand_is_listed_and_what_is_ours_is_mended() {
    let (host, server) = server(Personality::N).await;
    probe_over(&server, "r-1").await;
    sync(&server).await.ok();
    host.panel(|panel| {
        panel.groups[0].name = "pool-2".into();
        panel.keys[0].status = "inactive".into();
        let user = panel.users[1].id;
        let notes = panel.users[1].notes.clone();
        panel.add_key(FakeKey { name: format!("{notes} g9"), ..FakeKey::new(1, "sk-of-nobody-0123456789", Some(7)) });
        panel.add_subscription(FakeSubscription { notes, ..FakeSubscription::new(1, 7, panel.now(), 30) });
        panel.add_key(FakeKey::new(user, "sk-made-by-hand-0123456789", Some(7)));
    });
    let synced = sync(&server).await.ok();
    let expected = ["group_renamed", "key_unusable", "orphan_subscription", "orphan_key"];
    assert_eq!(kinds(&synced), expected, "{synced}");
    let renamed = &synced["drift"][0];
    assert_eq!(
        (&renamed["desired"], &renamed["recorded"]["name"], &renamed["observed"]),
        (&json!("pool"), &json!("pool"), &json!("pool-2"))
    );
    assert_eq!(synced["ensured"], 1);
    // What is ours is obtained anew; the rest is as people left it.
    host.wait_calls("POST", "/api/v1/keys", 2).await;
    host.wait_in_flight(0).await;
    assert_eq!(host.panel(|panel| panel.keys.iter().filter(|key| key.name.ends_with("g2")).count()), 1);
    assert!(host.panel(|panel| panel.keys.iter().all(|key| !key.deleted)));
}

#[tokio::test]
async fn an_empty_answer_deletes_nothing() {
    let (host, server) = server(Personality::N).await;
    probe_over(&server, "r-1").await;
    sync(&server).await.ok();
    let before = server.get("/api/v1/hosts/a/objects").await.ok();
    host.panel(|panel| panel.groups.iter_mut().for_each(|group| group.deleted = true));
    for _ in 0..3 {
        let synced = sync(&server).await.ok();
        assert_eq!(kinds(&synced)[0], "empty_answer", "{synced}");
        assert!(!kinds(&synced).contains(&"group_missing".to_owned()));
    }
    let groups = |objects: &Value| {
        objects["items"]
            .as_array()
            .map(|items| items.iter().filter(|it| it["type"] == "group").cloned().collect::<Vec<_>>())
    };
    assert_eq!(groups(&server.get("/api/v1/hosts/a/objects").await.ok()), groups(&before));
    // One that is missing among others is missed, and still on record.
    host.panel(|panel| panel.groups[1].deleted = false);
    for misses in 1..=2 {
        assert!(kinds(&sync(&server).await.ok()).contains(&"group_missing".to_owned()));
        let objects = server.get("/api/v1/hosts/a/objects").await.ok();
        let seven = groups(&objects).and_then(|groups| groups.into_iter().find(|group| group["name"] == "7"));
        assert_eq!(seven.map(|group| group["misses"].clone()), Some(json!(misses)));
    }
}

#[tokio::test]
async fn models_become_routes_after_a_preview() {
    let (_host, server) = server(Personality::N).await;
    probe_over(&server, "r-1").await;
    let request = json!({ "shadow_group_id": "pool", "logical_group_id": "gpt" });
    assert_eq!(server.post("/api/v1/hosts/a/models", &request).await.status, 404, "nothing was looked at yet");
    sync(&server).await.ok();
    let preview = server.post("/api/v1/hosts/a/models", &request).await.ok();
    let added = preview["added"].as_array().cloned().unwrap_or_default();
    assert!(!added.is_empty(), "{preview}");
    assert_eq!((&preview["generation"], preview["gone"].as_array().map(Vec::len)), (&Value::Null, Some(1)));
    let count = async || server.get("/api/v1/routes?limit=500").await.ok()["items"].as_array().map_or(0, Vec::len);
    assert_eq!(count().await, 1);
    let mut apply = request.clone();
    apply["apply"] = true.into();
    let applied = server.post("/api/v1/hosts/a/models", &apply).await.ok();
    assert!(applied["generation"].as_u64() > Some(1), "{applied}");
    assert_eq!(count().await, 1 + added.len());
    let again = server.post("/api/v1/hosts/a/models", &apply).await.ok();
    assert_eq!((&again["added"], &again["generation"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn quotas_and_prices_are_watched() {
    let (host, server) = server(Personality::N).await;
    host.panel(|panel| panel.groups[0].daily_limit_usd = Some(10.0));
    probe_over(&server, "r-1").await;
    let settings = WatchSettings::now(10);
    let watched = server.control.watch_host("a", settings).await.expect("is watched");
    assert_eq!((watched.quotas, watched.events), (1, 0), "{watched:?}");
    host.panel(|panel| {
        panel.subscriptions[0].daily_usage_cents = 950;
        panel.groups[0].rate_multiplier = 2.0;
    });
    for events in [1, 0] {
        let watched = server.control.watch_host("a", settings).await.expect("is watched");
        assert_eq!(watched.events, events, "what is low is told once");
    }
    let told = server.get("/api/v1/events").await.ok();
    let kinds: Vec<_> = told["items"].as_array().into_iter().flatten().map(|it| it["kind"].clone()).collect();
    assert!(kinds.contains(&json!("quota_low")) && kinds.contains(&json!("price_change")), "{told}");
    let log = server.get("/api/v1/observations?kind=multiplier&subject=group%3A7").await.ok();
    let values: Vec<_> = log["items"].as_array().into_iter().flatten().map(|it| it["value"].clone()).collect();
    assert_eq!(values, [json!(2.0), json!(1.0)], "only ever added to");
    let shown = server.get("/api/v1/access/a/team-a%40relay.example/7").await.ok();
    assert_eq!(shown["usage"]["quota"]["left_usd"], 0.5);
}

#[tokio::test]
async fn what_a_key_pays_and_the_accounts_behind_its_group_are_watched_where_hosts_tell() {
    let (host, server) = server(Personality::N).await;
    probe_over(&server, "r-1").await;
    let watch = async || server.control.watch_host("a", WatchSettings::now(10)).await.expect("is watched");
    host.panel(|panel| {
        panel.accounts = vec![FakeAccount::new(1, 7), FakeAccount::new(2, 7), FakeAccount::new(3, 9)];
    });
    assert_eq!(watch().await.events, 0);
    host.panel(|panel| {
        panel.groups[0].rate_multiplier = 1.5;
        panel.accounts[0].schedulable = false;
    });
    assert_eq!(watch().await.events, 0, "one is left");
    for (status, events) in [("error", 1), ("error", 0), ("active", 0), ("error", 1)] {
        host.panel(|panel| status.clone_into(&mut panel.accounts[1].status));
        assert_eq!(watch().await.events, events, "it is told once each time that it comes to it");
    }
    let values = async |query: &str| {
        let log = server.get(&format!("/api/v1/observations?{query}")).await.ok();
        log["items"].as_array().into_iter().flatten().map(|it| it["value"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(values("kind=effective_multiplier&subject=group%3A7").await, [json!(1.5), json!(1.0)]);
    let available: Vec<_> =
        values("kind=availability&subject=group%3A7").await.into_iter().map(|it| it["available"].clone()).collect();
    assert_eq!(available, [0, 1, 0, 1, 2].map(|count| json!(count)));
    let told = server.get("/api/v1/events").await.ok();
    let events: Vec<_> = told["items"].as_array().into_iter().flatten().collect();
    let of =
        |kind: &str| events.iter().filter(|it| it["kind"] == kind).map(|it| it["subject"].clone()).collect::<Vec<_>>();
    assert_eq!(of("accounts_unavailable"), [json!("group:7"), json!("group:7")]);
    assert_eq!(of("price_change").len(), 2, "the declared price, and what a key pays: {told}");
}

#[tokio::test]
async fn a_balance_that_runs_low_is_told_once() {
    for personality in [Personality::S, Personality::N] {
        let host = FakeHost::builder().personality(personality).admin_key(ADMIN_KEY);
        let host = host.group(FakeGroup::new(7, "pool")).group(FakeGroup::new(8, "standard").standard()).start().await;
        let fields = format!("kind = \"sub2api\"\nadmin_key = \"{ADMIN_KEY}\"");
        let server = Server::with_fleet(&tiers(&[("a", &host)]).replace("kind = \"openai\"", &fields)).await;
        let user = host.panel(|panel| {
            let user = panel.add_user(FakeUser { balance: 40.0, ..FakeUser::new("payer@relay.example") });
            panel.add_key(FakeKey::new(user, "sk-host-a", Some(8)));
            user
        });
        let settings = WatchSettings::now(10);
        for (balance, events) in [(40.0, 0), (4.0, 1), (3.0, 0), (20.0, 0), (1.0, 1)] {
            host.panel(|panel| {
                let payer = panel.users.iter_mut().find(|it| it.id == user).expect("is there");
                payer.balance = balance;
            });
            let watched = server.control.watch_host("a", settings).await.expect("is watched");
            assert_eq!((watched.events, &watched.problems), (events, &Vec::new()), "{personality:?} at {balance}");
        }
        let told = server.get("/api/v1/events").await.ok();
        let events: Vec<_> = told["items"].as_array().into_iter().flatten().collect();
        assert!(events.iter().all(|it| it["kind"] == "balance_low" && it["details"]["usd"].is_f64()), "{told}");
        assert!(!told.to_string().contains("sk-host-a"));
    }
}

#[tokio::test]
async fn how_far_a_look_is_can_be_seen_while_it_lasts() {
    let (host, server) = server(Personality::N).await;
    probe_over(&server, "r-1").await;
    let gate = Gate::new();
    host.fail(AdminFault::hold_before("GET", "/api/v1/admin/accounts", &gate));
    let look = async {
        host.wait_calls("GET", "/api/v1/admin/accounts", 1).await;
        let seen = server.get("/api/v1/hosts/a/progress").await.ok();
        gate.open();
        seen
    };
    let (synced, seen) = tokio::join!(sync(&server), look);
    synced.ok();
    assert_eq!(seen["items"], json!([{ "work": "sync", "stage": "reading accounts", "done": 2, "total": 3 }]));
    assert_eq!(server.get("/api/v1/hosts/a/progress").await.ok()["items"], json!([]));
    assert_eq!(server.get("/api/v1/hosts/nowhere/progress").await.status, 404);
}

#[tokio::test]
async fn what_came_last_of_each_kind_of_work_is_told_afterwards() {
    let (host, server) = server(Personality::N).await;
    let results =
        async |query: &str| server.get(&format!("/api/v1/hosts/a/results{query}")).await.ok()["items"].clone();
    assert_eq!(results("").await, json!([]));
    let synced: Value = sync(&server).await.ok();
    let told = results("").await;
    let expected =
        json!([{"work": "sync", "at": told[0]["at"], "actor": told[0]["actor"], "failed": null, "result": synced}]);
    assert_eq!(told, expected);
    assert_eq!(told[0]["at"], synced["at"]);
    // The last word counts, also when it is that nothing came of it.
    host.fail(AdminFault::internal_error("GET", "/api/v1/admin/groups").always());
    sync(&server).await;
    let told = results("?work=sync").await;
    let why = told[0]["failed"].as_str().expect("a reason");
    assert!(why.contains("the admin API of host") && told[0]["result"].is_null(), "{told}");
    assert_eq!(results("?work=probe").await, json!([]));
    assert!(!told.to_string().contains(ADMIN_KEY));
    assert_eq!(server.get("/api/v1/hosts/nowhere/results").await.status, 404);
}

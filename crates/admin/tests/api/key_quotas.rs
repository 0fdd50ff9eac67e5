//! What each managed key is told of itself is watched, few keys at a time.

use std::time::Duration;

use relay_control::hosts::WatchSettings;
use relay_testkit::Personality;
use serde_json::{Value, json};

use crate::hosts::{USER, probe_over, server};
use crate::support::Server;

const OWN: &str = "/api/v1/access/a/team-a%40relay.example/7";

async fn observed(server: &Server) -> Vec<Value> {
    let log = server.get("/api/v1/observations?kind=key_quota&subject=team-a%40relay.example%2F7").await.ok();
    log["items"].as_array().into_iter().flatten().map(|it| it["value"].clone()).collect()
}

async fn low(server: &Server) -> Vec<Value> {
    let told = server.get("/api/v1/events").await.ok();
    let events = told["items"].as_array().into_iter().flatten();
    events.filter(|it| it["kind"] == "quota_low").map(|it| it["details"].clone()).collect()
}

#[tokio::test]
async fn what_a_key_has_left_is_observed_and_told_when_it_is_low() {
    let (host, server) = server(Personality::N).await;
    probe_over(&server, "r-1").await;
    let watch = async || server.control.watch_host("a", WatchSettings::now(10)).await.expect("is watched");
    assert_eq!((watch().await.keys, low(&server).await.len()), (1, 0));
    host.panel(|panel| (panel.keys[0].quota, panel.keys[0].quota_used) = (100.0, 40.0));
    watch().await;
    host.panel(|panel| panel.keys[0].quota_used = 95.0);
    for events in [1, 0] {
        let watched = watch().await;
        assert_eq!((watched.events, &watched.problems), (events, &Vec::new()), "what is low is told once");
    }
    let left: Vec<Value> = observed(&server).await.iter().map(|it| it["left_usd"].clone()).collect();
    assert_eq!(left, [json!(5.0), json!(60.0), Value::Null], "each change is added");
    let told = low(&server).await;
    assert_eq!((&told[0]["window"], &told[0]["left_usd"]), (&json!("total"), &json!(5.0)), "{told:?}");
    let shown = server.get(OWN).await.ok();
    assert_eq!(shown["usage"]["quota"]["key"]["left_usd"], 5.0, "{shown}");
}

#[tokio::test]
async fn the_windows_and_the_end_of_a_keys_subscription_are_observed_on_both_versions() {
    for personality in [Personality::S, Personality::N] {
        let (host, server) = server(personality).await;
        host.panel(|panel| panel.groups[0].daily_limit_usd = Some(10.0));
        probe_over(&server, "r-1").await;
        let watch = async || server.control.watch_host("a", WatchSettings::now(10)).await.expect("is watched");
        host.panel(|panel| panel.subscriptions[0].daily_usage_cents = 950);
        assert_eq!(watch().await.events, 1, "told once, although two calls show it");
        let seen = observed(&server).await;
        assert_eq!(seen[0]["left_usd"], 0.5, "{seen:?}");
        if personality == Personality::N {
            assert_eq!(seen[0]["windows"][0]["limit_usd"], 10.0);
            assert!(seen[0]["expires_at"].is_string());
        }
        host.panel(|panel| panel.subscriptions[0].daily_usage_cents = 1_050);
        let watched = watch().await;
        assert_eq!((watched.events, &watched.problems), (0, &Vec::new()), "{personality:?}");
        assert_eq!(observed(&server).await[0]["left_usd"], 0.0);
    }
}

#[tokio::test]
async fn a_look_asks_few_keys_and_none_whose_answer_is_fresh() {
    let (host, server) = server(Personality::N).await;
    probe_over(&server, "r-1").await;
    server.send(crate::support::ADMIN, http::Method::PUT, "/api/v1/access/a/team-a%40relay.example/9", "").await.ok();
    let before = host.calls("GET", "/v1/usage");
    let settings = WatchSettings { keys_a_look: 1, fresh: Duration::from_mins(10), ..WatchSettings::now(10) };
    let mut asked = Vec::new();
    for keys in [1, 1, 0] {
        let watched = server.control.watch_host("a", settings).await.expect("is watched");
        assert_eq!(watched.keys, keys);
        asked.extend(host.received().last().filter(|_| keys > 0).and_then(|it| it.bearer().map(str::to_owned)));
    }
    assert_eq!(host.calls("GET", "/v1/usage"), before + 2);
    assert_ne!(asked[0], asked[1], "each in its turn");
    server.clock.advance(jiff::SignedDuration::from_mins(11));
    assert_eq!(server.control.watch_host("a", settings).await.expect("is watched").keys, 1);
    assert_eq!(host.received().last().and_then(|it| it.bearer().map(str::to_owned)).as_ref(), Some(&asked[0]));
}

#[tokio::test]
async fn a_key_that_is_refused_is_obtained_anew_before_a_request_meets_it() {
    let (host, server) = server(Personality::N).await;
    probe_over(&server, "r-1").await;
    host.panel(|panel| panel.keys[0].deleted = true);
    let watched = server.control.watch_host("a", WatchSettings::now(10)).await.expect("is watched");
    assert!(watched.problems.iter().any(|it| it.contains(USER) && it.contains("looked at")), "{watched:?}");
    host.wait_calls("POST", "/api/v1/keys", 2).await;
    host.wait_in_flight(0).await;
    assert_eq!(host.panel(|panel| panel.keys.iter().filter(|key| !key.deleted).count()), 1);
}

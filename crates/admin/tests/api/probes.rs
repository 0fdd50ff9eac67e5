//! Probes of routes that nobody uses, over sockets.

use std::time::{Duration, Instant};

use relay_control::probing::{ProbeMode, ProbeSettings};
use relay_health::CredentialId;
use relay_routing::Outcome;
use relay_testkit::FakeHost;

use crate::support::{Server, tiers};

const IDLE: Duration = Duration::from_mins(5);

async fn probing(mode: ProbeMode, completions_per_day: u32) -> (FakeHost, Server) {
    probing_with(mode, completions_per_day, "sk-host-a").await
}

/// The host takes `key`; the fleet file says `sk-host-a`.
async fn probing_with(mode: ProbeMode, completions_per_day: u32, key: &str) -> (FakeHost, Server) {
    let host = FakeHost::builder().key(key).start().await;
    let probe = ProbeSettings { mode, idle: IDLE, completions_per_day };
    let server = Server::with_probes(&tiers(&[("a", &host)]), probe).await;
    assert_eq!(server.control.probe_idle_routes(Instant::now()).await, 0, "its time has just begun");
    (host, server)
}

fn asked(host: &FakeHost) -> Vec<String> {
    host.received().iter().map(|request| format!("{} {}", request.method, request.path())).collect()
}

#[tokio::test]
async fn a_route_that_nobody_uses_is_asked_for_its_models_once_in_a_while() {
    let (host, server) = probing(ProbeMode::Models, 0).await;
    let later = Instant::now() + IDLE;
    assert_eq!(server.control.probe_idle_routes(later).await, 1);
    assert_eq!(server.control.probe_idle_routes(later + IDLE / 2).await, 0);
    assert_eq!(server.control.probe_idle_routes(later + IDLE).await, 1);
    assert_eq!(asked(&host), ["GET /v1/models", "GET /v1/models"]);
    assert_eq!(host.received()[0].bearer(), Some("sk-host-a"));
    let health = server.get("/api/v1/health?troubled=true").await.ok();
    assert_eq!(health["routes"].as_array().map(Vec::len), Some(0), "{health}");
}

#[tokio::test]
async fn a_route_in_use_is_never_probed() {
    let (host, server) = probing(ProbeMode::Models, 0).await;
    let snapshot = server.control.snapshot();
    let later = Instant::now() + IDLE;
    let route = snapshot.route_by_id("gpt-a").expect("it is there");
    let permit = server.health.generation(&snapshot).admit(route, CredentialId(1), later);
    permit.expect("it is closed").ended(&Outcome::ANSWERED, later);
    assert_eq!(server.control.probe_idle_routes(later + IDLE / 2).await, 0);
    assert!(host.received().is_empty());
}

#[tokio::test]
async fn a_probe_finds_a_dead_host_before_a_client_does() {
    let (host, server) = probing(ProbeMode::Models, 0).await;
    host.kill().await;
    for round in 1..=5 {
        server.control.probe_idle_routes(Instant::now() + IDLE * round).await;
    }
    let health = server.get("/api/v1/health?troubled=true").await.ok();
    assert_eq!(
        (&health["hosts"][0]["state"], &health["hosts"][0]["class"]),
        (&"open".into(), &"transport_error".into())
    );
}

#[tokio::test]
async fn a_probe_finds_a_refused_key() {
    let (_host, server) = probing_with(ProbeMode::Models, 0, "sk-newer").await;
    server.control.probe_idle_routes(Instant::now() + IDLE).await;
    let health = server.get("/api/v1/health?troubled=true").await.ok();
    assert_eq!(health["routes"][0]["credentials"][0]["reason"], "refused", "{health}");
}

#[tokio::test]
async fn completions_are_sent_within_the_days_budget_and_counted() {
    let (host, server) = probing(ProbeMode::Completion, 1).await;
    for round in 1..=2 {
        server.control.probe_idle_routes(Instant::now() + IDLE * round).await;
    }
    assert_eq!(asked(&host), ["GET /v1/models", "POST /v1/chat/completions", "GET /v1/models"]);
    let sent: serde_json::Value = serde_json::from_slice(&host.received()[1].body).expect("JSON");
    assert_eq!((&sent["model"], &sent["max_tokens"]), (&"shadow-a".into(), &1.into()));
    let probes = server.get("/api/v1/health").await.ok()["probes"].clone();
    assert_eq!((&probes["completions_today"], &probes["completions_per_day"]), (&1.into(), &1.into()));
}

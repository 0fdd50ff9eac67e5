//! A server that has one of everything, for tests that go over all endpoints.

use relay_testkit::{FakeGroup, FakeHost, Personality};
use serde_json::json;

use crate::support::{Server, tiers};

const ADMIN_KEY: &str = "admin-canary-0123456789abcdef0123456789";

/// The consumer's user on the host.
pub(crate) const USER: &str = "team-a@relay.example";

/// The path with names of what is there in [`server`]'s fleet.
pub(crate) fn filled(path: &str) -> String {
    let id = match path.split('/').nth(1) {
        Some("groups") => "gpt",
        Some("routes") => "gpt-a",
        Some("keys") => "team-a",
        Some("generations" | "tokens") => "1",
        Some("notifications") => "ops",
        _ => "a",
    };
    let path = path.replace("{host}/{user}/{group}", "a/team-a%40relay.example/7");
    format!("/api/v1{}", path.replace("{id}", id))
}

/// A sub2api host with a route, a consumer with a subscription user, and a channel.
pub(crate) async fn server() -> (FakeHost, Server) {
    let host = FakeHost::builder().personality(Personality::N).admin_key(ADMIN_KEY);
    let host = host.group(FakeGroup::new(7, "pool")).start().await;
    host.panel(|panel| panel.clock_skew = crate::support::start_of_time().duration_since(jiff::Timestamp::now()));
    let fields = format!("kind = \"sub2api\"\nadmin_key = \"{ADMIN_KEY}\"");
    let fleet = tiers(&[("a", &host)]).replace("kind = \"openai\"", &fields).replace("sk-host-a", "sk-canary-host");
    let fleet = fleet.replace("\"7\"", "\"pool\"\ncredential = \"managed\"");
    let key = format!("[[key]]\nkey_id = \"team-a\"\nlogical_groups = [\"gpt\"]\nsubscription_user = \"{USER}\"\n");
    let server = Server::with_fleet(&format!("{fleet}\n{key}")).await;
    let channel = json!({
        "id": "ops", "type": "dingtalk", "url": format!("{}/send?access_token=canary-token", host.base_url()),
        "secret": "SEC-canary", "allow_private": true,
    });
    assert_eq!(server.post("/api/v1/notifications/channels", &channel).await.status, 201);
    (host, server)
}

/// A path without its query, its parameters unnamed: descriptions have better names for them.
pub(crate) fn unnamed(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

//! What the demo prints: what runs where, what happened and why, and what to
//! paste next.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use relay_domain::Secret;
use relay_testkit::FakeHost;
use serde_json::{Value, json};

use super::fleet::MODEL;
use super::traffic::Turn;
use crate::output::{self, Output, bold, field};

/// Who is where, and the keys to it. They die with the demo, so they may be shown.
pub(super) struct Scene<'a> {
    pub(super) gateway: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) hosts: &'a [FakeHost],
    pub(super) consumer_key: Secret,
    pub(super) admin_token: Option<Secret>,
}

/// Prints it all.
pub(super) fn tell(scene: &Scene<'_>, turns: &[Turn], decisions: &[Value], output: Output) -> io::Result<()> {
    let explain = turns.iter().zip(decisions).max_by_key(|(_, decision)| attempts(decision).len());
    let explain = explain.map(|(turn, _)| explain_command(scene, &turn.request_id)).unwrap_or_default();
    let token = scene.admin_token.as_ref().map(Secret::expose).unwrap_or_default();
    let curl = curl_command(scene);
    let value = json!({
        "gateway": format!("http://{}", scene.gateway),
        "admin": format!("http://{}", scene.admin),
        "console": format!("http://{}/", scene.admin),
        "hosts": scene.hosts.iter().map(|host| json!({ "host_id": host.name(), "base_url": host.base_url() })).collect::<Vec<_>>(),
        "consumer_key": scene.consumer_key.expose(),
        "admin_token": token,
        "decisions": decisions,
        "curl": curl,
        "explain": explain,
    });
    output.value(&value, || {
        let mut text = format!("{}\n\n", bold("Relay Manager demo"));
        text.push_str(&what_runs(scene));
        let _ = write!(text, "\n{} requests went through the gateway, streamed:\n\n", turns.len());
        text.push_str(&decision_table(turns, decisions));
        let _ = write!(text, "\n\n{}\n\n{curl}\n", bold("Try it; the same conversation stays on its host:"));
        let _ = write!(text, "\n{}\n\n{explain}\n", bold("Ask why a request went where it went:"));
        text.push_str("\nEverything is in a temporary directory and gone after Ctrl-C.\n");
        text
    })
}

fn what_runs(scene: &Scene<'_>) -> String {
    let token = scene.admin_token.as_ref().map(Secret::expose).unwrap_or_default();
    let mut rows = vec![
        vec![
            "gateway".to_owned(),
            format!("http://{}/v1", scene.gateway),
            format!("key {}", scene.consumer_key.expose()),
        ],
        vec!["console".to_owned(), format!("http://{}/", scene.admin), "the token below".to_owned()],
        vec!["admin API".to_owned(), format!("http://{}/api/v1", scene.admin), format!("token {token}")],
    ];
    rows.extend(scene.hosts.iter().map(|host| {
        vec![format!("host {}", host.name()), host.base_url(), "simulated, streams word by word".to_owned()]
    }));
    let lines = output::table(&["what", "where", "with"], rows);
    format!("{lines}\n")
}

fn decision_table(turns: &[Turn], decisions: &[Value]) -> String {
    let rows = turns.iter().zip(decisions).map(|(turn, decision)| {
        vec![
            turn.conversation.to_owned(),
            turn.number.to_string(),
            field(decision, "host_id"),
            field(decision, "route_id"),
            field(decision, "sticky_action"),
            why(decision),
        ]
    });
    output::table(&["conversation", "turn", "host", "route", "sticky", "why"], rows)
}

/// The decision in half a line.
fn why(decision: &Value) -> String {
    let attempts = attempts(decision);
    if let [failed @ .., _] = attempts
        && let Some(failed) = failed.last()
    {
        let said = match failed["status"].as_u64() {
            Some(status) => format!("answered {status}"),
            None => field(failed, "class"),
        };
        return format!("{} {said}, so the next candidate was tried", field(failed, "host_id"));
    }
    match decision["sticky_action"].as_str() {
        Some("hit") => "bound: its prompt cache is there".to_owned(),
        Some("bind") => "new: weighted choice in the first tier".to_owned(),
        Some("rebind") => "its route was not eligible: moved".to_owned(),
        Some("borrow") => "its route was busy: another one, once".to_owned(),
        _ => "not sticky: weighted choice".to_owned(),
    }
}

fn attempts(decision: &Value) -> &[Value] {
    decision["attempts"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn curl_command(scene: &Scene<'_>) -> String {
    let body = json!({ "model": MODEL, "stream": true, "messages": [{ "role": "user", "content": "Hello!" }] });
    format!(
        "curl -N http://{}/v1/chat/completions \\\n  -H 'Authorization: Bearer {}' \\\n  -H 'Content-Type: application/json' \\\n  \
         -H 'X-Relay-Conversation: mine' \\\n  -d '{body}'",
        scene.gateway,
        scene.consumer_key.expose(),
    )
}

fn explain_command(scene: &Scene<'_>, request_id: &str) -> String {
    let token = scene.admin_token.as_ref().map(Secret::expose).unwrap_or_default();
    format!(
        "RELAY_MANAGER_ADMIN_TOKEN={token} \\\n  {} explain {request_id} --server http://{}",
        program(),
        scene.admin
    )
}

/// How this program is called from here: by its path below the working
/// directory when it was built there, as under `cargo run`.
fn program() -> String {
    let Ok(path) = std::env::current_exe() else { return "relay-manager".to_owned() };
    let here = std::env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(&here).map(Path::to_owned).unwrap_or(path);
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

//! A little traffic through the real gateway: a few conversations, two turns
//! each, streamed; one of them meets a host that fails.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use futures_util::future::try_join_all;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use relay_domain::Secret;
use relay_testkit::{FakeHost, Reply, errors};
use serde_json::{Value, json};

use super::fleet::MODEL;
use crate::client::{Client, encode};

/// What is asked, by conversation.
const CONVERSATIONS: [(&str, [&str; 2]); 6] = [
    ("travel-plan", ["Three days in Kyoto, what first?", "And when it rains?"]),
    ("bug-hunt", ["Why does my loop never end?", "It still does not end."]),
    ("poem", ["Four lines about the sea.", "Now without the word blue."]),
    ("homework", ["What is a prime number?", "Is one of them?"]),
    ("recipe", ["Dinner from rice and eggs?", "For six people, please."]),
    ("contract", ["Explain clause seven.", "In one sentence?"]),
];

/// The conversation whose second turn meets a failing host.
const UNLUCKY: &str = "contract";

/// One request that was answered.
pub(super) struct Turn {
    pub(super) conversation: &'static str,
    pub(super) number: usize,
    pub(super) request_id: String,
}

/// Runs all conversations beside each other, turn after turn.
pub(super) async fn run(gateway: SocketAddr, key: &Secret, hosts: &[FakeHost]) -> anyhow::Result<Vec<Turn>> {
    let http = HyperClient::builder(TokioExecutor::new()).build_http();
    let caller = Caller { http, gateway, key };
    let mut turns = try_join_all(CONVERSATIONS.iter().map(|(name, said)| caller.ask(name, 1, &said[..1]))).await?;
    let lucky = CONVERSATIONS.iter().filter(|(name, _)| *name != UNLUCKY);
    turns.extend(try_join_all(lucky.map(|(name, said)| caller.ask(name, 2, said))).await?);
    turns.push(caller.ask_unlucky(hosts).await?);
    turns.sort_by_key(|turn| (CONVERSATIONS.iter().position(|(name, _)| *name == turn.conversation), turn.number));
    Ok(turns)
}

struct Caller<'a> {
    http: HyperClient<HttpConnector, Full<Bytes>>,
    gateway: SocketAddr,
    key: &'a Secret,
}

impl Caller<'_> {
    /// One turn; the stream is read to its end.
    async fn ask(&self, conversation: &'static str, number: usize, said: &[&str]) -> anyhow::Result<Turn> {
        let messages: Vec<_> = said.iter().map(|text| json!({ "role": "user", "content": text })).collect();
        let body = json!({ "model": MODEL, "stream": true, "messages": messages });
        let request = Request::post(format!("http://{}/v1/chat/completions", self.gateway))
            .header("authorization", format!("Bearer {}", self.key.expose()))
            .header("content-type", "application/json")
            .header("x-relay-conversation", conversation)
            .body(Full::new(Bytes::from(body.to_string())))?;
        let response = self.http.request(request).await.context("the demo's own gateway does not answer")?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&body);
        if !head.status.is_success() || !text.contains("[DONE]") {
            bail!("the demo's own gateway answered {}: {text}", head.status);
        }
        let request_id = head.headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
        Ok(Turn { conversation, number, request_id: request_id.to_owned() })
    }

    /// The second turn of [`UNLUCKY`]: its host answers 503 once, so the
    /// conversation has to move.
    async fn ask_unlucky(&self, hosts: &[FakeHost]) -> anyhow::Result<Turn> {
        let said = CONVERSATIONS.iter().find(|(name, _)| *name == UNLUCKY).map(|(_, said)| said);
        let said = said.context("the unlucky conversation is one of them")?;
        if let Some(host) = bound_host(hosts) {
            host.script(Reply::error(errors::SERVICE_UNAVAILABLE));
        }
        self.ask(UNLUCKY, 2, said).await
    }
}

/// The host that saw the first turn of [`UNLUCKY`].
fn bound_host(hosts: &[FakeHost]) -> Option<&FakeHost> {
    let first = CONVERSATIONS.iter().find(|(name, _)| *name == UNLUCKY).map_or("", |(_, said)| said[0]);
    hosts.iter().find(|host| host.received().iter().any(|request| request.json().to_string().contains(first)))
}

/// How long the log may take until a decision is listed; it lags by milliseconds.
const LISTED_WITHIN: Duration = Duration::from_secs(5);

/// The decision of each turn, over the admin API.
pub(super) async fn decisions(client: &Client, turns: &[Turn]) -> anyhow::Result<Vec<Value>> {
    let deadline = tokio::time::Instant::now() + LISTED_WITHIN;
    let mut decisions = Vec::with_capacity(turns.len());
    for turn in turns {
        let path = format!("/api/v1/decisions/{}", encode(&turn.request_id));
        loop {
            match client.get(&path).await {
                Ok(decision) if decision["verdict"] != "open" => break decisions.push(decision),
                Ok(_) => {}
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
            if tokio::time::Instant::now() > deadline {
                bail!("the decision of {} does not appear in the log", turn.request_id);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(decisions)
}

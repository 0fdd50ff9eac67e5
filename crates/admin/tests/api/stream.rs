//! `GET /api/v1/decisions/stream`: decisions as they end, as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use relay_testkit::FakeHost;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{Server, VIEWER, here, process, tiers};

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

const PATH: &str = "/api/v1/decisions/stream";

/// An open stream.
struct Events {
    body: Incoming,
    buffer: String,
}

#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Events {
    /// Opens a stream, and waits until it stands.
    async fn open(server: &Server, query: &str, last: Option<&str>) -> Self {
        let mut request =
            Request::get(format!("{}{PATH}{query}", server.url)).header("authorization", format!("Bearer {VIEWER}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = server.open(request.body(Full::<Bytes>::default()).expect("a request")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let mut events = Self { body: response.into_body(), buffer: String::new() };
        assert_eq!(events.block().await.as_deref(), Some(": decisions as they end"));
        events
    }

    /// The lines up to the next empty one; `None` at the end of the stream.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                return Some(block);
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("something comes")?;
            let data = frame.expect("a frame").into_data().expect("data");
            self.buffer.push_str(std::str::from_utf8(&data).expect("UTF-8"));
        }
    }

    async fn next(&mut self) -> Event {
        let block = self.block().await.expect("the stream goes on");
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {block}")).trim().to_owned()
        };
        let data = serde_json::from_str(&field("data:")).expect("JSON");
        Event { name: field("event:"), id: field("id:"), data }
    }

    /// The next decision of that request; others, which are repeated, are passed over.
    async fn decision_of(&mut self, request_id: &str) -> Event {
        loop {
            let event = self.next().await;
            assert_eq!(event.name, "decision");
            if event.data["request_id"] == request_id {
                return event;
            }
        }
    }
}

async fn server() -> (FakeHost, Server) {
    let host = FakeHost::start().await;
    let server = Server::with_fleet(&tiers(&[("a", &host)])).await;
    (host, server)
}

#[tokio::test]
async fn decisions_that_match_are_told_as_they_end() {
    let (_host, server) = server().await;
    server.resolve(&json!({"request_id": "before", "sync": true})).await.ok();
    let mut events = Events::open(&server, "?verdict=resolved&logical_group_id=gpt", None).await;
    server.resolve(&json!({"request_id": "lost", "public_model": "none"})).await;
    server.resolve(&json!({"request_id": "r-1"})).await.ok();
    let told = events.next().await;
    assert_eq!((told.name.as_str(), &told.data["request_id"]), ("decision", &json!("r-1")));
    assert_eq!(told.data, server.decision("r-1").await, "as the list shows it");
}

#[tokio::test]
async fn a_client_that_comes_back_is_told_what_ended_meanwhile() {
    let (_host, server) = server().await;
    let mut events = Events::open(&server, "", None).await;
    server.resolve(&json!({"request_id": "r-1"})).await.ok();
    let last = events.decision_of("r-1").await.id;
    drop(events);
    server.clock.advance(Duration::from_mins(1).try_into().unwrap());
    server.resolve(&json!({"request_id": "r-2", "sync": true})).await.ok();
    let mut by_header = Events::open(&server, "", Some(&last)).await;
    assert_eq!(by_header.decision_of("r-2").await.data["verdict"], "resolved");
    let mut by_parameter = Events::open(&server, &format!("?cursor={last}"), None).await;
    by_parameter.decision_of("r-2").await;
    // And goes on with what ends from then on.
    server.resolve(&json!({"request_id": "r-3"})).await.ok();
    by_header.decision_of("r-3").await;
    by_parameter.decision_of("r-3").await;
}

#[tokio::test]
async fn a_client_that_missed_too_much_is_told_so_and_goes_on_with_the_newest() {
    let (_host, server) = server().await;
    let mut events = Events::open(&server, "", None).await;
    server.resolve(&json!({"request_id": "first", "scope": "none"})).await.ok();
    let first = events.decision_of("first").await.id;
    drop(events);
    for _ in 0..600 {
        server.resolve(&json!({"request_id": null, "scope": "none"})).await.ok();
    }
    server.resolve(&json!({"request_id": "last", "scope": "none", "sync": true})).await.ok();
    let mut events = Events::open(&server, "", Some(&first)).await;
    let mut told = 0;
    let lagged = loop {
        let event = events.next().await;
        match event.name.as_str() {
            "decision" => told += 1,
            _ => break event,
        }
    };
    assert_eq!((told, lagged.name.as_str()), (500, "lagged"));
    assert_eq!(lagged.data, json!({ "after": lagged.id }));
    server.resolve(&json!({"request_id": "newest", "scope": "none"})).await.ok();
    assert_eq!(events.next().await.data["request_id"], "newest");
}

#[tokio::test]
async fn streams_are_limited_in_number_and_give_their_place_back() {
    let (_host, server) = server().await;
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(Events::open(&server, "", None).await);
    }
    assert_eq!(server.get(PATH).await.error().0, 429);
    open.pop();
    let again = async {
        // The server notices that the client went away when it next writes to it.
        while server.status(PATH).await != StatusCode::OK {
            server.resolve(&json!({"request_id": null, "sync": true})).await.ok();
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("a place is given back");
}

#[tokio::test]
async fn a_place_that_is_none_is_refused() {
    let (_host, server) = server().await;
    for cursor in ["x", "1-", "-1", "99999999999999999999-1"] {
        let (status, _, message) = server.get(&format!("{PATH}?cursor={cursor}")).await.error();
        assert_eq!((status, message.as_str()), (400, "cursor is not one that the stream gave"));
    }
    let request = Request::get(format!("{}{PATH}", server.url))
        .header("authorization", format!("Bearer {VIEWER}"))
        .header("last-event-id", "x");
    let answer = server.request(request.body(Full::default()).unwrap()).await;
    assert_eq!(answer.error().2, "last-event-id is not one that the stream gave");
}

/// Another server over the same control plane, and a stream of it that stands.
async fn another(server: &Server, keep_alive: Duration, ending: &CancellationToken) -> (JoinHandle<()>, Events) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let process = relay_admin::Process { keep_alive, ..process(&server.unready) };
    let router = relay_admin::router(Arc::clone(&server.control), process, ending.clone());
    let served = tokio::spawn(relay_admin::serve(listener, router, here(), ending.clone().cancelled_owned()));
    let request = Request::get(format!("{url}{PATH}")).header("authorization", format!("Bearer {VIEWER}"));
    let response = server.open(request.body(Full::default()).expect("a request")).await;
    let mut events = Events { body: response.into_body(), buffer: String::new() };
    events.block().await.expect("it stands");
    (served, events)
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_by_comments_that_are_no_events() {
    let (_host, server) = server().await;
    let (_served, mut events) = another(&server, Duration::from_millis(10), &CancellationToken::new()).await;
    for _ in 0..2 {
        assert_eq!(events.block().await.as_deref(), Some(": keep-alive"));
    }
    assert_eq!(relay_admin::KEEP_ALIVE, Duration::from_secs(15), "what is documented");
}

#[tokio::test]
async fn a_stream_does_not_keep_the_server_from_ending() {
    let (_host, server) = server().await;
    let ending = CancellationToken::new();
    let (served, mut events) = another(&server, relay_admin::KEEP_ALIVE, &ending).await;
    ending.cancel();
    assert_eq!(events.block().await, None, "it ends");
    tokio::time::timeout(PATIENCE, served).await.expect("the server ends").unwrap();
}

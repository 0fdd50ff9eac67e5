//! Where requests are carried out: what changes something apart from what only looks.

use std::sync::Arc;

use http::{Method, Request, StatusCode};
use http_body_util::Full;
use relay_admin::Changes;
use tokio::runtime::{Handle, Runtime};
use tokio_util::sync::CancellationToken;

use crate::support::{ADMIN, Server, process};

fn one_thread() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime")
}

/// Serves what `server` does, with changes carried out elsewhere.
async fn serve(server: &Server, changes: Changes) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = relay_admin::router(Arc::clone(&server.control), process(&server.unready), CancellationToken::new());
    tokio::spawn(relay_admin::serve(listener, router, changes, std::future::pending()));
    url
}

/// The threads that have stepped aside get no processor, as under a load that takes all of them.
#[tokio::test]
async fn what_would_wait_for_long_is_carried_out_at_once() {
    let server = Server::empty().await;
    let starved = one_thread();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    starved.spawn(async move { ended.recv() });
    let changes = Changes { leisurely: starved.handle().clone(), at_once: Handle::current() };
    let url = serve(&server, changes).await;
    let request = Request::post(format!("{url}/api/v1/apply")).header("authorization", format!("Bearer {ADMIN}"));
    let status = server.open(request.body(Full::from("{}")).expect("a request")).await.status();
    assert_eq!(status, StatusCode::OK);
    drop(end);
    starved.shutdown_background();
}

/// With threads for changes that have ended, only what does not need them is answered.
#[tokio::test]
async fn what_changes_something_is_carried_out_on_threads_of_its_own() {
    let server = Server::empty().await;
    let ended = one_thread();
    let changes = Changes { leisurely: ended.handle().clone(), at_once: ended.handle().clone() };
    ended.shutdown_background();
    let url = serve(&server, changes).await;
    let asked = [
        (Method::GET, "/api/v1/hosts", false),
        (Method::HEAD, "/api/v1/hosts", false),
        (Method::POST, "/api/v1/resolve-route", false),
        (Method::POST, "/api/v1/route-chat-completions", false),
        (Method::POST, "/api/v1/proxy-route-chat-completions", false),
        (Method::POST, "/api/v1/apply", true),
        (Method::POST, "/api/v1/plan", true),
        (Method::PATCH, "/api/v1/routes/r", true),
        (Method::DELETE, "/api/v1/hosts/h", true),
    ];
    for (method, path, is_change) in asked {
        let request = Request::builder().method(method.clone()).uri(format!("{url}{path}"));
        let request = request.header("authorization", format!("Bearer {ADMIN}"));
        let status = server.open(request.body(Full::default()).expect("a request")).await.status();
        assert_eq!(status == StatusCode::SERVICE_UNAVAILABLE, is_change, "{method} {path}: {status}");
    }
}

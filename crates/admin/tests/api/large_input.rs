//! An answer to a bad input is small, and quick, however much came; and who needs no token makes us hold nothing.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::furnished::server;
use crate::support::{ADMIN, Answer, Server};

const MORE: &str = "request has more than 100 faults; the rest is told once these are mended";

/// 400 with a hundred faults and one line more; small.
#[track_caller]
fn is_capped(answer: &Answer) {
    let (status, code, message) = answer.error();
    assert_eq!((status, code.as_str()), (400, "invalid_request"), "{message}");
    assert!(message.ends_with(MORE), "{message}");
    let details = answer.json()["error"]["details"].clone();
    let details: &Vec<Value> = details.as_array().unwrap();
    assert_eq!((details.len(), &details[100]["field"]), (101, &json!("request")));
    assert!(answer.text.len() < 100_000, "{}", answer.text.len());
}

fn members(count: usize) -> String {
    (0..count).map(|n| format!("\"m{n}\": 0")).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn a_member_that_is_given_again_and_again_is_told_once() {
    let server = Server::empty().await;
    let name = "n".repeat(1_000_000);
    let again = r#""a": 1, "b": 1, "#.repeat(10_000);
    let body = format!(r#"{{"label": "ann", "role": "viewer", "{name}": {{{again} "c": 1}}}}"#);
    let answer = server.send(ADMIN, Method::POST, "/api/v1/tokens", body).await;
    let cut = format!("{}…", &name[..200]);
    let told = format!("{cut} is given twice; {cut} is given twice; {cut} is unknown; known here: label, role");
    assert_eq!(answer.error().2, told);
    assert!(answer.text.len() < 5_000, "{}", answer.text.len());
}

#[tokio::test]
async fn a_hundred_of_many_faults_are_told() {
    let (_host, server) = server().await;
    let body = format!("{{{}}}", members(100_000));
    is_capped(&server.send(ADMIN, Method::POST, "/api/v1/tokens", body).await);
    let body = format!("{{{}}}", members(1_000));
    for path in ["/hosts", "/apply", "/plan", "/resolve-route", "/notifications/channels", "/simulate?lost=1"] {
        is_capped(&server.send(ADMIN, Method::POST, &format!("/api/v1{path}"), body.clone()).await);
    }
    let body = format!("{{{}}}", members(5_000));
    for (path, told) in [
        ("/apply", "the fleet document has 5000 faults; "),
        ("/plan", "the fleet document has 5000 faults; "),
        ("/groups", "the change has 5001 faults; "),
    ] {
        let answer = server.send(ADMIN, Method::POST, &format!("/api/v1{path}"), body.clone()).await;
        is_capped(&answer);
        assert!(answer.error().2.starts_with(told), "{path}: {}", answer.error().2);
    }
    let slow = vec!["{}"; 1_000].join(", ");
    is_capped(&server.send(ADMIN, Method::POST, "/api/v1/simulate", format!("{{\"slow\": [{slow}]}}")).await);
    let query = (0..1_000).map(|n| format!("q{n}=0")).collect::<Vec<_>>().join("&");
    is_capped(&server.get(&format!("/docs?{query}")).await);
}

/// What is answered to this request, of which no more comes.
async fn answered(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // Whoever has not read everything may end with a reset behind the answer.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn where_no_body_is_taken_a_large_one_is_refused_without_being_read() {
    let (_host, server) = server().await;
    let token = format!("Authorization: Bearer {ADMIN}\r\n");
    for (method, path, token) in [
        ("GET", "/docs", ""),
        ("GET", "/docs/docs.css", ""),
        ("GET", "/api/v1/openapi.json", ""),
        ("GET", "/api/v1/hosts", &token),
        ("POST", "/api/v1/hosts/a/sync", &token),
    ] {
        let head = format!("{method} {path}?lost=1 HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n{token}");
        let mut chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
        // Blanks might be the begin of nothing.
        write!(chunked, "{:x}\r\n{}\r\n", 5_000, " ".repeat(5_000)).unwrap();
        let told_length = format!("{head}Content-Length: 67108864\r\n\r\n");
        let something = format!("{head}Transfer-Encoding: chunked\r\n\r\n3\r\n{{\"a\r\n");
        for request in [chunked, told_length, something] {
            let answer = answered(&server, request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
            let told = "\"body must be empty; this endpoint takes no body; lost is unknown; known here: ";
            assert!(answer.contains(told), "{path}: {answer}");
        }
    }
}

#[tokio::test]
async fn an_object_without_members_is_no_body() {
    let server = Server::empty().await;
    for nothing in ["", " \n", "{}", " { }\n"] {
        server.send(ADMIN, Method::GET, "/api/v1/whoami", nothing).await.ok();
    }
    for something in ["{", "}", "{}{}", "[]", "null", "x"] {
        let answer = server.send(ADMIN, Method::GET, "/api/v1/whoami", something).await;
        assert_eq!(answer.error().2, "body must be empty; this endpoint takes no body", "{something}");
    }
}

//! A form is passed on while it comes (spec §6): what the host sees and when, and what is made of everything that can
//! happen before its end. The host here is a bare socket, so that a test knows what has come to it.

use std::time::Duration;

use relay_ledger::Decision;
use relay_testkit::Reply;
use tokio::net::TcpListener;

use crate::client::Wire;
use crate::rig::{KEY, MODEL, Rig, Setup, host_at, patiently};

const SHADOW: &str = "shadow-image";
const END: &str = "--b-1--\r\n";
const IMAGE: &str = r#"{"created":1,"data":[{"b64_json":"aW1hZ2U="}]}"#;

fn field(name: &str, value: &str) -> String {
    format!("--b-1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(content: &str) -> String {
    let disposition = "Content-Disposition: form-data; name=\"image[]\"; filename=\"a.png\"";
    format!("--b-1\r\n{disposition}\r\nContent-Type: image/png\r\n\r\n{content}\r\n")
}

/// The head of a request `r-1` with a form.
fn head(framing: &str) -> String {
    format!(
        "POST /v1/images/edits HTTP/1.1\r\nhost: r\r\nauthorization: Bearer {KEY}\r\nx-request-id: r-1\r\n\
         content-type: multipart/form-data; boundary=b-1\r\n{framing}\r\n\r\n"
    )
}

fn chunked() -> String {
    head("transfer-encoding: chunked")
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// The data of a chunked body, which must be whole.
fn unchunked(body: &str) -> String {
    let (size, rest) = body.split_once("\r\n").expect("a size");
    let size = usize::from_str_radix(size, 16).expect("is a size");
    if size == 0 {
        assert_eq!(rest, "\r\n");
        return String::new();
    }
    let rest_after = rest[size..].strip_prefix("\r\n").expect("ends");
    format!("{}{}", &rest[..size], unchunked(rest_after))
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Hosts on bare sockets, behind routes in tiers.
struct Bare {
    listeners: Vec<TcpListener>,
    rig: Rig,
}

impl Bare {
    async fn hosts(count: usize, setup: impl FnOnce(Setup) -> Setup) -> Self {
        let mut listeners = Vec::new();
        for _ in 0..count {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.expect("binds"));
        }
        let address = |listener: &TcpListener| format!("http://{}", listener.local_addr().expect("has an address"));
        let urls: Vec<String> = listeners.iter().map(address).collect();
        let bare = move |fleet: &mut relay_domain::Fleet| {
            for (index, url) in urls.iter().enumerate() {
                fleet.hosts[index] = host_at(index, url);
            }
        };
        let rig = setup(Setup::hosts(count).shadow_model(SHADOW).fleet(bare).forgiving()).start().await;
        Self { listeners, rig }
    }

    /// One host, and nothing special.
    async fn host() -> Self {
        Self::hosts(1, |setup| setup).await
    }

    /// The next connection to a host.
    async fn accept(&self, index: usize) -> Wire {
        let (socket, _) = patiently("a connection", self.listeners[index].accept()).await.expect("accepts");
        Wire::over(socket)
    }

    /// A form that has begun to come, and has begun to come to the first host. Each end has a piece to send or see.
    async fn begun(&self) -> (Wire, Wire) {
        let mut client = self.rig.wire().await;
        client.send(chunked() + &chunk(&(field("model", MODEL) + "--b-1\r\nX-First: part"))).await;
        let mut host = self.accept(0).await;
        host.until("X-First: part").await;
        (client, host)
    }

    async fn failed(&self, class: &str, status: u16) -> Decision {
        let decision = self.rig.decision("r-1").await;
        let ended = (decision.verdict.as_str(), decision.error_class.as_deref(), decision.client_status);
        assert_eq!(ended, ("failed", Some(class), Some(status)));
        decision
    }
}

/// A request with a form, as what of it is sent first and what then.
fn in_two(is_chunked: bool, first: &str, second: &str) -> (String, String) {
    if is_chunked {
        return (chunked() + &chunk(first), chunk(second) + "0\r\n\r\n");
    }
    (head(&format!("content-length: {}", first.len() + second.len())) + first, second.to_owned())
}

#[tokio::test]
async fn a_host_has_the_beginning_before_the_client_has_sent_the_end() {
    for is_chunked in [false, true] {
        let bare = Bare::host().await;
        let (first, second) = (field("prompt", "x") + &field("model", MODEL) + &file("one"), file("two") + END);
        let asked = first.clone() + &second;
        let mut client = bare.rig.wire().await;
        let (beginning, end) = in_two(is_chunked, &first, &second);
        client.send(beginning).await;
        let mut host = bare.accept(0).await;
        let mut seen = host.until("one\r\n").await;
        client.send(end).await;
        seen += &host.until(if is_chunked { "\r\n0\r\n\r\n" } else { END }).await;
        host.send(answer("200 OK", IMAGE)).await;
        let told = client.until(IMAGE).await;
        assert!(told.starts_with("HTTP/1.1 200 OK\r\n") && !told.contains("connection: close"), "{told}");

        let (lines, body) = seen.split_once("\r\n\r\n").expect("has a head");
        let expected = asked.replace(MODEL, SHADOW);
        if is_chunked {
            assert!(lines.ends_with("transfer-encoding: chunked") && !lines.contains("content-length"), "{lines}");
            assert_eq!(unchunked(body), expected);
        } else {
            assert!(lines.ends_with(&format!("\r\ncontent-length: {}", expected.len())), "{lines}");
            assert_eq!(body, expected);
        }
        let decision = bare.rig.decision("r-1").await;
        assert_eq!((decision.verdict.as_str(), decision.request_bytes), ("complete", Some(asked.len() as u64)));

        // Both connections go on.
        client.send(chunked() + &chunk(&(field("model", MODEL) + "--b-1\r\n"))).await;
        host.until(SHADOW).await;
    }
}

#[tokio::test]
async fn a_form_that_names_its_model_last_is_held_until_then() {
    let rig = Setup::hosts(1).shadow_model(SHADOW).start().await;
    let (before, model) = (file(&"x".repeat(300_000)) + "--b-1\r\n", &field("model", MODEL)["--b-1\r\n".len()..]);
    let mut client = rig.wire().await;
    client.send(chunked() + &chunk(&before)).await;
    client.send(chunk(model) + &chunk(END) + "0\r\n\r\n").await;
    assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 200 OK\r\n"));
    let received = rig.hosts[0].next_request().await;
    let asked = before + model + END;
    assert!(received.body == asked.replace(MODEL, SHADOW));
}

#[tokio::test]
async fn a_form_without_a_model_or_with_two_asks_no_host() {
    for (form, message) in [
        (file("x") + END, "You must provide a model parameter."),
        (field("model", MODEL) + &field("model", MODEL) + END, "The request body names `model` twice; send it once."),
        (field("model", MODEL), "The request body is not the form that its Content-Type says."),
    ] {
        let rig = Setup::hosts(1).start().await;
        let mut client = rig.wire().await;
        client.send(head(&format!("content-length: {}", form.len())) + &form).await;
        let told = client.until(message).await;
        assert!(told.starts_with("HTTP/1.1 400 "), "{told}");
        assert_eq!(rig.calls(), [0]);
    }
}

#[tokio::test]
async fn a_second_model_is_refused_and_never_reaches_the_host_that_has_the_first() {
    let bare = Bare::host().await;
    let mut client = bare.rig.wire().await;
    client.send(chunked() + &chunk(&(field("model", MODEL) + &file("one")))).await;
    let mut host = bare.accept(0).await;
    host.until("one\r\n").await;
    client.send(chunk(&(field("model", "second") + END))).await;
    let told = client.until("names `model` twice").await;
    assert!(told.starts_with("HTTP/1.1 400 ") && told.contains("connection: close\r\n"), "{told}");
    assert_eq!(host.rest().await, "");
    let decision = bare.failed("invalid_request", 400).await;
    assert_eq!((decision.attempts.len(), decision.upstream_status), (1, None));
}

#[tokio::test]
async fn a_form_that_breaks_off_is_refused_before_the_host_has_its_end() {
    let bare = Bare::host().await;
    let (mut client, mut host) = bare.begun().await;
    client.send(chunk("\r\n\r\nvalue\r\n--b-1") + "0\r\n\r\n").await;
    let told = client.until("is not the form").await;
    assert!(told.starts_with("HTTP/1.1 400 ") && !told.contains("connection: close"), "{told}");
    assert!(!host.rest().await.contains("0\r\n\r\n"));
    bare.failed("invalid_request", 400).await;
}

#[tokio::test]
async fn another_host_gets_all_of_it_when_one_fails_before_the_end() {
    for is_chunked in [false, true] {
        let bare = Bare::hosts(2, |setup| setup).await;
        let (first, second) = (field("model", MODEL) + &file(&"one".repeat(50_000)), file("two") + END);
        let asked = first.clone() + &second;
        let mut client = bare.rig.wire().await;
        let (beginning, end) = in_two(is_chunked, &first, &second);
        client.send(beginning).await;
        let mut host = bare.accept(0).await;
        host.until("one\r\n").await;
        host.send(answer("503 Service Unavailable", "{}")).await;
        assert_eq!(host.rest().await, "", "it is let go");
        let mut next = bare.accept(1).await;
        let mut seen = next.until("one\r\n").await;
        client.send(end).await;
        seen += &next.until(if is_chunked { "\r\n0\r\n\r\n" } else { END }).await;
        next.send(answer("200 OK", IMAGE)).await;
        assert!(client.until(IMAGE).await.starts_with("HTTP/1.1 200 OK\r\n"));
        let (_, body) = seen.split_once("\r\n\r\n").expect("has a head");
        let body = if is_chunked { unchunked(body) } else { body.to_owned() };
        assert!(body == asked.replace(MODEL, SHADOW));
        let decision = bare.rig.decision("r-1").await;
        let attempts = decision.attempts.iter().map(|one| (one.end.as_str(), one.class.as_deref(), one.status));
        let expected = [("refused", Some("gateway_5xx"), Some(503)), ("answered", None, Some(200))];
        assert_eq!(attempts.collect::<Vec<_>>(), expected);
        assert!(!decision.possible_double_bill);
    }
}

#[tokio::test]
async fn a_host_that_breaks_off_inside_a_form_may_have_worked_and_no_other_is_asked() {
    let bare = Bare::hosts(2, |setup| setup).await;
    let (mut client, host) = bare.begun().await;
    drop(host);
    let told = client.until("upstream_bad_response").await;
    assert!(told.starts_with("HTTP/1.1 502 ") && told.contains("connection: close\r\n"), "{told}");
    let decision = bare.failed("transport_error", 502).await;
    let ends: Vec<_> = decision.attempts.iter().map(|attempt| attempt.end.as_str()).collect();
    assert_eq!(ends, ["maybe_executed"], "an image is not to be made twice");
}

#[tokio::test]
async fn a_form_on_a_connection_that_closes_just_then_is_begun_again_on_a_fresh_one() {
    let bare = Bare::host().await;
    let (mut first, mut host) = bare.begun().await;
    first.send(chunk(&format!("\r\n\r\n\r\n{END}")) + "0\r\n\r\n").await;
    host.until("\r\n0\r\n\r\n").await;
    host.send(answer("200 OK", IMAGE)).await;
    first.until(IMAGE).await;

    let mut client = bare.rig.wire().await;
    client.send(chunked().replace("r-1", "r-2") + &chunk(&(field("model", MODEL) + &file("one")))).await;
    host.until("one\r\n").await;
    drop(host);
    let mut fresh = bare.accept(0).await;
    let seen = fresh.until("one\r\n").await;
    assert!(seen.contains(&field("model", SHADOW)));
    client.send(chunk(END) + "0\r\n\r\n").await;
    fresh.until("\r\n0\r\n\r\n").await;
    fresh.send(answer("200 OK", IMAGE)).await;
    client.until(IMAGE).await;
    let decision = bare.rig.decision("r-2").await;
    assert_eq!((decision.verdict.as_str(), decision.attempts.len()), ("complete", 1));
}

#[tokio::test]
async fn a_refusal_before_the_end_is_told_and_its_connection_not_used_again() {
    let invalid = r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"bad_image"}}"#;
    for (status, body, told, class) in [
        ("400 Bad Request", invalid, ("400", "bad_image"), "gateway_400"),
        ("413 Payload Too Large", invalid, ("413", "bad_image"), "gateway_413"),
        ("401 Unauthorized", "{}", ("502", "upstream_auth"), "gateway_auth_error"),
        ("429 Too Many Requests\r\nretry-after: 7", "{}", ("429", "retry-after: 7"), "gateway_rate_limited"),
        ("500 Internal Server Error", "{}", ("502", "upstream_error"), "gateway_500"),
    ] {
        let bare = Bare::host().await;
        let (mut client, mut host) = bare.begun().await;
        host.send(answer(status, body)).await;
        let read = client.until("}}").await;
        assert!(read.starts_with(&format!("HTTP/1.1 {} ", told.0)) && read.contains(told.1), "{status}: {read}");
        assert!(read.contains("connection: close\r\n"), "{read}");
        assert_eq!(host.rest().await, "", "{status}");
        let decision = bare.failed(class, told.0.parse().expect("is a status")).await;
        assert_eq!(decision.upstream_status, Some(status[..3].parse().expect("is a status")));
    }
}

#[tokio::test]
async fn an_answer_before_the_end_waits_until_the_host_has_everything() {
    let bare = Bare::host().await;
    let (mut client, mut host) = bare.begun().await;
    host.send(answer("200 OK", IMAGE)).await;
    client.send(chunk("\r\n\r\n") + &chunk(&format!("\r\n{END}")) + "0\r\n\r\n").await;
    host.until("\r\n0\r\n\r\n").await;
    assert!(client.until(IMAGE).await.starts_with("HTTP/1.1 200 OK\r\n"));
    client.send(chunked() + &chunk(&(field("model", MODEL) + "--b-1\r\n"))).await;
    host.until(SHADOW).await;
}

#[tokio::test]
async fn a_client_that_leaves_inside_its_form_takes_the_upstream_request_with_it() {
    let alone = |fleet: &mut relay_domain::Fleet| fleet.keys[0].limits.concurrency = Some(1);
    let bare = Bare::hosts(1, |setup| setup.fleet(alone)).await;
    let (client, mut host) = bare.begun().await;
    drop(client);
    assert_eq!(host.rest().await, "");
    let decision = bare.rig.decision("r-1").await;
    assert_eq!((decision.verdict.as_str(), decision.error_class.as_deref()), ("client_gone", Some("client_gone")));
    assert_eq!((decision.client_status, decision.attempts.len()), (None, 1));
    assert_eq!(decision.request_bytes, Some((field("model", MODEL).len() + "--b-1\r\nX-First: part".len()) as u64));
    // Its place is another's.
    let (_client, _host) = bare.begun().await;
}

#[tokio::test]
async fn a_client_that_stalls_inside_its_form_is_told_so() {
    let short = Duration::from_millis(100);
    let bare = Bare::hosts(1, |setup| setup.options(|options| options.body_stall = short)).await;
    let (mut client, mut host) = bare.begun().await;
    let told = client.until("request_timeout").await;
    assert!(told.starts_with("HTTP/1.1 408 ") && told.contains("connection: close\r\n"), "{told}");
    assert_eq!(host.rest().await, "");
    bare.failed("request_timeout", 408).await;
}

#[tokio::test]
async fn a_form_that_grows_too_large_ends_its_upstream_request() {
    let limited = |limit: fn(&mut relay_gateway::GatewayOptions)| Bare::hosts(1, move |setup| setup.options(limit));
    for (bare, status, code) in [
        (limited(|options| options.max_body = 100_000).await, 413, "request_too_large"),
        (limited(|options| options.max_buffered = 100_000).await, 503, "overloaded"),
    ] {
        for _ in 0..2 {
            let (mut client, mut host) = bare.begun().await;
            client.send(format!("{:x}\r\n\r\n\r\n{}", 200_000, "x".repeat(100_000))).await;
            let told = client.until(code).await;
            assert!(
                told.starts_with(&format!("HTTP/1.1 {status} ")) && told.contains("connection: close\r\n"),
                "{told}"
            );
            assert!(!host.rest().await.contains("0\r\n\r\n"));
            // The second time shows that the first gave its memory back.
        }
        bare.failed(code, status).await;
    }
}

#[tokio::test]
async fn a_shutdown_tells_a_client_that_is_still_sending() {
    let bare = Bare::host().await;
    let (mut client, mut host) = bare.begun().await;
    bare.rig.shutdown.stop_accepting.cancel();
    bare.rig.shutdown.end_now.cancel();
    assert!(client.until("server_shutdown").await.starts_with("HTTP/1.1 503 "));
    assert_eq!(host.rest().await, "");
    bare.failed("server_shutdown", 503).await;
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_for_its_form_is() {
    let rig = Setup::hosts(1).shadow_model(SHADOW).start().await;
    let form = field("model", MODEL) + &file("one") + END;
    let mut client = rig.wire().await;
    client.send(head(&format!("expect: 100-continue\r\ncontent-length: {}", form.len()))).await;
    client.until("HTTP/1.1 100 Continue\r\n\r\n").await;
    client.send(form.clone()).await;
    assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(rig.hosts[0].next_request().await.body == form.replace(MODEL, SHADOW));
}

#[tokio::test]
async fn a_stream_that_a_form_asks_for_at_its_end_is_kept_alive_from_then_on() {
    let short = Duration::from_millis(60);
    let clocks = |setup: Setup| setup.options(|options| (options.status_commit, options.keep_alive) = (short, short));
    let bare = Bare::hosts(1, clocks).await;
    let (mut client, mut host) = bare.begun().await;
    client.send(chunk("\r\n\r\n") + &chunk(&format!("\r\n{}{END}", field("stream", "true"))) + "0\r\n\r\n").await;
    host.until("\r\n0\r\n\r\n").await;
    assert!(client.until(": keep-alive\n\n").await.starts_with("HTTP/1.1 200 OK\r\n"));
    host.send(answer("400 Bad Request", "{}")).await;
    client.until("upstream_refused").await;
    bare.failed("gateway_400", 200).await;
}

#[tokio::test]
async fn a_form_of_many_megabytes_comes_through_unchanged() {
    let rig = Setup::hosts(1).shadow_model(SHADOW).start().await;
    rig.hosts[0].script(Reply::raw("application/json", IMAGE));
    let content: String = (0..4_000_000).map(|number: u32| char::from(b'a' + (number % 23) as u8)).collect();
    let form = field("model", MODEL) + &file(&content) + &field("n", "2") + END;
    let answer = rig.call("POST", "/v1/images/edits").header("content-type", "multipart/form-data; boundary=b-1");
    assert_eq!(answer.body(form.clone()).send().await.status, 200);
    let received = rig.hosts[0].next_request().await;
    assert!(received.body == form.replace(MODEL, SHADOW));
    assert_eq!(received.header("content-length"), Some(received.body.len().to_string().as_str()));
}

//! What a host remembers of what it was asked, and what it refuses.

mod support;

use relay_testkit::{FakeGroup, FakeHost, Personality, Reply, errors};
use support::{Answer, Client, KEY, chat, chat_body, post};

#[tokio::test]
async fn a_request_is_kept_as_it_came() {
    let host = FakeHost::start().await;
    let mut client = Client::connect(&host).await;
    let headers = "authorization: Bearer k\r\nX-A: 1\r\nsession_id: s\r\nx-a:  2 \r\n";
    let body = "{\"model\": \"gpt-5\",\n \"n\":1.0, \"x\":\"\\ud83d\"}";
    client.post("/v1/chat/completions?beta=true&a=%20", headers, body).await;
    client.post("/v1/chat/completions", KEY, &chat_body("second", false)).await;
    let request = host.next_request().await;
    assert_eq!(request.target, "/v1/chat/completions?beta=true&a=%20");
    assert_eq!((request.path(), request.query()), ("/v1/chat/completions", Some("beta=true&a=%20")));
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Host", "Content-Length", "authorization", "X-A", "session_id", "x-a"]);
    assert_eq!(request.header_all("X-a"), ["1", "2"]);
    assert_eq!(request.bearer(), Some("k"));
    assert_eq!(request.body, body.as_bytes());
    assert!(request.head.starts_with(b"POST /v1/chat/completions?beta=true&a=%20 HTTP/1.1\r\n"));
    let second = host.next_request().await;
    assert_eq!(second.json()["messages"][0]["content"], "second");
    assert_eq!(second.header("authorization"), Some("Bearer sk-test"));
    assert!(!second.hung_up());
}

#[tokio::test]
async fn replies_are_taken_in_order_and_only_by_relay_calls_with_a_good_key() {
    let host = FakeHost::builder().key("sk-test").start().await;
    host.script(Reply::chat("first"));
    host.script(Reply::chat("second"));
    host.script_path("/v1/models", Reply::html());
    let mut client = Client::connect(&host).await;
    assert_eq!(client.post("/v1/chat/completions", "x-api-key: bad\r\n", &chat_body("x", false)).await.status(), 401);
    assert_eq!(client.get("/v1/models", KEY).await.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(client.get("/v1/models", KEY).await.json()["data"][0]["id"], "gpt-5");
    let mut said = Vec::new();
    for _ in 0..3 {
        let answer = client.post("/v1/chat/completions", KEY, &chat_body("x", false)).await;
        said.push(answer.json()["choices"][0]["message"]["content"].clone());
    }
    assert_eq!(said, ["first", "second", "fake says: x"]);
    assert_eq!(host.unused_replies(), 0);
}

#[tokio::test]
async fn answers_of_parallel_requests_can_be_told_apart() {
    let host = FakeHost::builder().name("tokyo").start().await;
    let asked: Vec<String> = (0..20).map(|number| format!("question {number}")).collect();
    let answers = futures_util::future::join_all(asked.iter().map(|prompt| chat(&host, prompt, false))).await;
    let mut ids: Vec<String> = Vec::new();
    for (prompt, answer) in asked.iter().zip(&answers) {
        let json = answer.json();
        assert_eq!(json["choices"][0]["message"]["content"], format!("tokyo says: {prompt}"));
        ids.push(json["id"].to_string());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[tokio::test]
async fn keys_are_refused_as_the_real_host_refuses_them() {
    let host = FakeHost::builder().key("sk-test").start().await;
    let mut client = Client::connect(&host).await;
    let body = chat_body("x", true);
    let no_key = client.post("/v1/chat/completions", "", &body).await;
    assert_eq!((no_key.status(), &no_key.json()["code"]), (401, &"API_KEY_REQUIRED".into()));
    let wrong = client.post("/v1/chat/completions", "x-api-key: sk-wrong\r\n", &body).await;
    assert_eq!(wrong.text(), "{\"code\":\"INVALID_API_KEY\",\"message\":\"Invalid API key\"}");
    let query = client.post("/v1/chat/completions?key=sk-test", KEY, &body).await;
    assert_eq!((query.status(), &query.json()["code"]), (400, &"api_key_in_query_deprecated".into()));
    let google = client.post("/v1beta/models/gemini-2.5-pro:generateContent?key=no", "", "{}").await;
    assert_eq!(google.json()["error"]["status"], "UNAUTHENTICATED");
    let openai = FakeHost::builder().personality(Personality::OpenAi).key("k").start().await;
    assert_eq!(chat(&openai, "x", false).await.json()["error"]["code"], "invalid_api_key");
}

#[tokio::test]
async fn bodies_are_checked_before_a_reply_is_spent_on_them() {
    let host = FakeHost::builder().model("gpt-5").start().await;
    let mut client = Client::connect(&host).await;
    for (body, status, message) in [
        ("", 400, "Request body is empty"),
        ("{", 400, "Failed to parse request body"),
        ("{\"a\":1}", 400, "model is required"),
        ("{\"model\":\"o9\"}", 404, "Model \"o9\" is not supported by any configured account in this group"),
    ] {
        let answer = client.post("/v1/chat/completions", KEY, body).await;
        assert_eq!(answer.status(), status, "{body}");
        assert_eq!(answer.json()["error"]["message"], message);
    }
}

#[tokio::test]
async fn unknown_paths_are_the_web_page_or_plain_text() {
    for personality in [Personality::S, Personality::N] {
        let host = FakeHost::builder().personality(personality).start().await;
        let mut client = Client::connect(&host).await;
        let page = client.post("/chat/completions", KEY, &chat_body("x", false)).await;
        assert_eq!((page.status(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        let inside = client.get("/v1/nothing", KEY).await;
        assert_eq!((inside.status(), inside.text().as_str()), (404, "404 page not found"));
        assert_eq!(inside.header("content-type"), Some("text/plain"));
        assert_eq!(client.get("/health", "").await.text(), "{\"status\":\"ok\"}");
    }
    let host = FakeHost::builder().personality(Personality::OpenAi).start().await;
    let answer = Client::connect(&host).await.get("/nothing", KEY).await;
    assert_eq!(answer.json()["error"]["message"], "Invalid URL (GET /nothing)");
}

#[tokio::test]
async fn request_ids_follow_the_personality() {
    let host = FakeHost::start().await;
    let mut client = Client::connect(&host).await;
    let ask = format!("{KEY}X-Request-ID: mine\r\nX-Client-Request-ID: ignored\r\n");
    let answer = client.post("/v1/chat/completions", &ask, &chat_body("x", false)).await;
    assert_eq!(answer.header_all("x-request-id"), ["mine"]);
    assert_ne!(answer.header("x-client-request-id"), Some("ignored"));
    host.script(Reply::echo().upstream_request_id("req_up"));
    host.script(Reply::echo().upstream_request_id("req_up"));
    let whole = client.post("/v1/chat/completions", &ask, &chat_body("x", false)).await;
    assert_eq!(whole.header_all("x-request-id"), ["mine", "req_up"]);
    let stream = client.post("/v1/chat/completions", &ask, &chat_body("x", true)).await;
    assert_eq!(stream.header_all("x-request-id"), ["mine", "req_up"]);
    host.script(Reply::echo().upstream_request_id("req_up"));
    let messages = client.post("/v1/messages", &ask, &chat_body("x", true)).await;
    assert_eq!(messages.header_all("x-request-id"), ["req_up"]);
    let page = client.get("/", "").await;
    assert_eq!((page.header("x-client-request-id"), page.header("x-request-id").map(str::len)), (None, Some(36)));
    let long = format!("{KEY}X-Request-ID: {}\r\n", "x".repeat(65));
    let answer = client.post("/v1/chat/completions", &long, &chat_body("x", false)).await;
    assert_eq!(answer.header("x-request-id").map(str::len), Some(36));
    let old = FakeHost::builder().personality(Personality::S).start().await;
    let answer = Client::connect(&old).await.post("/v1/responses", KEY, "{\"model\":\"gpt-5\"}").await;
    assert_eq!((answer.status(), answer.header("x-client-request-id")), (200, None));
}

#[tokio::test]
async fn headers_of_a_script_are_sent_as_they_are() {
    let host = FakeHost::start().await;
    host.script(Reply::rate_limited(Some("Wed, 21 Oct 2026 07:28:00 GMT")).leaky_headers());
    let answer = chat(&host, "x", true).await;
    assert_eq!((answer.status(), answer.header("retry-after")), (429, Some("Wed, 21 Oct 2026 07:28:00 GMT")));
    assert_eq!(answer.header_all("set-cookie").len(), 2);
    host.script(Reply::rate_limited(None));
    assert_eq!(chat(&host, "x", true).await.header("retry-after"), None);
    host.script(Reply::redirect(307, "http://elsewhere.example/v1"));
    let answer = chat(&host, "x", true).await;
    assert_eq!((answer.status(), answer.header("location")), (307, Some("http://elsewhere.example/v1")));
    host.script(Reply::error(errors::INVALID_AUTH_RATE_LIMITED));
    assert_eq!(chat(&host, "x", true).await.header("retry-after"), Some("60"));
}

async fn admin(host: &FakeHost, path: &str) -> Answer {
    Client::connect(host).await.get(&format!("/api/v1/{path}"), "x-api-key: admin-1\r\n").await
}

#[tokio::test]
async fn groups_can_be_listed_searched_and_read() {
    let groups = [
        FakeGroup::new(1, "gpt-pool"),
        FakeGroup::new(2, "GPT-pool-2").inactive(),
        FakeGroup::new(7, "claude").platform("anthropic").described("not the gpt-pool"),
    ];
    let build = |personality| {
        let builder = FakeHost::builder().personality(personality).admin_key("admin-1");
        groups.iter().fold(builder, |builder, group| builder.group(group.clone()))
    };
    let host = build(Personality::N).start().await;
    let ids = |answer: &Answer, path: &str| -> Vec<i64> {
        let json = answer.json();
        let items = json.pointer(path).and_then(|items| items.as_array()).cloned().unwrap_or_default();
        items.iter().filter_map(|item| item["id"].as_i64()).collect()
    };
    assert_eq!(ids(&admin(&host, "admin/groups?search=gpt-pool").await, "/data/items"), [1, 2, 7]);
    assert_eq!(ids(&admin(&host, "admin/groups?status=active&platform=openai").await, "/data/items"), [1]);
    assert_eq!(ids(&admin(&host, "admin/groups?page_size=2&page=2").await, "/data/items"), [7]);
    assert_eq!(ids(&admin(&host, "admin/groups/all").await, "/data"), [1, 7]);
    assert_eq!(ids(&admin(&host, "admin/groups/all?include_inactive=true").await, "/data"), [1, 2, 7]);
    assert_eq!(admin(&host, "admin/groups/7").await.json()["data"]["name"], "claude");
    let missing = admin(&host, "admin/groups/8").await;
    assert_eq!(missing.text(), "{\"code\":404,\"message\":\"group not found\",\"reason\":\"GROUP_NOT_FOUND\"}");
    assert_eq!(admin(&host, "admin/groups/x").await.status(), 400);
    let old = build(Personality::S).start().await;
    assert_eq!(ids(&admin(&old, "admin/groups?search=nothing").await, "/data/items"), [1, 2, 7]);
    assert_eq!(admin(&old, "admin/groups?page_size=500").await.json()["data"]["page_size"], 20);
    assert_eq!(admin(&host, "admin/groups?page_size=500").await.json()["data"]["page_size"], 500);
}

#[tokio::test]
async fn the_panel_answers_with_both_envelopes() {
    let host = FakeHost::builder().name("tokyo").start().await;
    let settings = Client::connect(&host).await.get("/api/v1/settings/public", "").await.json();
    assert_eq!((settings["code"].as_i64(), settings["data"]["version"].as_str()), (Some(0), Some("0.1.179")));
    assert_eq!(admin(&host, "admin/groups").await.json()["code"], "INVALID_ADMIN_KEY");
    let none = Client::connect(&host).await.get("/api/v1/admin/groups", "").await;
    assert_eq!((none.status(), &none.json()["code"]), (401, &"UNAUTHORIZED".into()));
    assert_eq!(admin(&host, "admin/nothing").await.text(), "404 page not found");
    let gated = FakeHost::builder().admin_key("admin-1").compliance_pending().start().await;
    let refused = admin(&gated, "admin/groups").await;
    assert_eq!((refused.status(), &refused.json()["code"]), (423, &"ADMIN_COMPLIANCE_ACK_REQUIRED".into()));
    assert_eq!(admin(&gated, "admin/compliance").await.json()["data"]["required"], true);
}

#[tokio::test]
async fn pipelined_requests_are_both_answered() {
    let host = FakeHost::start().await;
    let mut client = Client::connect(&host).await;
    let two = post("/v1/chat/completions", KEY, &chat_body("a", false))
        + &post("/v1/chat/completions", KEY, &chat_body("b", false));
    client.send(two).await;
    assert_eq!(client.answer().await.json()["choices"][0]["message"]["content"], "fake says: a");
    assert_eq!(client.answer().await.json()["choices"][0]["message"]["content"], "fake says: b");
    assert_eq!(host.received()[1].bearer(), Some("sk-test"));
}

//! The admin and user API over a state, and its faults. What running hosts answer was recorded; these tests keep the doubles to it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use relay_testkit::{
    AdminFault, Captcha, Cut, FakeGroup, FakeHost, FakeHostBuilder, FakeKey, FakeSubscription, FakeUser, Gate,
    Personality, Reply,
};
use serde_json::{Value, json};
use support::{Answer, Client, End, chat_body};

const BOTH: [Personality; 2] = [Personality::S, Personality::N];

/// A host with a subscription group 1, a standard group 2 and the user `ann@relay.example`.
fn builder(personality: Personality) -> FakeHostBuilder {
    FakeHost::builder()
        .personality(personality)
        .admin_key("admin-1")
        .group(FakeGroup::new(1, "pool"))
        .group(FakeGroup::new(2, "standard").standard())
        .user(FakeUser::new("ann@relay.example").password("secret-of-ann"))
}

/// Calls as the administrator, unless `credential` says otherwise.
async fn call_as(host: &FakeHost, credential: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let mut client = Client::connect(host).await;
    let length = body.len();
    let head =
        format!("{method} /api/v1/{path} HTTP/1.1\r\nHost: fake\r\nContent-Length: {length}\r\n{credential}\r\n");
    client.send(format!("{head}{body}")).await;
    client.answer().await
}

async fn call(host: &FakeHost, method: &str, path: &str, body: Option<Value>) -> Answer {
    call_as(host, "x-api-key: admin-1\r\n", method, path, body).await
}

async fn log_in(host: &FakeHost, email: &str, password: &str) -> Answer {
    call_as(host, "", "POST", "auth/login", Some(json!({"email": email, "password": password}))).await
}

/// The `Authorization` line of a session.
async fn session(host: &FakeHost) -> String {
    let answer = log_in(host, "ann@relay.example", "secret-of-ann").await;
    format!("Authorization: Bearer {}\r\n", answer.json()["data"]["access_token"].as_str().expect("a token"))
}

/// `reason` of a handler, `code` of a middleware, else the message.
fn said(answer: &Answer) -> (u16, String) {
    let json: Value = serde_json::from_slice(&answer.body()).unwrap_or(Value::Null);
    let word = json["reason"].as_str().or(json["code"].as_str()).or(json["message"].as_str());
    (answer.status(), word.map_or_else(|| answer.text(), str::to_owned))
}

fn assigning() -> Value {
    json!({"user_id": 2, "group_id": 1, "validity_days": 30, "notes": "relay"})
}

#[tokio::test]
async fn a_key_made_by_its_user_is_served_while_its_subscription_lives() {
    for personality in BOTH {
        let host = builder(personality).start().await;
        let user = session(&host).await;
        let new = Some(json!({"name": "a&b", "group_id": 1, "custom_key": "sk-relay-0123456789"}));
        assert_eq!(
            said(&call_as(&host, &user, "POST", "keys", new.clone()).await),
            (403, "GROUP_NOT_ALLOWED".to_owned())
        );
        assert_eq!(call(&host, "POST", "admin/subscriptions/assign", Some(assigning())).await.status(), 200);
        let made = call_as(&host, &user, "POST", "keys", new.clone()).await.json();
        let name = if personality == Personality::N { "a&amp;b" } else { "a&b" };
        assert_eq!((&made["data"]["key"], &made["data"]["name"]), (&json!("sk-relay-0123456789"), &json!(name)));
        assert_eq!(said(&call_as(&host, &user, "POST", "keys", new).await), (409, "API_KEY_EXISTS".to_owned()));

        let key = "Authorization: Bearer sk-relay-0123456789\r\n";
        let mut client = Client::connect(&host).await;
        let served = client.post("/v1/responses", key, &chat_body("hello", false)).await;
        assert_eq!(served.status(), 200);
        assert_eq!(client.get("/v1/models", "Authorization: Bearer sk-other\r\n").await.status(), 401);
        host.panel(|panel| panel.clock_skew = jiff::SignedDuration::from_hours(24 * 31));
        for path in ["/v1/models", "/v1/usage"] {
            let refused = client.get(path, key).await;
            let about_itself = personality == Personality::N && path == "/v1/usage";
            assert_eq!(refused.status(), if about_itself { 200 } else { 403 }, "{personality:?} {path}");
            assert!(!about_itself || refused.json().get("subscription").is_none());
        }
    }
}

#[tokio::test]
async fn a_served_request_is_billed_under_the_id_of_its_answer() {
    let host = builder(Personality::N).start().await;
    host.panel(|panel| {
        let now = panel.now();
        panel.add_subscription(FakeSubscription::new(2, 1, now, 30));
        panel.add_key(FakeKey::new(2, "sk-of-ann", Some(1)));
    });
    let key = "Authorization: Bearer sk-of-ann\r\n";
    let answer = Client::connect(&host).await.post("/v1/chat/completions", key, &chat_body("two words", true)).await;
    let id = format!("client:{}", answer.header("x-client-request-id").expect("an id"));
    let found = call(&host, "GET", &format!("admin/usage?request_id={id}"), None).await.json();
    assert_eq!((&found["data"]["total"], &found["data"]["items"][0]["user_id"]), (&json!(1), &json!(2)));
    assert_eq!(found["data"]["items"][0]["stream"], true);
    host.script(Reply::rate_limited(None));
    Client::connect(&host).await.post("/v1/chat/completions", key, &chat_body("x", false)).await;
    assert_eq!(host.panel(|panel| panel.usage.len()), 1, "an error costs nothing");
}

async fn assign(host: &FakeHost, body: Value) -> (u16, String) {
    said(&call(host, "POST", "admin/subscriptions/assign", Some(body)).await)
}

/// Lets 40 days pass, after which a subscription of 30 is over.
fn let_it_expire(host: &FakeHost) {
    host.panel(|panel| panel.clock_skew = jiff::SignedDuration::from_hours(24 * 40));
}

#[tokio::test]
async fn the_older_host_assigns_once_and_extends_from_the_old_end() {
    let host = builder(Personality::S).start().await;
    assert_eq!(assign(&host, assigning()).await.0, 200);
    let exists = (409, "SUBSCRIPTION_ALREADY_EXISTS".to_owned());
    assert_eq!(assign(&host, assigning()).await, exists);
    let_it_expire(&host);
    assert_eq!(assign(&host, assigning()).await, exists, "an expired one too");
    let extended = call(&host, "POST", "admin/subscriptions/1/extend", Some(json!({"days": 5}))).await.json();
    assert_eq!(extended["data"]["status"], "active");
    assert!(host.panel(|panel| panel.subscriptions[0].expires_at < panel.now()), "30 and 5 days are past after 40");
}

#[tokio::test]
async fn the_newer_host_returns_what_is_the_same_and_renews_what_expired() {
    let host = builder(Personality::N).start().await;
    assert_eq!(assign(&host, assigning()).await.0, 200);
    assert_eq!(assign(&host, assigning()).await.0, 200);
    let mut longer = assigning();
    longer["validity_days"] = 31.into();
    assert_eq!(assign(&host, longer).await, (409, "SUBSCRIPTION_ASSIGN_CONFLICT".to_owned()));
    let_it_expire(&host);
    assert_eq!(assign(&host, assigning()).await.0, 200);
    assert!(host.panel(|panel| panel.subscriptions[0].expires_at > panel.now()));
    host.panel(|panel| "suspended".clone_into(&mut panel.subscriptions[0].status));
    assert_eq!(assign(&host, assigning()).await.0, 200);
    let rows = host.panel(|panel| panel.subscriptions.clone());
    assert_eq!((rows.len(), rows[0].status.as_str()), (1, "suspended"), "it comes back as it is");
}

#[tokio::test]
async fn an_unknown_user_breaks_an_assignment() {
    for personality in BOTH {
        let host = builder(personality).start().await;
        let nobody = json!({"user_id": 99, "group_id": 1});
        assert_eq!(assign(&host, nobody).await, (500, "internal error".to_owned()));
        let standard = json!({"user_id": 2, "group_id": 2});
        assert_eq!(assign(&host, standard).await, (400, "GROUP_NOT_SUBSCRIPTION_TYPE".to_owned()));
    }
}

#[tokio::test]
async fn users_are_told_apart_and_found_as_the_version_does() {
    for personality in BOTH {
        let host = builder(personality).start().await;
        let is_n = personality == Personality::N;
        host.panel(|panel| panel.add_key(FakeKey::new(2, "sk-needle-0123456789", None)));
        let new = |email: &str| Some(json!({"email": email, "password": "secret"}));
        let other_case = call(&host, "POST", "admin/users", new("Ann@relay.example")).await;
        assert_eq!(other_case.status(), if is_n { 409 } else { 200 });
        let made = call(&host, "POST", "admin/users", new("bob@relay.example")).await.json();
        let id = made["data"]["id"].as_i64().unwrap();
        let stored = call(&host, "GET", &format!("admin/users/{id}"), None).await.json();
        assert_eq!(stored["data"]["concurrency"], if is_n { 0 } else { 5 });
        let total = async |search: &str| {
            call(&host, "GET", &format!("admin/users?search={search}"), None).await.json()["data"]["total"].as_i64()
        };
        assert_eq!(total("needle").await, Some(i64::from(is_n)), "by key text");
        assert_eq!(total("b_b%40relay").await, Some(i64::from(!is_n)), "by wildcard");
        assert_eq!(call(&host, "DELETE", &format!("admin/users/{id}"), None).await.status(), 200);
        assert_eq!(total("bob").await, Some(0));
        let again = call(&host, "POST", "admin/users", new("bob@relay.example")).await;
        assert_eq!(again.status(), if is_n { 200 } else { 409 }, "a deleted user may keep the address");
    }
}

#[tokio::test]
async fn a_deleted_group_leaves_its_keys_as_the_version_does() {
    for (personality, code) in [(Personality::S, "INSUFFICIENT_BALANCE"), (Personality::N, "GROUP_DELETED")] {
        let host = builder(personality).start().await;
        host.panel(|panel| {
            let now = panel.now();
            panel.add_subscription(FakeSubscription::new(2, 1, now, 30));
            panel.add_key(FakeKey::new(2, "sk-of-ann", Some(1)));
        });
        assert_eq!(call(&host, "DELETE", "admin/groups/1", None).await.status(), 200);
        assert_eq!(said(&call(&host, "GET", "admin/groups/1", None).await), (404, "GROUP_NOT_FOUND".to_owned()));
        let refused = Client::connect(&host).await.get("/v1/models", "Authorization: Bearer sk-of-ann\r\n").await;
        assert_eq!(said(&refused), (403, code.to_owned()));
        assert_eq!(call(&host, "GET", "admin/users/2/subscriptions", None).await.json()["data"], json!([]));
    }
}

#[tokio::test]
async fn a_page_has_the_size_that_the_version_allows() {
    for (personality, cap) in [(Personality::S, 100), (Personality::N, 1000)] {
        let host = builder(personality).start().await;
        for (query, size) in [
            ("page_size=100", 100),
            ("page_size=1000", if cap == 1000 { 1000 } else { 20 }),
            ("limit=7", 7),
            ("page_size=x&limit=7", 20),
        ] {
            let page = call(&host, "GET", &format!("admin/users?{query}"), None).await.json();
            assert_eq!(page["data"]["page_size"], size, "{personality:?} {query}");
        }
        let empty = call(&host, "GET", "admin/subscriptions", None).await.json();
        assert_eq!((&empty["data"]["pages"], &empty["data"]["items"]), (&json!(0), &json!([])));
    }
}

#[tokio::test]
async fn sessions_end_as_the_version_ends_them() {
    for personality in BOTH {
        let host = builder(personality).start().await;
        let user = session(&host).await;
        assert_eq!(call_as(&host, &user, "GET", "admin/groups", None).await.json()["code"], "FORBIDDEN");
        call(&host, "PUT", "admin/users/2", Some(json!({"password": "another"}))).await;
        let after = said(&call_as(&host, &user, "GET", "keys", None).await);
        assert_eq!(after.0, if personality == Personality::N { 401 } else { 200 });
        assert_eq!(
            said(&log_in(&host, "ann@relay.example", "secret-of-ann").await),
            (401, "INVALID_CREDENTIALS".to_owned())
        );
        host.panel(relay_testkit::FakePanel::expire_sessions);
        let expired = said(&call_as(&host, &user, "GET", "keys", None).await);
        assert_eq!(expired, (401, "TOKEN_EXPIRED".to_owned()));
    }
}

#[tokio::test]
async fn the_newer_host_rotates_refresh_tokens() {
    let host = builder(Personality::N).start().await;
    let tokens = log_in(&host, "Ann@Relay.example", "secret-of-ann").await.json();
    let refresh =
        async |token: &Value| call_as(&host, "", "POST", "auth/refresh", Some(json!({ "refresh_token": token }))).await;
    let renewed = refresh(&tokens["data"]["refresh_token"]).await.json();
    assert_eq!(renewed["data"]["expires_in"], 86_400);
    assert_eq!(said(&refresh(&tokens["data"]["refresh_token"]).await), (401, "REFRESH_TOKEN_INVALID".to_owned()));
    assert_eq!(refresh(&renewed["data"]["refresh_token"]).await.status(), 200);
    let old = builder(Personality::S).start().await;
    assert_eq!(call_as(&old, "", "POST", "auth/refresh", Some(json!({}))).await.text(), "404 page not found");
    assert!(log_in(&old, "ann@relay.example", "secret-of-ann").await.json()["data"].get("refresh_token").is_none());
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_login() {
    let ann = FakeUser::new("two@relay.example").password("secret-of-two").two_factor("123456");
    let host = builder(Personality::N).user(ann).start().await;
    host.panel(|panel| panel.two_factor_enabled = true);
    let half = log_in(&host, "two@relay.example", "secret-of-two").await.json();
    assert_eq!((&half["data"]["requires_2fa"], half["data"].get("access_token")), (&json!(true), None));
    let code = async |code: &str| {
        let body = json!({"temp_token": half["data"]["temp_token"], "totp_code": code});
        call_as(&host, "", "POST", "auth/login/2fa", Some(body)).await
    };
    assert_eq!(said(&code("000000").await), (400, "TOTP_INVALID_CODE".to_owned()));
    assert!(code("123456").await.json()["data"]["access_token"].is_string());
    for (captcha, reason) in [
        (Captcha::Turnstile, "TURNSTILE_VERIFICATION_FAILED"),
        (Captcha::Tencent, "TENCENT_CAPTCHA_VERIFICATION_FAILED"),
        (Captcha::Aliyun, "ALIYUN_CAPTCHA_VERIFICATION_FAILED"),
    ] {
        host.panel(|panel| panel.captcha = Some(captcha));
        assert_eq!(said(&log_in(&host, "ann@relay.example", "secret-of-ann").await), (400, reason.to_owned()));
    }
    host.panel(|panel| (panel.captcha, panel.backend_mode) = (None, true));
    assert_eq!(
        said(&log_in(&host, "ann@relay.example", "secret-of-ann").await),
        (403, "BACKEND_MODE_ADMIN_ONLY".to_owned())
    );
    assert_eq!(log_in(&host, "admin@fake.example", "password-of-admin").await.status(), 200);
}

#[tokio::test]
async fn sessions_can_be_bound_to_their_user_agent() {
    let host = builder(Personality::N).panel(|panel| panel.session_binding = true).start().await;
    let user = session(&host).await;
    assert_eq!(call_as(&host, &user, "GET", "keys", None).await.status(), 200);
    let elsewhere = call_as(&host, &format!("{user}User-Agent: other\r\n"), "GET", "keys", None).await;
    assert_eq!(said(&elsewhere), (401, "SESSION_BINDING_MISMATCH".to_owned()));
}

#[tokio::test]
async fn calls_are_counted_by_the_minute_on_the_newer_host() {
    let host = builder(Personality::N).panel(|panel| (panel.limits.panel, panel.limits.login) = (2, 2)).start().await;
    let user = session(&host).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(call_as(&host, &user, "GET", "keys", None).await.status());
    }
    assert_eq!(statuses, [200, 200, 429]);
    let limited = call_as(&host, &user, "GET", "keys", None).await;
    assert_eq!((limited.json()["code"].as_str(), limited.header("retry-after")), (Some("RATE_LIMITED"), Some("60")));
    assert_eq!(call(&host, "GET", "admin/groups", None).await.status(), 200, "administrators are not counted");
    session(&host).await;
    let flat = log_in(&host, "ann@relay.example", "secret-of-ann").await;
    assert_eq!((flat.status(), &flat.json()["error"]), (429, &json!("rate limit exceeded")));
    host.panel(|panel| panel.clock_skew = jiff::SignedDuration::from_secs(60));
    assert_eq!(call_as(&host, &user, "GET", "keys", None).await.status(), 200, "a new window");
}

#[tokio::test]
async fn a_repeated_write_is_the_same_write_where_keys_are_minded() {
    for personality in BOTH {
        let host = builder(personality).start().await;
        call(&host, "POST", "admin/subscriptions/assign", Some(assigning())).await;
        let end = |host: &FakeHost| host.panel(|panel| panel.subscriptions[0].expires_at);
        let before = end(&host);
        let once = "x-api-key: admin-1\r\nIdempotency-Key: k-1\r\n";
        let extend = async |days: i64| {
            call_as(&host, once, "POST", "admin/subscriptions/1/extend", Some(json!({ "days": days }))).await
        };
        extend(1).await;
        let second = extend(1).await;
        let hours = end(&host).duration_since(before).as_hours();
        if personality == Personality::N {
            assert_eq!((hours, second.header("x-idempotency-replayed")), (24, Some("true")));
            assert_eq!(said(&extend(2).await), (409, "IDEMPOTENCY_KEY_CONFLICT".to_owned()));
        } else {
            assert_eq!((hours, second.header("x-idempotency-replayed")), (48, None));
        }
    }
}

#[tokio::test]
async fn an_administrator_binds_a_key_to_another_group_on_the_newer_host() {
    let host = builder(Personality::N).group(FakeGroup::new(3, "closed").standard().exclusive()).start().await;
    host.panel(|panel| panel.add_key(FakeKey::new(2, "sk-of-ann", None)));
    let bind = async |group: i64| call(&host, "PUT", "admin/api-keys/1", Some(json!({ "group_id": group }))).await;
    assert_eq!(said(&bind(1).await), (400, "SUBSCRIPTION_REQUIRED".to_owned()));
    let opened = bind(3).await.json();
    assert_eq!(opened["data"]["auto_granted_group_access"], true);
    assert_eq!(host.panel(|panel| panel.users[1].allowed_groups.clone()), [3]);
    assert_eq!(bind(0).await.json()["data"]["api_key"]["group_id"], Value::Null);
    let old = builder(Personality::S).start().await;
    assert_eq!(call(&old, "PUT", "admin/api-keys/1", Some(json!({}))).await.text(), "404 page not found");
}

#[tokio::test]
async fn a_fork_lets_administrators_make_keys() {
    let host = builder(Personality::N).panel(|panel| panel.admin_creates_keys = true).start().await;
    let made = call(&host, "POST", "admin/users/2/api-keys", Some(json!({"name": "n", "group_id": 2}))).await.json();
    assert_eq!(made["data"]["user_id"], 2);
    host.panel(|panel| panel.admin_creates_keys = false);
    assert_eq!(call(&host, "POST", "admin/users/2/api-keys", Some(json!({}))).await.status(), 404);
}

#[tokio::test]
async fn a_lost_answer_is_of_a_call_that_was_done() {
    let host = builder(Personality::N).start().await;
    host.fail(AdminFault::lost_answer("POST", "/api/v1/admin/users"));
    let lost =
        call(&host, "POST", "admin/users", Some(json!({"email": "bob@relay.example", "password": "secret"}))).await;
    assert_eq!((lost.head.as_str(), lost.end), ("", End::Reset));
    assert!(host.panel(|panel| panel.user("bob@relay.example").is_some()));
    assert_eq!(host.unused_faults(), 0);
}

#[tokio::test]
async fn a_fault_can_stand_in_for_the_call() {
    let host = builder(Personality::N).start().await;
    host.fail(AdminFault::panel_limit("GET", "/api/v1/admin/users/*", 9).nth(2));
    assert_eq!(call(&host, "GET", "admin/users/2", None).await.status(), 200);
    assert_eq!(call(&host, "GET", "admin/users/2", None).await.header("retry-after"), Some("9"));
    host.fail(AdminFault::internal_error("POST", "/api/v1/admin/subscriptions/assign"));
    assert_eq!(call(&host, "POST", "admin/subscriptions/assign", Some(assigning())).await.status(), 500);
    assert!(host.panel(|panel| panel.subscriptions.is_empty()));
    host.fail(AdminFault::answer("GET", "/api/v1/admin/groups", Reply::wire("", Cut::Reset)));
    assert_eq!(call(&host, "GET", "admin/groups", None).await.end, End::Reset);
    host.fail(AdminFault::overtaken("POST", "/api/v1/admin/subscriptions/assign"));
    let overtaken = call(&host, "POST", "admin/subscriptions/assign", Some(assigning())).await;
    assert_eq!(said(&overtaken), (409, "SUBSCRIPTION_ALREADY_EXISTS".to_owned()));
    assert_eq!(host.panel(|panel| panel.subscriptions.len()), 1);
}

#[tokio::test]
async fn a_call_can_be_held_before_or_after_it_is_done() {
    let host = builder(Personality::N).start().await;
    let (before, after) = (Gate::new(), Gate::new());
    host.fail(AdminFault::hold_before("DELETE", "/api/v1/admin/groups/1", &before));
    host.fail(AdminFault::hold_after("DELETE", "/api/v1/admin/groups/2", &after));
    let exists = |id: i64| host.panel(|panel| panel.groups.iter().any(|group| group.id == id && !group.deleted));
    let (first, second) =
        (call(&host, "DELETE", "admin/groups/1", None), call(&host, "DELETE", "admin/groups/2", None));
    let watch = async {
        before.reached().await;
        after.reached().await;
        assert_eq!((exists(1), exists(2)), (true, false));
        before.open();
        after.open();
    };
    let (first, second, ()) = tokio::join!(first, second, watch);
    assert_eq!((first.status(), second.status(), exists(1)), (200, 200, false));
    assert_eq!(host.in_flight(), 0);
}

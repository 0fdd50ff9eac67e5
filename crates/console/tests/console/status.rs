//! The public status page: what anybody may know, and nothing else.

use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use relay_console::StatusPage;
use tower::ServiceExt as _;

use crate::support::{Console, FLEET};

fn page() -> StatusPage {
    StatusPage { title: Some("Our models".into()), groups: Vec::new(), days: 90 }
}

async fn get(router: &Router, path: &str) -> (StatusCode, http::HeaderMap, String) {
    let request = Request::get(path).header("accept-language", "zh-CN").body(Body::empty()).unwrap();
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, head.headers, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn there_is_none_until_it_is_switched_on() {
    let console = Console::with_fleet(FLEET).await;
    let mut anybody = console.browser();
    for path in ["/status", "/status.json"] {
        assert_eq!(anybody.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn it_names_groups_and_models_and_nothing_of_hosts() {
    let fleet = FLEET
        .replace("host_id = \"tokyo\"", "host_id = \"host-canary\"")
        .replace("shadow_host_id = \"tokyo\"", "shadow_host_id = \"host-canary\"")
        .replace("https://tokyo.example", "https://url-canary.example")
        .replace(
            "route_id = \"gpt-tokyo\"",
            "route_id = \"route-canary\"\nname = \"name-canary\"\nshadow_group_id = \"pool-canary\"",
        )
        .replace("shadow_model = \"big\"", "shadow_model = \"shadow-canary\"")
        .replace("key_id = \"team-a\"", "key_id = \"key-canary\"\nlabel = \"label-canary\"");
    let console = Console::start_with(Some(page())).await;
    console.publish(&fleet).await;
    console.resolve("request-canary", "gpt", "gpt-5").await;
    console.resolve("r-2", "gpt", "asked-canary").await;
    let alone = relay_console::status_router(Arc::clone(&console.control), page());
    for path in ["/", "/status", "/status.json"] {
        let (status, headers, text) = get(&alone, path).await;
        assert_eq!(status, StatusCode::OK);
        assert!(text.contains("gpt-5-mini") && text.contains("Our models"), "{text}");
        assert!(!text.contains("canary") && !text.contains("osaka"), "{path}: {text}");
        assert!(!format!("{headers:?}").contains("canary") && !headers.contains_key("set-cookie"));
    }
    let mut anybody = console.browser();
    let page = anybody.get("/status").await;
    assert!(!page.text.contains("canary"), "on the admin listener neither");
    assert_eq!(page.header("cache-control"), "public, max-age=30");
}

#[tokio::test]
async fn its_own_listener_answers_nothing_else_and_its_headers_are_strict() {
    let console = Console::start_with(Some(page())).await;
    console.publish(FLEET).await;
    let alone = relay_console::status_router(Arc::clone(&console.control), page());
    for path in [
        "/login",
        "/api/v1/hosts",
        "/metrics",
        "/healthz",
        "/decisions",
        "/settings",
        "/docs",
        "/status/..",
        "/assets/console.js",
    ] {
        let (status, headers, _) = get(&alone, path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(headers.contains_key("content-security-policy"), "{path}");
    }
    let (_, headers, html) = get(&alone, "/status").await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'") && !policy.contains("script"), "{policy}");
    for (name, value) in
        [("x-frame-options", "DENY"), ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")]
    {
        assert_eq!(headers[name], value);
    }
    assert!(!html.contains("<script") && !html.contains("<form") && html.contains("lang=\"zh-CN\""), "{html}");
    let style = html.split('"').find(|part| part.contains(".css")).unwrap();
    assert_eq!(get(&alone, style).await.0, StatusCode::OK);
    let mut admin = console.logged_in(crate::support::ADMIN).await;
    let script = admin.get("/").await.ok().split('"').find(|part| part.contains(".js")).unwrap().to_owned();
    assert_eq!(get(&alone, &script).await.0, StatusCode::NOT_FOUND, "scripts are the operators'");
}

#[tokio::test]
async fn only_the_groups_that_were_chosen_are_shown() {
    let console = Console::with_fleet(&format!("{FLEET}\n[[group]]\nlogical_group_id = \"inner\"\n[[route]]\nroute_id = \"inner-osaka\"\nlogical_group_id = \"inner\"\npublic_model = \"secret-model\"\nshadow_host_id = \"osaka\"\n")).await;
    let chosen = StatusPage { groups: vec!["gpt".into()], ..page() };
    let alone = relay_console::status_router(Arc::clone(&console.control), chosen);
    let (_, _, text) = get(&alone, "/status.json").await;
    assert!(text.contains("gpt-5") && !text.contains("inner") && !text.contains("secret-model"), "{text}");
}

#[tokio::test]
async fn what_the_public_asks_again_is_not_read_again() {
    let console = Console::with_fleet(FLEET).await;
    let alone = relay_console::status_router(Arc::clone(&console.control), page());
    let before = get(&alone, "/status.json").await.2;
    console.clock.advance(jiff::SignedDuration::from_hours(1));
    console.publish(&FLEET.replace("gpt-5-mini", "gpt-6")).await;
    assert_eq!(get(&alone, "/status.json").await.2, before, "within half a minute it is what was seen");
}

#[tokio::test]
async fn a_look_goes_on_and_is_remembered_when_whoever_asked_has_left() {
    let console = Console::with_fleet(FLEET).await;
    let alone = relay_console::status_router(Arc::clone(&console.control), page());
    let asked = console.control.now();
    {
        let mut leaves = Box::pin(get(&alone, "/status.json"));
        assert!(std::future::poll_fn(|context| Poll::Ready(leaves.as_mut().poll(context).is_pending())).await);
    }
    // The look that was asked for begins, at the time that it will tell.
    tokio::task::yield_now().await;
    console.clock.advance(jiff::SignedDuration::from_hours(1));
    let shown: serde_json::Value = serde_json::from_str(&get(&alone, "/status.json").await.2).unwrap();
    assert_eq!(shown["at"], asked.to_string(), "nobody looked again");
}

#[tokio::test]
async fn of_many_models_the_groups_are_listed_and_each_has_a_page_of_its_own() {
    let group = |group: &str, models: usize| -> String {
        let routes = (0..models).map(|model| {
            format!(
                "[[route]]\nroute_id = \"{group}-{model}\"\nlogical_group_id = \"{group}\"\npublic_model = \"{group}-model-{model:02}\"\n\
                 shadow_host_id = \"tokyo\"\ncredential = \"caller\"\n"
            )
        });
        format!("[[group]]\nlogical_group_id = \"{group}\"\n{}", routes.collect::<String>())
    };
    let host = "[[host]]\nhost_id = \"tokyo\"\nkind = \"openai\"\nbase_url = \"https://tokyo.example\"\n";
    let fleet = format!("{host}{}{}", group("small", 2), group("large", 40));
    let console = Console::start_with(Some(page())).await;
    console.publish(&fleet).await;
    let alone = relay_console::status_router(Arc::clone(&console.control), page());
    let (_, _, index) = get(&alone, "/status").await;
    assert!(index.contains("href=\"/status?group=large\"") && index.contains("40 个模型"), "{index}");
    assert!(!index.contains("class=\"strip\"") && !index.contains("large-model-00"), "{index}");
    let (_, _, large) = get(&alone, "/status?group=large").await;
    assert_eq!(large.matches("class=\"strip\"").count(), 30);
    assert!(large.contains("large-model-39") && !large.contains("small-model"), "what has no strip is still there");
    assert!(large.len() < 300 * 1024, "{}", large.len());
    let (_, _, json) = get(&alone, "/status.json").await;
    assert!(json.contains("large-model-39") && !json.contains("history\""), "{json}");
    let (_, _, json) = get(&alone, "/status.json?group=small").await;
    assert!(json.contains("\"history\"") && !json.contains("large-model"), "{json}");
    for path in ["/status?group=secret", "/status.json?group=secret"] {
        assert_eq!(get(&alone, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

//! The playground: who may send, what is sent, where it would go, and the actions by hand.

use http::{Method, StatusCode};
use relay_control::audit::AuditFilter;
use relay_control::page::PageRequest;

use crate::support::{ADMIN, Console, FLEET, OPERATOR, VIEWER};

const CHAT: [(&str, &str); 4] = [("key", "team-a"), ("model", "gpt-5"), ("message", "hi"), ("stream", "1")];

#[tokio::test]
async fn a_chat_is_sent_as_the_key_and_its_stream_handed_on_as_it_is() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(OPERATOR).await;
    let token = browser.token("/playground").await;
    browser.headers.retain(|(name, _)| *name != "accept");
    browser.headers.push(("accept", "application/json, text/event-stream".to_owned()));
    let id = "0123456789abcdef";
    let mut fields = CHAT.to_vec();
    fields.extend([("csrf", token.as_str()), ("request_id", id), ("scope", "user"), ("subject", "c-1")]);
    let answer = browser.post("/playground/send", &fields).await;
    assert_eq!((answer.header("content-type"), answer.header("x-request-id")), ("text/event-stream", id));
    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    let sent = console.sent.lock().unwrap().pop().unwrap();
    assert_eq!((sent.key_id.as_str(), sent.conversation.as_deref()), ("team-a", Some("c-1")));
    let trail =
        console.control.audit_trail(&AuditFilter::default(), &PageRequest { limit: 5, cursor: None }).await.unwrap();
    let entry = trail.items.iter().find(|entry| entry.action == "playground.chat").unwrap();
    assert_eq!((entry.actor.as_str(), &entry.details["request_id"]), ("olga", &serde_json::json!(id)));
}

#[tokio::test]
async fn without_the_script_the_answer_is_waited_for_and_the_conversation_goes_on() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(OPERATOR).await;
    let page = browser.submit("/playground", "/playground/send", &CHAT).await.ok();
    assert!(page.contains("hello &#60;b&#62;") || page.contains("hello &lt;b&gt;"), "{page}");
    assert!(page.contains("assistant&#34;") || page.contains("assistant&quot;"), "the turn is in the form: {page}");
    let sent = console.sent.lock().unwrap().pop().unwrap();
    assert!(!String::from_utf8_lossy(&sent.body).contains("stream"), "a page cannot show a stream");
}

#[tokio::test]
async fn viewers_see_where_it_would_go_and_send_nothing() {
    let console = Console::with_fleet(FLEET).await;
    let mut viewer = console.logged_in(VIEWER).await;
    let page = viewer.get("/playground").await.ok();
    assert!(!page.contains("/playground/send") && !page.contains("href=\"/playground/actions"));
    let fields = [("key", "team-a"), ("model", "gpt-5"), ("subject", "c-1")];
    let told = viewer.submit("/playground", "/playground/resolve", &fields).await.ok();
    for expected in ["It would go over route gpt-tokyo to host tokyo.", "gpt-osaka", "in reserve"] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
    assert_eq!(viewer.submit("/playground", "/playground/send", &CHAT).await.status, StatusCode::FORBIDDEN);
    assert_eq!(viewer.submit("/playground", "/playground/actions", &[]).await.status, StatusCode::FORBIDDEN);
    assert!(console.sent.lock().unwrap().is_empty());
    let decisions =
        console.control.decisions(relay_control::decisions::Filter::default(), PageRequest { limit: 5, cursor: None });
    assert!(decisions.await.unwrap().items.is_empty(), "nothing is logged");
    assert!(!viewer.get("/bindings").await.ok().contains("gpt-tokyo"), "and nothing is bound");
}

#[tokio::test]
async fn what_is_missing_is_told_at_once_and_nothing_is_sent() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(OPERATOR).await;
    let refused = browser.submit("/playground", "/playground/send", &[("temperature", "hot")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for expected in ["Choose a consumer key.", "Name a model.", "Write a message.", "from 0 to 2"] {
        assert!(refused.text.contains(expected), "{expected}");
    }
    let fields = [("key", "nobody"), ("model", "gpt-5"), ("message", "hi")];
    let unknown = browser.submit("/playground", "/playground/send", &fields).await;
    assert!(unknown.status == StatusCode::UNPROCESSABLE_ENTITY && unknown.text.contains("There is no key nobody."));
    let resolved =
        browser.submit("/playground", "/playground/resolve", &[("group", "gpt"), ("model", "nothing")]).await;
    assert_eq!(resolved.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(console.sent.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_chat_needs_the_token_of_its_session() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    assert_eq!(browser.post("/playground/send", &CHAT).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post("/playground/resolve", &CHAT).await.status, StatusCode::FORBIDDEN);
    assert!(console.sent.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_plan_of_a_request_comes_as_a_part_of_a_page() {
    let console = Console::with_fleet(FLEET).await;
    console.resolve("r-1", "gpt", "gpt-5").await;
    let mut browser = console.logged_in(VIEWER).await;
    let headers = [("hx-request", "true")];
    let part = browser.send(Method::GET, "/playground/told/r-1", &headers, String::new()).await.ok();
    assert!(part.trim_start().starts_with("<section") && part.contains("/decisions/r-1") && !part.contains("<html"));
    assert_eq!(browser.get("/playground/told/r-2").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_action_goes_to_the_api_as_whoever_is_logged_in_and_the_key_is_not_shown() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(OPERATOR).await;
    let fields = [
        ("action", "resolve-route"),
        ("logical_group_id", "gpt"),
        ("model", "gpt-5"),
        ("scope", "none"),
        ("gateway_api_key", "sk-canary-typed"),
    ];
    let page = browser.submit("/playground/actions", "/playground/actions", &fields).await.ok();
    for expected in ["olga", "r-echo", "curl http://admin.example/api/v1/resolve-route", "RELAY_MANAGER_ADMIN_TOKEN"] {
        assert!(page.contains(expected), "{expected} in {page}");
    }
    let fields = fields.map(|(name, value)| (name, if name == "action" { "route-chat-completions" } else { value }));
    let page = browser.submit("/playground/actions", "/playground/actions", &fields).await.text;
    assert!(page.contains("GATEWAY_API_KEY") && !page.contains("canary"), "{page}");
    let fields = [("action", "../hosts")];
    let refused = browser.submit("/playground/actions", "/playground/actions", &fields).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "no other part of the API");
}

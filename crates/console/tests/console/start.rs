//! From an empty installation to the first request, step by step, each tried at once.

use http::{Method, StatusCode};
use relay_testkit::FakeHost;

use crate::support::{ADMIN, Browser, Console, OPERATOR};

async fn enter(browser: &mut Browser, step: &str, fields: &[(&str, &str)]) -> crate::support::Answer {
    browser.submit(step, step, fields).await
}

async fn fragment(browser: &mut Browser, path: &str) -> String {
    browser.send(Method::GET, path, &[("hx-request", "true")], String::new()).await.ok()
}

#[tokio::test]
async fn each_step_is_tried_and_one_goes_on_where_one_left() {
    let console = Console::start().await;
    let mut browser = console.logged_in(ADMIN).await;
    let host = FakeHost::builder().name("tokyo").key("sk-good").model("gpt-5").model("o3").start().await;
    assert!(browser.get("/").await.ok().contains("href=\"/start\""));
    assert_eq!(browser.get("/start").await.location(), "/start/host");
    let url = host.base_url();
    let with = |key, private| vec![("host_id", "tokyo"), ("base_url", url.as_str()), ("gateway_key", key), private];
    let private = ("allow_private", "1");
    let page = enter(&mut browser, "/start/host", &with("sk-good", ("x", "1"))).await.ok();
    assert!(page.contains("private or other special address") && page.contains("aria-invalid=\"true\""), "{page}");
    let page = enter(&mut browser, "/start/host", &with("sk-bad", private)).await.ok();
    assert!(page.contains("refuses the key (401)") && page.contains("name=\"anyway\""), "{page}");
    assert_eq!(console.control.snapshot().hosts().len(), 0, "nothing is saved that does not work");
    assert_eq!(enter(&mut browser, "/start/host", &with("sk-good", private)).await.location(), "/start/group");
    assert_eq!(browser.get("/start").await.location(), "/start/group");
    let group = [("logical_group_id", "pro"), ("sticky.scope", "user")];
    assert_eq!(enter(&mut browser, "/start/group", &group).await.location(), "/start/route");
    let models = fragment(&mut browser, "/start/models?host=tokyo").await;
    assert!(models.contains("value=\"gpt-5\"") && models.contains("value=\"o3\""), "{models}");
    let chosen = [("shadow_host_id", "tokyo"), ("logical_group_id", "pro"), ("model", "gpt-5"), ("model", "o3")];
    assert!(enter(&mut browser, "/start/route", &chosen[..2]).await.ok().contains("Choose a model"));
    assert_eq!(enter(&mut browser, "/start/route", &chosen).await.location(), "/start/key");
    assert_eq!(console.control.snapshot().routes().len(), 2);
    let page = enter(&mut browser, "/start/key", &[("key_id", "first"), ("logical_groups", "pro")]).await.ok();
    assert!(page.contains("id=\"secret\"") && page.contains("gateway.example/v1/chat/completions"), "{page}");
    assert!(
        page.contains("/api/v1/decisions/stream?consumer=first")
            && page.contains("Waiting for a request with key first"),
        "{page}"
    );
    assert_eq!(browser.get("/start").await.location(), "/start/request");
    let again = browser.get("/start/request").await.ok();
    assert!(again.contains("YOUR-KEY") && !again.contains("id=\"secret\""));
    assert!(enter_again(&mut browser).await.contains("id=\"secret\""));
}

async fn enter_again(browser: &mut Browser) -> String {
    browser.submit("/start/request", "/start/secret", &[("key_id", "first")]).await.ok()
}

#[tokio::test]
async fn faults_stand_at_their_fields_and_a_host_may_be_saved_untried() {
    let console = Console::start().await;
    let mut browser = console.logged_in(ADMIN).await;
    let page = enter(&mut browser, "/start/host", &[("host_id", "No Good"), ("base_url", "ftp://x")]).await.ok();
    assert!(page.matches("aria-invalid=\"true\"").count() >= 2 && page.contains("value=\"No Good\""), "{page}");
    let fields = [("host_id", "far"), ("base_url", "http://127.0.0.1:1"), ("gateway_key", "k"), ("allow_private", "1")];
    let page = enter(&mut browser, "/start/host", &fields).await.ok();
    assert!(page.contains("verdict bad") && page.contains("No connection"), "{page}");
    let fields = [fields.as_slice(), &[("anyway", "1")]].concat();
    assert_eq!(enter(&mut browser, "/start/host", &fields).await.location(), "/start/group");
}

#[tokio::test]
async fn it_is_for_admins() {
    let console = Console::start().await;
    let mut operator = console.logged_in(OPERATOR).await;
    for path in ["/start", "/start/host", "/start/key", "/start/first?key=a"] {
        assert_eq!(operator.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(!operator.get("/").await.ok().contains("href=\"/start\""));
}

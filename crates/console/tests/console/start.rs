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
    let overview = browser.get("/").await.ok();
    assert!(
        overview.contains("href=\"/start\"") && !overview.contains("class=\"tiles\""),
        "numbers of nothing: {overview}"
    );
    for step in ["/start", "/start/route", "/start/key"] {
        assert_eq!(browser.get(step).await.location(), "/start/host", "{step} cannot be taken yet");
    }
    let url = host.base_url();
    let with = |key, private| vec![("host_id", "tokyo"), ("base_url", url.as_str()), ("gateway_key", key), private];
    let private = ("allow_private", "1");
    let page = enter(&mut browser, "/start/host", &with("sk-good", ("x", "1"))).await.ok();
    assert!(fault_of(&page, "base_url").contains("If that is meant, tick"), "{page}");
    let page = enter(&mut browser, "/start/host", &with("sk-bad", private)).await.ok();
    assert!(fault_of(&page, "gateway_key").contains("refuses the key (401). Copy the key anew"), "{page}");
    assert!(page.contains("nothing was saved yet") && page.contains("name=\"anyway\""), "{page}");
    assert_eq!(console.control.snapshot().hosts().len(), 0, "nothing is saved that does not work");
    assert_eq!(enter(&mut browser, "/start/host", &with("sk-good", private)).await.location(), "/start/group");
    assert_eq!(browser.get("/start").await.location(), "/start/group");
    let group = [("logical_group_id", "pro"), ("sticky.scope", "user")];
    assert_eq!(enter(&mut browser, "/start/group", &group).await.location(), "/start/route");
    let models = fragment(&mut browser, "/start/models?shadow_host_id=tokyo&logical_group_id=pro").await;
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

/// What stands at a field as its fault.
fn fault_of<'p>(page: &'p str, field: &str) -> &'p str {
    let below = page.split_once(&format!("<div id=\"h-{field}\">")).map_or("", |(_, below)| below);
    below.split_once("</div>").map_or("", |(fault, _)| fault)
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
    assert!(fault_of(&page, "base_url").contains("the connection was refused"), "{page}");
    let fields = [fields.as_slice(), &[("anyway", "1")]].concat();
    assert_eq!(enter(&mut browser, "/start/host", &fields).await.location(), "/start/group");
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_told_by_what_to_correct() {
    let console = Console::start().await;
    let mut browser = console.logged_in(ADMIN).await;
    let host = FakeHost::builder().name("tokyo").key("sk-good").start().await;
    let tls = host.base_url().replace("http:", "https:");
    let cases = [
        ("http://127.0.0.1:1", "Nothing listens there", "port of the base URL"),
        ("https://no-such-host.invalid", "cannot be found (DNS)", "Check how it is written"),
        (tls.as_str(), "does not speak https", "Write http:// in the base URL"),
    ];
    for (url, wrong, remedy) in cases {
        let fields = [("host_id", "far"), ("base_url", url), ("gateway_key", "k"), ("allow_private", "1")];
        let page = enter(&mut browser, "/start/host", &fields).await.ok();
        let told = fault_of(&page, "base_url");
        assert!(told.contains(wrong) && told.contains(remedy), "{url}: {page}");
    }
}

#[tokio::test]
async fn what_a_form_lacks_is_said_in_the_words_of_the_form() {
    let console = Console::start().await;
    let mut browser = console.logged_in(ADMIN).await;
    let page = enter(&mut browser, "/start/host", &[("host_id", "My Host!"), ("kind", "openai")]).await.ok();
    assert!(fault_of(&page, "base_url").contains("Fill this in."), "{page}");
    assert!(fault_of(&page, "host_id").contains("such as my-host."), "{page}");
    browser.post("/preferences", &[("language", "zh")]).await;
    let page = enter(&mut browser, "/start/host", &[("base_url", "tokyo.example.com")]).await.ok();
    assert!(fault_of(&page, "host_id").contains("请填写此项。"), "{page}");
    assert!(fault_of(&page, "base_url").contains("请填写 URL，例如 https://host.example。"), "{page}");
}

const BEGUN: &str = r#"
    [[host]]
    host_id = "tokyo"
    base_url = "https://tokyo.example"
    gateway_key = "k"
    [[group]]
    logical_group_id = "pro"
    [[group]]
    logical_group_id = "bare"
    [[route]]
    route_id = "pro-gpt-5-tokyo"
    logical_group_id = "pro"
    public_model = "gpt-5"
    shadow_host_id = "tokyo"
    credential = "host_key"
    [[key]]
    key_id = "first"
    logical_groups = ["pro"]
"#;

#[tokio::test]
async fn a_name_that_is_taken_is_said_at_its_field_and_nothing_entered_is_lost() {
    let console = Console::with_fleet(BEGUN).await;
    let mut browser = console.logged_in(ADMIN).await;
    let host = [("host_id", "tokyo"), ("base_url", "https://far.example"), ("gateway_key", "k")];
    let page = enter(&mut browser, "/start/host", &host).await.ok();
    assert!(fault_of(&page, "host_id").contains("exists already"), "{page}");
    let page = enter(&mut browser, "/start/key", &[("key_id", "first"), ("logical_groups", "pro")]).await.ok();
    assert!(fault_of(&page, "key_id").contains("exists already"), "{page}");
    assert!(page.contains("href=\"/start/request?key=first\""), "who loads the page again goes on with it: {page}");
    let route = [("shadow_host_id", "tokyo"), ("logical_group_id", "prp"), ("model", "gpt-5"), ("model", "o3")];
    let page = enter(&mut browser, "/start/route", &route).await.ok();
    assert!(fault_of(&page, "logical_group_id").contains("did you mean"), "{page}");
    assert!(page.contains("/start/models?model=gpt-5&#38;model=o3"), "the ticks come again with the models: {page}");
    let route = [("shadow_host_id", "tokyo"), ("logical_group_id", "pro"), ("others", "gpt-5")];
    let page = enter(&mut browser, "/start/route", &route).await.ok();
    assert!(fault_of(&page, "others").contains("exists already") && page.contains("class=\"filters\" open"), "{page}");
}

#[tokio::test]
async fn models_are_ticked_as_they_were_and_those_with_a_route_are_marked() {
    let console = Console::with_fleet(BEGUN).await;
    let mut browser = console.logged_in(ADMIN).await;
    let host = FakeHost::builder().name("osaka").key("k").model("gpt-5").model("o3").start().await;
    let url = host.base_url();
    let fields = [("host_id", "osaka"), ("base_url", url.as_str()), ("gateway_key", "k"), ("allow_private", "1")];
    enter(&mut browser, "/start/host", &fields).await;
    let route = [("shadow_host_id", "osaka"), ("logical_group_id", "pro"), ("others", "gpt-5")];
    assert_eq!(enter(&mut browser, "/start/route", &route).await.location(), "/start/key");
    let asked = "/start/models?model=o3&shadow_host_id=osaka&logical_group_id=";
    let models = fragment(&mut browser, &format!("{asked}pro")).await;
    assert!(models.contains("value=\"gpt-5\" disabled") && models.contains("value=\"o3\" checked"), "{models}");
    let models = fragment(&mut browser, &format!("{asked}bare")).await;
    assert!(!models.contains("disabled"), "{models}");
    let models = fragment(&mut browser, "/start/models?shadow_host_id=nara").await;
    assert!(models.contains("There is no host “nara”"), "{models}");
}

#[tokio::test]
async fn the_first_request_is_sent_from_the_page_too_and_what_keeps_it_from_being_served_is_said() {
    let console = Console::with_fleet(BEGUN).await;
    let mut browser = console.logged_in(ADMIN).await;
    let page = browser.get("/start/request?key=first").await.ok();
    assert!(page.contains("action=\"/start/send\"") && !page.contains("no models yet"), "{page}");
    let sent = browser.submit("/start/request?key=first", "/start/send", &[("key_id", "first")]).await;
    assert_eq!(sent.location(), "/start/request?key=first");
    let request = console.sent.lock().unwrap().pop().unwrap();
    let body = String::from_utf8_lossy(&request.body).into_owned();
    assert!(request.key_id.as_str() == "first" && body.contains("\"model\":\"gpt-5\""), "{body}");
    let page = enter(&mut browser, "/start/key", &[("key_id", "second"), ("logical_groups", "bare")]).await.ok();
    assert!(page.contains("no models yet") && !page.contains("action=\"/start/send\""), "{page}");
    assert!(page.contains("data-here=\"/start/request?key=second\""), "{page}");
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

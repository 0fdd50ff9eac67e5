//! Work on hosts goes on by itself; what a change does to traffic is told once the page stands; what drains is counted down.

use http::{Method, StatusCode};
use jiff::SignedDuration;
use relay_testkit::FakeHost;

use crate::edits::hidden;
use crate::support::{ADMIN, Browser, Console, FLEET, OPERATOR, VIEWER};

/// The part of a page that refreshes itself, asked for until it says so.
async fn until(browser: &mut Browser, path: &str, said: &str) -> String {
    loop {
        let part = browser.send(Method::GET, path, &[("hx-request", "true")], String::new()).await.ok();
        if part.contains(said) {
            return part;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_host_is_asked_in_the_background_and_its_page_keeps_what_came_of_it() {
    let console = Console::start().await;
    let host = FakeHost::builder().name("tokyo").key("sk-good").model("gpt-5").start().await;
    let fleet = format!(
        "[[host]]\nhost_id = \"tokyo\"\nkind = \"openai\"\nbase_url = \"{}\"\nallow_private = true\ngateway_key = \"sk-good\"\n",
        host.base_url()
    );
    console.publish(&fleet).await;
    let mut browser = console.logged_in(OPERATOR).await;
    let to = "/hosts/tokyo/ask/try";
    assert!(browser.get("/hosts/tokyo").await.ok().contains(to));
    assert_eq!(browser.submit(to, to, &[]).await.location(), "/hosts/tokyo/work/try");
    let told = until(&mut browser, "/hosts/tokyo/work/try", "takes the key").await;
    assert!(told.contains("gpt-5") && !told.contains("every 1s"), "it rests once it is done: {told}");
    assert!(browser.get("/hosts/tokyo").await.ok().contains("models: 1"));
    let sync = "/hosts/tokyo/ask/sync";
    let told = browser.get(sync).await.ok();
    assert!(told.contains("no access to one is configured") && !told.contains("class=\"primary\""), "{told}");
    assert_eq!(browser.submit(sync, sync, &[]).await.status, StatusCode::CONFLICT);
    let told = browser.get("/hosts/tokyo/work/sync").await.ok();
    assert!(told.contains("no access to one is configured") && !told.contains(sync), "{told}");
    let mut viewer = console.logged_in(VIEWER).await;
    assert_eq!(viewer.submit("/account", to, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.get("/hosts/tokyo/ask/other").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_a_change_does_to_traffic_is_told_once_the_page_stands() {
    let console = Console::with_fleet(FLEET).await;
    for number in 0..4 {
        console.resolve(&format!("r-{number}"), "gpt", "gpt-5").await;
    }
    console.clock.advance(SignedDuration::from_secs(1));
    let mut browser = console.logged_in(ADMIN).await;
    let disable = "/routes/gpt-tokyo/act/disable";
    let page = browser.get(disable).await.ok();
    assert!(page.contains(&format!("hx-get=\"{disable}\" hx-trigger=\"load\"")), "{page}");
    let told = browser.send(Method::GET, disable, &[("hx-request", "true")], String::new()).await.ok();
    for word in ["100 % (4 of 4 requests)", "1 of 1", "route disabled", "/hosts/osaka"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    let form = browser.get("/routes/gpt-tokyo/edit").await.ok();
    let (token, version) = (hidden(&form, "csrf"), hidden(&form, "version"));
    let fields = [
        ("route_id", "gpt-tokyo"),
        ("logical_group_id", "gpt"),
        ("public_model", "gpt-5"),
        ("shadow_host_id", "osaka"),
        ("shadow_model", "big"),
        ("priority", "1"),
        ("weight", "100"),
        ("credential", "host_key"),
        ("enabled", "1"),
        ("csrf", &token),
        ("version", &version),
        ("step", "weigh"),
    ];
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("hx-request", "true")];
    let body = body.extend_pairs(fields).finish();
    let told = browser.send(Method::POST, "/routes/gpt-tokyo/edit", &headers, body).await.ok();
    assert!(told.contains("(4 of 4 requests)") && !told.contains("<html"), "{told}");
    // Without scripts a button asks for the whole page with it.
    let page = browser.post("/routes/gpt-tokyo/edit", &fields).await.ok();
    assert!(page.contains("(4 of 4 requests)") && page.contains("<html"));
    assert_eq!(console.control.generation(), 1, "nothing was changed");
}

#[tokio::test]
async fn a_sample_without_a_request_of_what_is_changed_says_so_and_when_it_is_from() {
    let console = Console::with_fleet(FLEET).await;
    console.resolve("r-1", "gpt", "gpt-5").await;
    console.clock.advance(SignedDuration::from_mins(51));
    let mut browser = console.logged_in(ADMIN).await;
    for (route, is_in_traffic) in [("gpt-tokyo", true), ("mini-osaka", false)] {
        let page = format!("/routes/{route}/act/delete");
        let told = browser.send(Method::GET, &page, &[("hx-request", "true")], String::new()).await.ok();
        assert!(told.contains("1 decisions, 51 min ago to 51 min ago"), "{told}");
        assert_eq!(!told.contains("this says nothing about it"), is_in_traffic, "{route}: {told}");
    }
}

#[tokio::test]
async fn a_host_is_drained_and_its_conversations_are_counted_down() {
    let console = Console::with_fleet(FLEET).await;
    console.resolve("r-1", "gpt", "gpt-5").await;
    let mut browser = console.logged_in(ADMIN).await;
    let drain = "/hosts/tokyo/act/drain";
    assert!(browser.get(drain).await.ok().contains("Conversations held there now: 1"));
    assert_eq!(browser.submit(drain, drain, &[]).await.location(), "/hosts/tokyo?done=saved");
    for page in ["/hosts/tokyo", "/routes/gpt-tokyo"] {
        let told = browser.get(page).await.ok();
        let part = told.split("Live conversations left").nth(1).unwrap_or_else(|| panic!("{page}: {told}"));
        assert!(part.contains("<strong class=\"count\">1</strong>") && told.contains("every 2s"), "{page}: {told}");
    }
    let filter = relay_control::binding_list::BindingFilter::default();
    console.control.purge_bindings(&filter, "test").await.unwrap();
    let told = browser.get("/hosts/tokyo").await.ok();
    assert!(told.contains("Nothing is held here any more") && told.contains(">0</strong>"), "{told}");
    assert_eq!(browser.get("/groups/gpt/act/drain").await.status, StatusCode::NOT_FOUND);
}

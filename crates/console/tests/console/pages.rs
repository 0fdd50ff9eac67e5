//! The pages over a real control plane, in both languages.

use http::Method;

use crate::support::{ADMIN, Console, FLEET, VIEWER};

/// Every page that needs no id.
const PAGES: [&str; 20] = [
    "/",
    "/?range=1h",
    "/map",
    "/decisions",
    "/health",
    "/usage",
    "/hosts",
    "/groups",
    "/routes",
    "/keys",
    "/bindings",
    "/generations",
    "/events",
    "/notifications",
    "/notifications/new",
    "/notifications/new?type=email",
    "/playground",
    "/playground/actions",
    "/settings",
    "/audit",
];

#[tokio::test]
async fn every_page_opens_on_an_empty_installation_and_on_one_with_a_fleet() {
    let console = Console::start().await;
    let mut browser = console.logged_in(ADMIN).await;
    for path in PAGES {
        browser.get(path).await.ok();
    }
    console.publish(FLEET).await;
    console.resolve("r-1", "gpt", "gpt-5").await;
    console.resolve("r-lost", "gpt", "nothing").await;
    let more = [
        "/hosts/tokyo",
        "/groups/gpt",
        "/routes/gpt-tokyo",
        "/keys/team-a",
        "/decisions/r-1",
        "/decisions/r-lost",
        "/generations/1",
        "/audit/1",
        "/account",
        "/account/everywhere",
        "/bindings/purge",
        "/map?group=gpt",
        "/usage?by=day",
        "/notifications/deliveries",
        "/?group=gpt&range=7d",
    ];
    for path in PAGES.into_iter().chain(more) {
        browser.get(path).await.ok();
    }
}

#[tokio::test]
async fn the_language_is_chosen_and_remembered() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    assert!(browser.get("/").await.ok().contains("What is wrong right now"));
    let answer = browser.post("/preferences", &[("language", "zh"), ("theme", "dark"), ("back", "/hosts")]).await;
    assert_eq!(answer.location(), "/hosts");
    let page = browser.get("/hosts").await.ok();
    assert!(page.contains("<html lang=\"zh-CN\" data-theme=\"dark\">") && page.contains("主机"), "{page}");
    let mut newcomer = console.browser();
    newcomer.headers.retain(|(name, _)| *name != "accept-language");
    newcomer.headers.push(("accept-language", "zh-CN,zh;q=0.9".to_owned()));
    assert!(newcomer.get("/login").await.ok().contains("管理 token"));
}

#[tokio::test]
async fn a_decision_tells_its_story() {
    let console = Console::with_fleet(FLEET).await;
    console.resolve("r-1", "gpt", "gpt-5").await;
    let mut browser = console.logged_in(ADMIN).await;
    let list = browser.get("/decisions?public_model=gpt-5").await.ok();
    assert!(list.contains("href=\"/decisions/r-1\""));
    assert!(!browser.get("/decisions?public_model=other").await.ok().contains("/decisions/r-1"));
    let story = browser.get("/decisions/r-1").await.ok();
    for told in ["Only resolved, to route gpt-tokyo on host tokyo.", "gpt-osaka", "in reserve", "Request r-1 of"] {
        assert!(story.contains(told), "{told}");
    }
}

#[tokio::test]
async fn decisions_are_paged_without_gaps() {
    let console = Console::with_fleet(FLEET).await;
    for number in 0..60 {
        console.resolve(&format!("r-{number}-"), "gpt", "gpt-5").await;
    }
    let mut browser = console.logged_in(ADMIN).await;
    let mut seen = Vec::new();
    let mut next = Some("/decisions".to_owned());
    while let Some(path) = next {
        let page = browser.get(&path).await.ok();
        let links = page.split("href=\"/decisions/").skip(1).filter_map(|rest| rest.split('"').next());
        seen.extend(links.map(str::to_owned));
        let older = page.split_once("href=\"/decisions?cursor=").map(|(_, rest)| rest.split('"').next().unwrap());
        next = older.map(|cursor| format!("/decisions?cursor={cursor}"));
    }
    let expected: Vec<String> = (0..60).rev().map(|number| format!("r-{number}-")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn the_live_part_alone_is_answered_to_what_refreshes_itself() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    for path in ["/", "/decisions?live=1", "/health"] {
        let part = browser.send(Method::GET, path, &[("hx-request", "true")], String::new()).await.ok();
        assert!(part.trim_start().starts_with("<div id=\"live\"") && !part.contains("<html"), "{path}: {part}");
    }
}

#[tokio::test]
async fn no_secret_is_on_any_page() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    for path in ["/hosts/tokyo", "/hosts/osaka", "/keys/team-a", "/generations/1", "/audit/1"] {
        assert!(!browser.get(path).await.ok().contains("canary"), "{path}");
    }
}

#[tokio::test]
async fn the_last_hour_is_the_same_in_its_number_and_by_group() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    console.resolve("r-before", "gpt", "gpt-5").await;
    console.clock.advance(jiff::SignedDuration::from_mins(65));
    console.resolve("r-within", "gpt", "gpt-5").await;
    let page = browser.get("/?range=1h").await.ok();
    let after = |mark: &str, then: &str| {
        let rest = page.split_once(mark).unwrap_or_else(|| panic!("{mark}: {page}")).1;
        rest.split_once(then).unwrap().1.split('<').next().unwrap().to_owned()
    };
    assert_eq!(after("<dt>Requests</dt>", "<dd>"), "1");
    assert_eq!(after(">gpt</a>", "<td class=\"number\">"), "1", "what the sums of the hour have besides is not of it");
}

#[tokio::test]
async fn what_nothing_has_tried_is_not_said_to_be_well() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    for path in ["/", "/health"] {
        let page = browser.get(path).await.ok();
        assert!(page.contains("No fault is known. Routes that nothing has tried yet: 3"), "{path}: {page}");
    }
    for path in ["/health?all=1", "/hosts", "/routes", "/hosts/tokyo", "/routes/gpt-tokyo"] {
        let page = browser.get(path).await.ok();
        assert!(page.contains("<span class=\"badge quiet\">not tried yet</span>"), "{path}: {page}");
        assert!(!page.contains(">well</span>") && !page.contains("0 good, 0 failed"), "{path}: {page}");
    }
}

#[tokio::test]
async fn what_cannot_be_done_has_no_button_and_what_goes_with_it_is_agreed_to() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    let page = browser.get("/generations/1/rollback").await.ok();
    assert!(page.contains("The fleet in force is the same.") && !page.contains("class=\"danger\""), "{page}");
    let page = browser.get("/hosts/osaka/act/delete").await.ok();
    assert!(page.contains("value=\"1\" required> Also delete its 2 routes"), "{page}");
}

#[tokio::test]
async fn the_address_of_one_page_narrows_another() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    for (query, is_there) in [("group=gpt", true), ("group=other", false), ("host=osaka", false), ("host=tokyo", true)]
    {
        let page = browser.get(&format!("/routes?{query}")).await.ok();
        assert_eq!(page.contains("href=\"/routes/gpt-tokyo\""), is_there, "{query}: {page}");
    }
}

#[tokio::test]
async fn a_secret_that_is_not_stored_is_not_said_to_stay() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    let page = browser.get("/hosts/tokyo/edit").await.ok();
    assert_eq!(
        page.matches("Left blank, the stored one stays.").count(),
        1,
        "of three secrets the gateway key: {page}"
    );
}

#[tokio::test]
async fn long_lists_tell_times_by_the_clock() {
    let console = Console::with_fleet(FLEET).await;
    console.resolve("r-1", "gpt", "gpt-5").await;
    console.clock.advance(jiff::SignedDuration::from_mins(52));
    let mut browser = console.logged_in(ADMIN).await;
    for path in ["/decisions", "/generations", "/audit"] {
        let page = browser.get(path).await.ok();
        assert!(page.contains("title=\"52 min ago\" data-clock>26 Nov 2026, 12:00:00 UTC</time>"), "{path}: {page}");
    }
}

#[tokio::test]
async fn an_empty_list_says_what_is_missing_and_how_to_begin_and_a_filtered_one_that_nothing_matches() {
    let console = Console::start().await;
    let mut browser = console.logged_in(ADMIN).await;
    let begin = "<a class=\"button\" href=\"/start\">";
    let missing = [
        ("/hosts", "There is no host yet."),
        ("/groups", "There is no group yet."),
        ("/routes", "There is no route yet."),
        ("/keys", "There is no key yet"),
        ("/bindings", "There is no binding yet."),
        ("/decisions", "There is no decision yet."),
        ("/generations", "Nothing has been published yet."),
        ("/usage", "Nothing was used in this time."),
    ];
    for (path, said) in missing {
        let list = browser.get(path).await.ok();
        assert!(list.contains(said) && list.contains(begin), "{path}: {list}");
    }
    let unmatched = [
        ("/routes?public_model=x", "No route matches."),
        ("/keys?logical_group_id=x", "No key matches."),
        ("/bindings?public_model=x", "No binding matches."),
        ("/decisions?public_model=x", "No decision matches."),
    ];
    for (path, said) in unmatched {
        let list = browser.get(path).await.ok();
        assert!(list.contains(said) && !list.contains(begin), "{path}: {list}");
    }
    let mut viewer = console.logged_in(VIEWER).await;
    assert!(!viewer.get("/routes").await.ok().contains(begin), "who may not make one is not sent to");
}

#[tokio::test]
async fn nothing_is_offered_to_clear_remove_download_or_open_where_there_is_nothing() {
    let console = Console::start().await;
    let mut browser = console.logged_in(ADMIN).await;
    let absent = [
        ("/health", "/health/clear"),
        ("/health", "/health?all=1"),
        ("/usage", " download"),
        ("/settings", "/generations/0"),
        ("/settings", "no file"),
    ];
    for (path, control) in absent {
        let page = browser.get(path).await.ok();
        assert!(!page.contains(control), "{path}, {control}: {page}");
    }
    assert_eq!(browser.get("/bindings/purge").await.location(), "/bindings?done=nothing");
    console.publish(FLEET).await;
    console.resolve("r-1", "gpt", "gpt-5").await;
    let health = browser.get("/health").await.ok();
    assert!(health.contains("/health/clear") && health.contains("/health?all=1"), "{health}");
    let purge = browser.get("/bindings/purge").await.ok();
    assert!(purge.contains("Every binding is removed: 1 now."), "{purge}");
    assert_eq!(browser.get("/bindings/purge?host_id=osaka").await.location(), "/bindings?host_id=osaka&done=nothing");
    assert!(browser.get("/settings").await.ok().contains("2 hosts, 1 group, 3 routes, 1 key"));
}

#[tokio::test]
async fn a_busy_last_hour_is_drawn_from_its_sums() {
    let console = Console::with_fleet(FLEET).await;
    console.resolve_many(3_100).await;
    console.clock.advance(jiff::SignedDuration::from_secs(1));
    let mut browser = console.logged_in(ADMIN).await;
    // The part of the page waits for the sums; the page itself would stand before them.
    let page = browser.send(Method::GET, "/?range=1h", &[("hx-request", "true")], String::new()).await.ok();
    assert!(page.contains("everything else is of the whole time, by the hour since 11:00 UTC."), "{page}");
    assert!(page.contains("<dt>Requests</dt><dd>3.1k</dd>"), "not 3k, which is what was looked at: {page}");
    assert!(page.contains("<path class=\"bars ink-quiet\" d=\"M"), "all of them came within a minute: {page}");
}

#[tokio::test]
async fn names_in_usage_lead_to_their_pages_while_there_are_any() {
    let console = Console::with_fleet(FLEET).await;
    console.resolve("r-1", "gpt", "gpt-5").await;
    console.clock.advance(jiff::SignedDuration::from_secs(1));
    let mut browser = console.logged_in(ADMIN).await;
    let mut usage = async |by: &str| {
        let path = format!("/usage?by={by}");
        browser.send(Method::GET, &path, &[("hx-request", "true")], String::new()).await.ok()
    };
    assert!(usage("group").await.contains("<a href=\"/groups/gpt\">gpt</a>"));
    assert!(usage("model").await.contains("<a href=\"/?model=gpt-5\">gpt-5</a>"));
    console.publish("").await;
    let page = usage("group").await;
    assert!(page.contains("<th scope=\"row\" class=\"keep\">gpt</th>"), "it has sums, and no page any more: {page}");
}

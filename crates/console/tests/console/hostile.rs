//! Text that wants to be more than text, in every place where somebody can put it.

use crate::support::{ADMIN, Console, FLEET};

const PLANTED: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'";

#[tokio::test]
async fn what_is_planted_in_the_fleet_the_log_and_addresses_renders_as_text() {
    let escaped = PLANTED.replace('\\', "\\\\").replace('"', "\\\"");
    let fleet = FLEET.replace("shadow_model = \"big\"", &format!("shadow_model = \"{escaped}\"\nname = \"{escaped}\""));
    let fleet = fleet.replace("key_id = \"team-a\"", &format!("key_id = \"team-a\"\nlabel = \"{escaped}\""));
    let console = Console::with_fleet(&fleet).await;
    console.resolve("r-planted", "gpt", PLANTED).await;
    console.resolve("r-1", "gpt", "gpt-5").await;
    let mut browser = console.logged_in(ADMIN).await;
    let query: String = url::form_urlencoded::byte_serialize(PLANTED.as_bytes()).collect();
    let mut pages: Vec<String> = [
        "/",
        "/map",
        "/decisions",
        "/decisions/r-planted",
        "/decisions/r-1",
        "/routes",
        "/keys",
        "/routes/gpt-tokyo",
        "/keys/team-a",
        "/hosts/tokyo",
        "/groups/gpt",
        "/generations/1",
        "/audit",
        "/audit/1",
    ]
    .map(str::to_owned)
    .into();
    pages.extend(
        [
            "/?group=",
            "/decisions?public_model=",
            "/decisions?verdict=",
            "/bindings?public_model=",
            "/login?back=",
            "/health/clear?route_id=",
            "/keys?logical_group_id=",
            "/events?kind=",
            "/map?group=",
            "/usage?by=",
            "/playground?key=",
            "/playground?message=",
            "/playground?history=",
            "/playground?scope=",
            "/playground/told/",
            "/playground/actions?logical_group_id=",
            "/playground/actions?action=",
            "/playground/actions?messages=",
            "/notifications/new?type=",
            "/notifications/channels/",
            "/settings?q=",
            "/status?q=",
            "/nothing/",
        ]
        .map(|path| format!("{path}{query}")),
    );
    for path in pages {
        let page = browser.get(&path).await.text;
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{path}: {page}");
        assert!(!page.contains("onerror=alert(1)>'\""), "{path}");
    }
    for (page, fields) in [
        ("/playground/resolve", ["key", "group", "model", "scope", "subject", "system", "message", "history"]),
        ("/playground/send", ["key", "group", "model", "temperature", "max_tokens", "system", "message", "history"]),
        (
            "/playground/actions",
            ["logical_group_id", "model", "subject_id", "user_key", "request_id", "scope", "sync", "csrf2"],
        ),
        ("/notifications/new", ["type", "id", "url", "secret", "repeat", "quiet_from", "time_zone", "language"]),
    ] {
        let mut fields = fields.map(|name| (name, PLANTED)).to_vec();
        fields.extend([("action", "resolve-route"), ("event.drift", "1")]);
        let page = browser.submit("/account", page, &fields).await.text;
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{page}");
    }
    let key = browser.get("/keys/team-a").await.ok();
    assert!(key.contains("&lt;script&gt;") || key.contains("&#60;script&#62;"), "it is shown as it was written");
}

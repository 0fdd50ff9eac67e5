//! Making, changing and removing entries by forms.

use http::{Method, StatusCode};

use crate::support::{ADMIN, Browser, Console, FLEET, OPERATOR};

/// The value of a hidden field.
pub(crate) fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}: {page}"));
    rest.split('"').next().unwrap().to_owned()
}

/// Looks at what a form does, then saves it; both answers.
async fn save(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> (String, crate::support::Answer) {
    let form = browser.get(path).await.ok();
    let (token, version) = (hidden(&form, "csrf"), hidden(&form, "version"));
    let common = [("csrf", token.as_str()), ("version", version.as_str())];
    let looked = [fields, &common, &[("step", "look")]].concat();
    let plan = browser.post(path, &looked).await;
    assert_eq!(plan.status, StatusCode::OK, "{}", plan.text);
    let seen = hidden(&plan.text, "seen");
    let saved = [fields, &common, &[("step", "save"), ("seen", seen.as_str())]].concat();
    (plan.text, browser.post(path, &saved).await)
}

const ROUTE: [(&str, &str); 9] = [
    ("route_id", "gpt-spare"),
    ("logical_group_id", "gpt"),
    ("public_model", "gpt-5"),
    ("shadow_host_id", "osaka"),
    ("shadow_model", "spare"),
    ("priority", "3"),
    ("weight", "100"),
    ("credential", "host_key"),
    ("enabled", "1"),
];

#[tokio::test]
async fn an_entry_is_looked_at_saved_changed_and_deleted() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    let (plan, saved) = save(&mut browser, "/routes/new", &ROUTE).await;
    assert!(plan.contains("added") && plan.contains("gpt-spare"), "{plan}");
    assert_eq!(saved.location(), "/routes/gpt-spare?done=saved");
    let mut changed = ROUTE;
    changed[6] = ("weight", "7");
    let (plan, saved) = save(&mut browser, "/routes/gpt-spare/edit", &changed).await;
    assert!(plan.contains("weight") && !plan.contains("shadow_model</code>"), "only what differs: {plan}");
    assert_eq!(saved.location(), "/routes/gpt-spare?done=saved");
    assert_eq!(console.control.route("gpt-spare").unwrap()["weight"], 7);
    let deleted = browser.submit("/routes/gpt-spare/act/delete", "/routes/gpt-spare/act/delete", &[]).await;
    assert_eq!(deleted.location(), "/routes?done=deleted");
    assert!(console.control.route("gpt-spare").is_none());
}

#[tokio::test]
async fn what_was_not_looked_at_is_not_saved() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    let generation = console.control.generation();
    let direct = [ROUTE.as_slice(), &[("step", "save")]].concat();
    let answer = browser.submit("/routes/new", "/routes/new", &direct).await;
    assert!(answer.text.contains("Preview it again"), "{}", answer.text);
    assert_eq!(console.control.generation(), generation);
}

#[tokio::test]
async fn faults_stand_at_their_fields_and_what_was_entered_stays() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    let mut wrong = ROUTE;
    wrong[3] = ("shadow_host_id", "okasa");
    wrong[6] = ("weight", "many");
    let answer = browser.submit("/routes/new", "/routes/new", &wrong).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for told in ["osaka", "value=\"many\"", "value=\"okasa\"", "aria-invalid=\"true\""] {
        assert!(answer.text.contains(told), "{told}: {}", answer.text);
    }
}

#[tokio::test]
async fn of_very_many_faults_the_first_are_told_and_the_rest_is_counted() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    let many = (0..2_500).map(|n| format!("no-{n}")).collect::<Vec<_>>().join(",");
    let fields = [("key_id", "b"), ("logical_groups", many.as_str())];
    for (language, told) in [
        ("en", "Faults beside these: 1,500. They are told once these are corrected."),
        ("zh", "另有 1,500 处问题，更正以上问题后再列出。"),
    ] {
        browser.post("/preferences", &[("language", language)]).await;
        for form in ["/keys/new", "/start/key"] {
            let answer = browser.submit(form, form, &fields).await.text;
            assert!(answer.contains(told), "{form}: {answer}");
            assert!(answer.contains("“no-999”") && !answer.contains("“no-1000”"), "{form}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_change_over_somebody_elses_is_refused() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    let form = browser.get("/routes/gpt-tokyo/edit").await.ok();
    let (token, version) = (hidden(&form, "csrf"), hidden(&form, "version"));
    console.publish(&FLEET.replace("shadow_model = \"big\"", "shadow_model = \"bigger\"")).await;
    let mut fields = ROUTE.to_vec();
    fields[0] = ("route_id", "gpt-tokyo");
    fields.extend([("csrf", token.as_str()), ("version", version.as_str()), ("step", "look")]);
    let answer = browser.post("/routes/gpt-tokyo/edit", &fields).await;
    assert!(answer.text.contains("has been changed since it was read"), "{}", answer.text);
}

#[tokio::test]
async fn a_stored_secret_stays_unless_another_is_entered_and_is_never_shown() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    let fields = [
        ("host_id", "tokyo"),
        ("kind", "openai"),
        ("base_url", "https://tokyo-2.example"),
        ("enabled", "1"),
        ("ask_usage", "1"),
    ];
    let (plan, saved) = save(&mut browser, "/hosts/tokyo/edit", &fields).await;
    assert!(plan.contains("base_url") && !plan.contains("gateway_key</code>") && !plan.contains("canary"), "{plan}");
    assert_eq!(saved.location(), "/hosts/tokyo?done=saved");
    let host = console.control.host("tokyo").unwrap();
    assert_eq!((&host["base_url"], &host["gateway_key"]), (&"https://tokyo-2.example".into(), &"stored".into()));
}

#[tokio::test]
async fn a_new_key_is_shown_once_with_what_to_paste() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    let (_, made) =
        save(&mut browser, "/keys/new", &[("key_id", "team-b"), ("logical_groups", "gpt"), ("enabled", "1")]).await;
    let page = made.ok();
    let (_, rest) = page.split_once("<pre id=\"secret\" tabindex=\"0\">").unwrap();
    let secret = rest.split('<').next().unwrap();
    assert!(secret.starts_with("sk-relay-"), "{secret}");
    for told in ["http://gateway.example/v1/chat/completions", "ANTHROPIC_BASE_URL", "model_provider", "gpt-5"] {
        assert!(page.contains(told), "{told}");
    }
    assert!(!browser.get("/keys/team-b").await.ok().contains(secret));
    let rotated = browser.submit("/keys/team-b/act/rotate", "/keys/team-b/act/rotate", &[]).await.ok();
    assert!(rotated.contains("sk-relay-") && !rotated.contains(secret));
}

#[tokio::test]
async fn deleting_says_what_refers_to_it_and_takes_that_away_only_when_told() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    let to = "/hosts/osaka/act/delete";
    let page = browser.get(to).await.ok();
    assert!(page.contains("gpt-osaka") && page.contains("name=\"cascade\""), "{page}");
    assert!(page.contains("it can only be deleted with them: route gpt-osaka, "), "in words of the page: {page}");
    assert_eq!(browser.submit(to, to, &[]).await.status, StatusCode::CONFLICT);
    assert_eq!(browser.submit(to, to, &[("cascade", "1")]).await.location(), "/hosts?done=deleted");
    assert!(console.control.route("gpt-osaka").is_none() && console.control.route("gpt-tokyo").is_some());
}

#[tokio::test]
async fn draining_and_disabling_say_what_they_do_and_are_for_admins() {
    let console = Console::with_fleet(FLEET).await;
    let mut operator = console.logged_in(OPERATOR).await;
    assert_eq!(operator.get("/routes/gpt-tokyo/edit").await.status, StatusCode::FORBIDDEN);
    assert!(!operator.get("/routes/gpt-tokyo").await.ok().contains("/act/"));
    let mut browser = console.logged_in(ADMIN).await;
    console.resolve("r-1", "gpt", "gpt-5").await;
    let drain = "/routes/gpt-tokyo/act/drain";
    assert!(browser.get(drain).await.ok().contains("Conversations held there now: 1"));
    browser.submit(drain, drain, &[]).await.location();
    assert_eq!(console.control.route("gpt-tokyo").unwrap()["weight"], 0);
    let disable = "/routes/gpt-tokyo/act/disable";
    browser.submit(disable, disable, &[]).await.location();
    assert_eq!(console.control.route("gpt-tokyo").unwrap()["enabled"], false);
    assert!(browser.get("/routes/gpt-tokyo").await.ok().contains("/act/enable"));
}

#[tokio::test]
async fn a_preview_tells_what_is_lost_first_and_says_nothing_of_what_is_not() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    console.resolve("r-1", "gpt", "gpt-5").await;
    console.resolve("r-2", "gpt", "gpt-5").await;
    console.clock.advance(jiff::SignedDuration::from_secs(60));
    let fragment = [("hx-request", "true")];
    let preview = browser.send(Method::GET, "/groups/gpt/act/delete", &fragment, String::new()).await.ok();
    let lost = "Requests that nobody would serve</dt><dd><span class=\"badge bad\">2 (now 0)</span>";
    let elsewhere = "Requests that go elsewhere or nowhere</dt><dd>100 % (2 of 2 requests)";
    let at = |told: &str| preview.find(told).unwrap_or_else(|| panic!("{told}: {preview}"));
    assert!(at(lost) < at(elsewhere));
    for told in ["as if the change had been made before them", "2 decisions, "] {
        assert!(preview.contains(told), "{told}: {preview}");
    }
    for untold in ["More than a host admits", "could serve nothing any more", "still can"] {
        assert!(!preview.contains(untold), "{untold}: {preview}");
    }
}

#[tokio::test]
async fn warnings_stand_above_the_button_a_line_each() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    let page = browser.get("/hosts/tokyo/act/disable").await.ok();
    let at = |told: &str| page.find(told).unwrap_or_else(|| panic!("{told}: {page}"));
    assert!(at("<h2>Warnings</h2><p class=\"warn\">") < at("<button class=\"danger\">"));
}

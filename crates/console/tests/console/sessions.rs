//! Logging in and out, and how sessions end.

use http::{Method, StatusCode};
use jiff::SignedDuration;
use relay_control::access::Role;
use relay_store::Store as _;

use crate::support::{ADMIN, Console, VIEWER};

#[tokio::test]
async fn who_is_not_logged_in_is_led_to_the_login_page_and_back() {
    let console = Console::start().await;
    let mut browser = console.browser();
    let answer = browser.get("/decisions?host_id=a").await;
    assert_eq!(answer.location(), "/login?back=%2Fdecisions%3Fhost_id%3Da");
    let page = browser.get("/login?back=%2Fdecisions%3Fhost_id%3Da").await.ok();
    assert!(page.contains("name=\"back\" value=\"/decisions?host_id=a\""), "{page}");
    let answer = browser.post("/login", &[("token", ADMIN), ("back", "/decisions?host_id=a")]).await;
    assert_eq!(answer.location(), "/decisions?host_id=a");
    browser.get("/decisions?host_id=a").await.ok();
}

#[tokio::test]
async fn the_cookie_is_the_browsers_alone_and_secure_behind_tls() {
    let console = Console::start().await;
    let mut browser = console.browser();
    let answer = browser.post("/login", &[("token", &format!("  {ADMIN} "))]).await;
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Strict") && !cookie.contains("Secure"), "{cookie}");
    browser.headers.push(("x-forwarded-proto", "https".to_owned()));
    let answer = browser.post("/login", &[("token", ADMIN)]).await;
    assert!(answer.header("set-cookie").ends_with("; Secure"), "{}", answer.header("set-cookie"));
    let secret = &browser.cookies["relay_session"];
    assert_eq!(secret.len(), 64);
    let stored = std::fs::read(console.database()).unwrap();
    assert!(!String::from_utf8_lossy(&stored).contains(secret.as_str()), "the secret itself is kept nowhere");
}

#[tokio::test]
async fn an_unknown_token_is_refused_and_never_echoed() {
    let console = Console::start().await;
    let mut browser = console.browser();
    let answer = browser.post("/login", &[("token", "sk-guess-canary")]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.text.contains("not known here") && !answer.text.contains("canary"));
    assert!(browser.cookies.is_empty());
    assert_eq!(browser.post("/login", &[]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn guesses_from_one_address_are_slowed_down_and_others_are_not() {
    let console = Console::start().await;
    let mut guesser = console.browser();
    for _ in 0..5 {
        assert_eq!(guesser.post("/login", &[("token", "guess")]).await.status, StatusCode::UNAUTHORIZED);
    }
    let refused = guesser.post("/login", &[("token", ADMIN)]).await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"));
    let mut other = console.browser();
    other.address = "192.0.2.2".to_owned();
    assert_eq!(other.post("/login", &[("token", ADMIN)]).await.location(), "/");
    console.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(guesser.post("/login", &[("token", ADMIN)]).await.location(), "/", "the right token ends it");
}

#[tokio::test]
async fn a_session_ends_without_use_and_after_a_week_in_any_case() {
    let console = Console::start().await;
    let mut idle = console.logged_in(ADMIN).await;
    let mut busy = console.logged_in(ADMIN).await;
    for _ in 0..16 {
        console.clock.advance(SignedDuration::from_hours(10));
        busy.get("/account").await.ok();
    }
    assert_eq!(idle.get("/account").await.status, StatusCode::SEE_OTHER);
    console.clock.advance(SignedDuration::from_hours(9));
    assert_eq!(busy.get("/account").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn logging_out_ends_this_session_and_everywhere_all_of_the_token() {
    let console = Console::start().await;
    let mut one = console.logged_in(ADMIN).await;
    let mut two = console.logged_in(ADMIN).await;
    let mut three = console.logged_in(ADMIN).await;
    let mut other = console.logged_in(VIEWER).await;
    let kept = one.cookies.clone();
    assert_eq!(one.submit("/account", "/logout", &[]).await.location(), "/login?done=logged-out");
    assert!(one.cookies.is_empty());
    one.cookies = kept;
    assert_eq!(one.get("/account").await.status, StatusCode::SEE_OTHER, "the old cookie is worth nothing");
    two.get("/account").await.ok();
    assert_eq!(
        two.submit("/account/everywhere", "/logout", &[("everywhere", "1")]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(three.get("/account").await.status, StatusCode::SEE_OTHER);
    other.get("/account").await.ok();
}

#[tokio::test]
async fn a_session_is_told_by_its_browser_and_twelve_hours_of_it_are_left_at_first() {
    let console = Console::start().await;
    let mut browser = console.browser();
    let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
    browser.headers.push(("user-agent", agent.to_owned()));
    browser.post("/login", &[("token", ADMIN)]).await;
    console.clock.advance(SignedDuration::from_secs(9));
    let page = browser.get("/account").await.ok();
    assert!(page.contains(&format!("title=\"{agent}\">Chrome 156 on Linux</span>")), "{page}");
    assert!(page.contains(">in 12 h</time>") && !page.contains("in 11 h"), "{page}");
    let page = browser.get("/account/everywhere").await.ok();
    assert!(page.contains("The session of your token ends: this one.") && !page.contains("All 1"), "{page}");
}

#[tokio::test]
async fn a_revoked_token_or_a_lesser_role_holds_at_once() {
    let console = Console::start().await;
    let id = console.add_token("temp", "rma-temp", Role::Admin).await;
    let mut browser = console.logged_in("rma-temp").await;
    assert_eq!(browser.get("/health/clear").await.status, StatusCode::OK);
    console.add_token("temp", "rma-temp", Role::Viewer).await;
    assert_eq!(browser.get("/health/clear").await.status, StatusCode::FORBIDDEN);
    console.store.remove_admin_token(id).await.unwrap();
    assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_refreshes_itself_leads_to_the_login_page_when_the_session_has_ended() {
    let console = Console::start().await;
    let mut browser = console.browser();
    let answer = browser.send(Method::GET, "/health", &[("hx-request", "true")], String::new()).await;
    assert_eq!(answer.header("hx-redirect"), "/login?back=%2Fhealth");
}

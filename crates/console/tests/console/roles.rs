//! Who may do what, and forms that nobody else may send.

use http::StatusCode;

use crate::support::{ADMIN, Console, FLEET, OPERATOR, VIEWER};

#[tokio::test]
async fn buttons_that_one_may_not_use_are_not_shown() {
    let console = Console::with_fleet(FLEET).await;
    console.publish(&FLEET.replace("weight = 0", "weight = 5")).await;
    for (token, may_clear, may_go_back) in [(VIEWER, false, false), (OPERATOR, true, false), (ADMIN, true, true)] {
        let mut browser = console.logged_in(token).await;
        let health = browser.get("/health").await.ok();
        assert_eq!(health.contains("href=\"/health/clear"), may_clear, "{token}");
        let generation = browser.get("/generations/1").await.ok();
        assert_eq!(generation.contains("/generations/1/rollback"), may_go_back, "{token}");
        assert_eq!(browser.get("/health/clear").await.status.is_success(), may_clear, "{token}");
        assert_eq!(browser.get("/generations/1/rollback").await.status.is_success(), may_go_back, "{token}");
    }
}

#[tokio::test]
async fn a_role_is_checked_when_a_form_comes_whatever_was_shown() {
    let console = Console::with_fleet(FLEET).await;
    console.publish(&FLEET.replace("weight = 0", "weight = 5")).await;
    let mut viewer = console.logged_in(VIEWER).await;
    assert_eq!(viewer.submit("/account", "/health/clear", &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(viewer.submit("/account", "/bindings/purge", &[]).await.status, StatusCode::FORBIDDEN);
    let mut operator = console.logged_in(OPERATOR).await;
    assert_eq!(operator.submit("/account", "/generations/1/rollback", &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(console.control.generation(), 2);
}

#[tokio::test]
async fn a_form_without_its_token_or_from_another_site_changes_nothing() {
    let console = Console::with_fleet(FLEET).await;
    console.publish(&FLEET.replace("weight = 0", "weight = 5")).await;
    let mut browser = console.logged_in(ADMIN).await;
    let to = "/generations/1/rollback";
    assert_eq!(browser.post(to, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post(to, &[("csrf", "0123")]).await.status, StatusCode::FORBIDDEN);
    let mut other = console.logged_in(ADMIN).await;
    let others = other.token("/account").await;
    assert_eq!(browser.post(to, &[("csrf", &others)]).await.status, StatusCode::FORBIDDEN, "another session's");
    browser.headers.push(("origin", "https://evil.example".to_owned()));
    assert_eq!(browser.submit("/account", to, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post("/login", &[("token", ADMIN)]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post("/preferences", &[("language", "zh")]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(console.control.generation(), 2);
    browser.headers.pop();
    browser.headers.push(("origin", "http://relay.example".to_owned()));
    assert_eq!(browser.submit("/account", to, &[]).await.location(), "/generations?done=rolled-back");
    assert_eq!(console.control.generation(), 3);
}

#[tokio::test]
async fn what_is_done_is_audited_under_the_tokens_label() {
    let console = Console::with_fleet(FLEET).await;
    let mut browser = console.logged_in(OPERATOR).await;
    browser.submit("/health/clear", "/health/clear", &[]).await;
    let trail = browser.get("/audit").await.ok();
    for action in ["health.clear_cooldowns", "console.log_in", "olga"] {
        assert!(trail.contains(action), "{action}");
    }
}

#[tokio::test]
async fn a_token_is_made_shown_once_used_and_revoked() {
    let console = Console::with_fleet(FLEET).await;
    assert_eq!(console.logged_in(OPERATOR).await.get("/tokens").await.status, StatusCode::FORBIDDEN);
    let mut admin = console.logged_in(ADMIN).await;
    let fields = [("label", "ben"), ("role", "viewer")];
    let page = admin.submit("/tokens/new", "/tokens/new", &fields).await.ok();
    let (_, rest) = page.split_once("<pre id=\"secret\" tabindex=\"0\">").unwrap();
    let token = rest.split('<').next().unwrap().to_owned();
    let again = admin.submit("/tokens/new", "/tokens/new", &fields).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "the label is taken");
    let mut ben = console.logged_in(&token).await;
    ben.get("/decisions").await.ok();
    let list = admin.get("/tokens").await.ok();
    assert!(list.contains("ben") && !list.contains(&token));
    let remove = list.split('"').rfind(|part| part.ends_with("/remove")).unwrap().to_owned();
    assert_eq!(admin.submit(&remove, &remove, &[]).await.location(), "/tokens?done=deleted");
    assert_eq!(ben.get("/decisions").await.status, StatusCode::SEE_OTHER, "its sessions end with it");
}

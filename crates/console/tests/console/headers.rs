//! What every answer carries, and what assets do.

use http::{Method, StatusCode};

use crate::support::{ADMIN, Console};

#[tokio::test]
async fn every_page_forbids_foreign_and_inline_scripts_and_frames() {
    let console = Console::start().await;
    let mut browser = console.logged_in(ADMIN).await;
    for path in ["/", "/login", "/decisions", "/nothing-here"] {
        let answer = browser.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_a_name_that_changes_with_them() {
    let console = Console::start().await;
    let mut browser = console.browser();
    let page = browser.get("/login").await.ok();
    let urls: Vec<&str> = page.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert!(urls.len() >= 4, "{urls:?}");
    for url in urls {
        let plain = browser.get(url).await;
        assert!(plain.header("cache-control").contains("immutable"), "{url}");
        let zipped = browser.send(Method::GET, url, &[("accept-encoding", "gzip, br")], String::new()).await;
        assert_eq!((zipped.status, zipped.header("content-encoding")), (StatusCode::OK, "gzip"), "{url}");
    }
    assert_eq!(browser.get("/assets/console.000000000000.css").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_not_there_is_a_page_for_people_and_left_to_the_api_for_programs() {
    let console = Console::start().await;
    let mut browser = console.logged_in(ADMIN).await;
    let page = browser.get("/nothing-here").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text.contains("There is nothing here"));
    let api = browser.get("/api/v1/nothing").await;
    assert!(!api.text.contains("<html"), "{}", api.text);
}

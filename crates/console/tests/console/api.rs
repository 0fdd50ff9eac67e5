//! A session opens the API too (spec §8).

use http::Method;

use crate::support::{ADMIN, Console};

#[tokio::test]
async fn a_session_opens_the_api_and_changes_need_the_token() {
    let console = Console::start().await;
    let mut browser = console.browser();
    assert_eq!(browser.get("/api/v1/who").await.ok(), "nobody");
    let mut browser = console.logged_in(ADMIN).await;
    assert_eq!(browser.get("/api/v1/who").await.ok(), "ann admin");
    let token = browser.token("/account").await;
    let mut post =
        async |headers: &[(&str, &str)]| browser.send(Method::POST, "/api/v1/who", headers, "{}".to_owned()).await.ok();
    assert_eq!(post(&[]).await, "nobody");
    assert_eq!(post(&[("x-csrf-token", "wrong")]).await, "nobody");
    assert_eq!(post(&[("x-csrf-token", &token)]).await, "ann admin");
    assert_eq!(post(&[("x-csrf-token", &token), ("sec-fetch-site", "cross-site")]).await, "nobody");
    assert_eq!(
        post(&[("authorization", "Bearer x"), ("x-csrf-token", &token)]).await,
        "nobody",
        "a token is not overruled"
    );
}

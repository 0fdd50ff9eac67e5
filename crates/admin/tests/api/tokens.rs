//! Admin tokens over the API: shown once, told apart by their label, and never all gone.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{ADMIN, OPERATOR, Server, VIEWER};

const TOKENS: &str = "/api/v1/tokens";

#[tokio::test]
async fn a_token_is_shown_once_works_and_is_refused_when_it_is_removed() {
    let server = Server::empty().await;
    let made = server.post(TOKENS, &json!({"label": " eve ", "role": "operator"})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.json();
    assert_eq!((&made["label"], &made["role"]), (&json!("eve"), &json!("operator")));
    let token = made["token"].as_str().expect("a token").to_owned();
    let whoami = async |token: &str| server.send(token, Method::GET, "/api/v1/whoami", "").await;
    assert_eq!(whoami(&token).await.ok(), json!({"label": "eve", "role": "operator"}));
    assert_eq!(whoami(VIEWER).await.ok(), json!({"label": "vic", "role": "viewer"}));
    for path in [TOKENS, "/api/v1/audit"] {
        assert!(!server.get(path).await.text.contains(&token), "{path}");
    }
    assert_eq!(server.post(TOKENS, &json!({"label": "eve", "role": "viewer"})).await.error().1, "already_exists");
    assert_eq!(server.post(TOKENS, &json!({"label": "a\nb", "role": "viewer"})).await.status, 400);
    let path = format!("{TOKENS}/{}", made["token_id"]);
    assert_eq!(server.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(whoami(&token).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.delete("/api/v1/tokens/x").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_last_admin_cannot_be_removed() {
    let server = Server::empty().await;
    let list = server.get("/api/v1/tokens?role=admin").await.ok();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    let ann = format!("{TOKENS}/{}", list["items"][0]["token_id"]);
    let refused = server.delete(&ann).await.error();
    assert_eq!((refused.0, refused.1.as_str()), (409, "conflict"));
    let made = server.post(TOKENS, &json!({"label": "root", "role": "admin"})).await.json();
    assert_eq!(server.delete(&ann).await.status, StatusCode::NO_CONTENT, "with another one she may go");
    let root = made["token"].as_str().expect("a token");
    assert_eq!(server.send(ADMIN, Method::GET, TOKENS, "").await.status, 401);
    assert_eq!(server.send(root, Method::GET, TOKENS, "").await.status, 200);
}

#[tokio::test]
async fn tokens_are_paged_and_only_admins_see_them() {
    let server = Server::empty().await;
    let page = server.get("/api/v1/tokens?limit=2").await.ok();
    let next = page["next_cursor"].as_str().expect("there is more").to_owned();
    let rest = server.get(&format!("/api/v1/tokens?limit=2&cursor={next}")).await.ok();
    let labels = |page: &Value| {
        page["items"].as_array().into_iter().flatten().map(|item| item["label"].clone()).collect::<Vec<_>>()
    };
    assert_eq!([labels(&page), labels(&rest)].concat(), ["ann", "olga", "vic"].map(|label| json!(label)));
    assert_eq!(rest["next_cursor"], Value::Null);
    assert_eq!(server.get("/api/v1/tokens?role=root").await.error().2, "role must be admin, operator or viewer");
    for token in [VIEWER, OPERATOR] {
        assert_eq!(server.send(token, Method::GET, TOKENS, "").await.status, StatusCode::FORBIDDEN);
    }
}

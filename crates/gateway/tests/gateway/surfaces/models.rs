//! The models of a key, in the shape of whoever asks (spec §6).

use serde_json::json;

use crate::rig::{MODEL, Setup};

#[tokio::test]
async fn each_vendors_clients_get_the_list_that_they_parse() {
    let rig = Setup::hosts(1).start().await;
    let openai = json!({"id": MODEL, "object": "model", "created": 0, "owned_by": "relay-manager"});
    let anthropic = json!({"type": "model", "id": MODEL, "display_name": MODEL, "created_at": "1970-01-01T00:00:00Z"});
    let google = json!({
        "name": format!("models/{MODEL}"), "version": "", "displayName": MODEL,
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens", "embedContent"],
    });
    for (path, mark, list, one) in [
        ("/v1/models", None, json!({"object": "list", "data": [openai]}), openai),
        (
            "/v1/models",
            Some(("anthropic-version", "2023-06-01")),
            json!({"data": [anthropic], "first_id": MODEL, "last_id": MODEL, "has_more": false}),
            anthropic,
        ),
        ("/v1beta/models", None, json!({"models": [google]}), google.clone()),
        ("/v1/models", Some(("x-goog-api-client", "google-genai-sdk/3")), json!({"models": [google]}), google),
    ] {
        let call = |path: &str| {
            let call = rig.call("GET", path);
            mark.into_iter().fold(call, |call, (name, value)| call.header(name, value))
        };
        assert_eq!(call(path).send().await.json().await, list);
        assert_eq!(call(&format!("{path}/{MODEL}")).send().await.json().await, one);
        let unknown = call(&format!("{path}/other")).send().await;
        assert_eq!(unknown.status, 404);
        assert_eq!(call(path).without("authorization").send().await.status, 401);
    }
    assert_eq!(rig.calls(), [0]);
}

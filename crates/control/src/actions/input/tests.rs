//! What is read of a request, and what is told of one that cannot be.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::actions::schema::{ProxyBody, ResolveBody, RouteBody};

fn forward(changes: &Value) -> Result<ForwardRequest, InvalidRequest> {
    let mut body = json!({
        "logical_group_id": " gpt ", "public_model": " gpt-5 ", "scope": " Conversation ", "subject_id": " t-1 ",
        "gateway_api_key": " sk-1 ",
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    ForwardRequest::parse(body.to_string().as_bytes(), "public_model", "made")
}

#[track_caller]
fn refused(changes: &Value, message: &str) {
    assert_eq!(forward(changes).unwrap_err().to_string(), message);
}

#[test]
fn every_string_is_trimmed_and_the_scope_has_any_case() {
    let request = forward(
        &json!({"request_id": " r-1 ", "user_key": " u ", "messages": [{"role": " system ", "content": " x "}]}),
    )
    .unwrap();
    assert_eq!(request.key, RequestedKey::Given(Secret::new("sk-1")));
    let resolve = &request.resolve;
    assert_eq!((&*resolve.logical_group_id, &*resolve.public_model, &*resolve.subject_id), ("gpt", "gpt-5", "t-1"));
    assert_eq!((resolve.scope, &*resolve.request_id), (Scope::Conversation, "r-1"));
    assert_eq!((resolve.user_key.as_deref(), resolve.conversation_key.as_deref()), (Some("u"), Some("t-1")));
    assert_eq!((&*request.messages[0].role, request.messages[0].content.get()), ("system", "\"x\""));
}

#[test]
fn user_and_conversation_keys_fall_back_to_the_subject_of_their_scope() {
    let keys = |scope: &str| {
        let resolve = forward(&json!({"scope": scope})).unwrap().resolve;
        (resolve.user_key, resolve.conversation_key)
    };
    let subject = || Some("t-1".to_owned());
    assert_eq!(keys("USER"), (subject(), None));
    assert_eq!(keys("conversation"), (None, subject()));
    assert_eq!(keys("none"), (None, None));
}

#[test]
fn a_key_or_a_subscription_user_is_required() {
    let message = "gateway_api_key or subscription_user_id is required";
    refused(&json!({"gateway_api_key": null}), message);
    refused(&json!({"gateway_api_key": "  ", "subscription_user_id": ""}), message);
    let user = forward(&json!({"gateway_api_key": null, "subscription_user_id": " 7 "})).unwrap();
    assert_eq!(user.key, RequestedKey::SubscriptionUser("7".into()));
    let both = forward(&json!({"subscription_user_id": "7"})).unwrap();
    assert_eq!(both.key, RequestedKey::Given(Secret::new("sk-1")));
}

#[test]
fn unknown_and_wrongly_typed_fields_are_named_all_at_once() {
    refused(&json!({"max_token": 1}), "max_token is unknown, did you mean max_tokens?");
    refused(&json!({"model": "x"}), "model is unknown, did you mean public_model?");
    refused(
        &json!({"max_tokens": "8", "sync": "yes", "scope": 5}),
        "scope must be a string; sync must be true or false; max_tokens must be a whole number",
    );
    refused(
        &json!({"max_tokens": 1.5, "temperature": "hot"}),
        "max_tokens must be a whole number; temperature must be a number",
    );
    refused(&json!({"messages": {}}), "messages must be an array");
    refused(
        &json!({"messages": ["hi", {"content": 5}, {"role": 1, "content": "x", "nam": 2}]}),
        "messages[0] must be an object; messages[1].content must be a string or an array; messages[2].role must be a string; messages[2].nam is unknown",
    );
    refused(&json!({"messages": [{"role": "user"}]}), "messages[0].content is required");
    refused(&json!({"scope": "session"}), "scope must be user, conversation or none");
    refused(
        &json!({"logical_group_id": " ", "subject_id": null}),
        "logical_group_id is required; subject_id is required",
    );
    refused(&json!({"request_id": "a b"}), "request_id must be at most 128 visible ASCII characters");
    let twice = br#"{"scope":"none","scope":"user","logical_group_id":"g","public_model":"m"}"#;
    assert_eq!(ResolveRequest::parse(twice, "made").unwrap_err().to_string(), "scope is given twice");
    let junk = ResolveRequest::parse(b"[]", "made").unwrap_err().to_string();
    assert!(junk.starts_with("body is not a JSON object"), "{junk}");
}

#[test]
fn a_subject_is_needed_only_where_something_is_sticky() {
    let body = br#"{"scope":"none","logical_group_id":"g","public_model":"m"}"#;
    assert_eq!(ResolveRequest::parse(body, "made").unwrap().request_id, "made");
    let body = br#"{"scope":"user","logical_group_id":"g","public_model":"m"}"#;
    assert_eq!(ResolveRequest::parse(body, "made").unwrap_err().to_string(), "subject_id is required");
}

#[test]
fn the_probes_defaults_are_the_contracts() {
    let request = forward(&json!({})).unwrap();
    let sent = |request: &ForwardRequest| (request.max_tokens, request.temperature.get().to_owned());
    assert_eq!(sent(&request), (8, "0".into()));
    assert_eq!((&*request.messages[0].role, request.messages[0].content.get()), ("user", "\"ping\""));
    assert_eq!(forward(&json!({"messages": []})).unwrap().messages.len(), 1);
    assert_eq!(sent(&forward(&json!({"max_tokens": 0, "temperature": 0.70})).unwrap()), (8, "0.7".into()));
    assert_eq!(forward(&json!({"max_tokens": -5})).unwrap().max_tokens, 8);
    assert_eq!(forward(&json!({"max_tokens": 100})).unwrap().max_tokens, 100);
    let empty_role = forward(&json!({"messages": [{"role": " ", "content": "x"}]})).unwrap();
    assert_eq!(empty_role.messages[0].role, "user");
}

/// The description has the fields that the reader asks for.
#[track_caller]
fn described<T: utoipa::PartialSchema>(read: impl FnOnce(&mut Fields<'_, '_>)) {
    let mut faults = Vec::new();
    let mut fields = Fields::of_body(b"{}", &mut faults).unwrap();
    read(&mut fields);
    let schema = serde_json::to_value(T::schema()).unwrap();
    let described: BTreeSet<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(described, fields.known.into_iter().collect());
}

#[test]
fn the_description_has_the_fields_that_are_read() {
    described::<ResolveBody>(|fields| drop(fields.resolve("public_model", "made")));
    described::<ProxyBody>(|fields| drop(ForwardRequest::read(fields, "public_model", "made")));
    described::<RouteBody>(|fields| drop(ForwardRequest::read(fields, "model", "made")));
}

#[test]
fn array_content_and_numbers_keep_their_bytes() {
    let content = r#"[ {"type":"text", "text":" \u4e2d 1e400 "},{"n":9007199254740993} ]"#;
    let body = format!(
        r#"{{"logical_group_id":"g","public_model":"m","scope":"none","gateway_api_key":"k","temperature":1.0e0,"messages":[{{"content":{content}}}]}}"#
    );
    let request = ForwardRequest::parse(body.as_bytes(), "public_model", "made").unwrap();
    assert_eq!(request.messages[0].content.get(), content);
    assert_eq!(request.temperature.get(), "1.0e0");
}

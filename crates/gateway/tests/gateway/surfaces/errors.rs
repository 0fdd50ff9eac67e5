//! Every error is in the shape of the path's clients, whoever made it (spec §6).

use relay_testkit::{Reply, errors};

use super::{ALL, MESSAGES, Shape};
use crate::client::Call;
use crate::rig::{MODEL, OTHER_KEY, Setup};

/// The word for an error in each shape.
fn word(shape: Shape, code: &'static str, anthropic: &'static str) -> &'static str {
    if shape == Shape::Anthropic { anthropic } else { code }
}

#[tokio::test]
async fn what_is_refused_here_is_refused_in_the_surfaces_shape() {
    for surface in ALL {
        let rig = Setup::hosts(1).options(|options| options.max_body = 1000).start().await;
        let call = || surface.call(&rig, "hi", false);
        let unknown = surface.target("other", false);
        let elsewhere = Call::new(rig.address, "POST", &unknown).key(crate::rig::KEY);
        let invalid = |call: Call| call.body("{\"x\":");
        for (call, status, code, anthropic) in [
            (call().without("authorization"), 401, "invalid_api_key", "authentication_error"),
            (call().key("wrong"), 401, "invalid_api_key", "authentication_error"),
            (elsewhere.body(surface.body("other", "hi", false)), 404, "model_not_found", "not_found_error"),
            (call().body("x".repeat(1001)), 413, "request_too_large", "request_too_large"),
            (invalid(call()), 400, "invalid_request", "invalid_request_error"),
            (
                call().header("upgrade", "websocket").header("connection", "upgrade"),
                400,
                "invalid_request",
                "invalid_request_error",
            ),
        ] {
            let mut answer = call.send().await;
            assert_eq!(answer.status, status, "{surface:?} {code}");
            assert!(answer.header("x-request-id").is_some());
            assert_eq!(surface.errors.check(&answer.json().await), word(surface.errors, code, anthropic));
        }
        assert_eq!(rig.calls(), [0]);
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_which_are_right() {
    for surface in ALL {
        let rig = Setup::hosts(1).start().await;
        let mut answer = rig.call("PUT", &surface.target(MODEL, false)).send().await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{surface:?}");
        surface.errors.check(&answer.json().await);
    }
}

#[tokio::test]
async fn what_a_host_refuses_is_relayed_in_the_surfaces_shape() {
    for surface in ALL {
        let rig = Setup::hosts(1).start().await;
        // In the host's own form of the surface it passes as it is …
        let own = match surface.errors {
            Shape::OpenAi => r#"{ "error":{"message":"too \ud83d long","type":"t","param":null,"code":"c"},"x":1e400}"#,
            Shape::Anthropic => {
                r#"{ "type":"error","error":{"type":"t","message":"too \ud83d long"},"request_id":"r"}"#
            }
            Shape::Google => {
                r#"{ "error":{"code":400,"message":"too \ud83d long","status":"INVALID_ARGUMENT"},"x":-0}"#
            }
        };
        rig.hosts[0].script(Reply::raw("application/json", own).status(400));
        let mut answer = surface.call(&rig, "hi", false).send().await;
        assert_eq!((answer.status, answer.text().await.as_str()), (400, own), "{surface:?}");
        // … and in any other it is put into it.
        rig.hosts[0].script(Reply::raw("application/json", r#"{"code":"X","message":"too long"}"#).status(400));
        let mut answer = surface.call(&rig, "hi", false).send().await;
        let body = answer.json().await;
        assert_eq!((answer.status, body["error"]["message"].as_str()), (400, Some("too long")), "{surface:?}");
        assert_eq!(surface.errors.check(&body), word(surface.errors, "upstream_refused", "invalid_request_error"));
    }
}

#[tokio::test]
async fn what_is_a_hosts_own_failure_is_told_in_our_words() {
    for surface in ALL {
        let rig = Setup::hosts(1).start().await;
        rig.hosts[0].script(Reply::error(errors::INVALID_API_KEY));
        let mut answer = surface.call(&rig, "hi", false).send().await;
        let told = surface.errors.check(&answer.json().await);
        assert_eq!(
            (answer.status, told.as_str()),
            (502, word(surface.errors, "upstream_auth", "api_error")),
            "{surface:?}"
        );
    }
}

#[tokio::test]
async fn anthropics_own_status_for_overload_stays_on_its_paths() {
    for surface in ALL {
        let rig = Setup::hosts(1).start().await;
        rig.hosts[0].script(Reply::raw("application/json", "{}").status(529));
        let mut answer = surface.call(&rig, "hi", false).send().await;
        let status = if surface.errors == Shape::Anthropic { 529 } else { 502 };
        assert_eq!(answer.status, status, "{surface:?}");
        let told = surface.errors.check(&answer.json().await);
        if surface.errors == Shape::Anthropic {
            assert_eq!(told, "overloaded_error");
        }
    }
}

#[tokio::test]
async fn a_surface_that_no_host_speaks_is_told_with_the_reason() {
    let rig = Setup::hosts(1).fleet(|fleet| fleet.hosts[0].kind = relay_domain::HostKind::OpenAi).start().await;
    let mut answer = MESSAGES.call(&rig, "hi", false).key(OTHER_KEY).send().await;
    let body = answer.json().await;
    assert_eq!((answer.status, Shape::Anthropic.check(&body).as_str()), (503, "api_error"));
    assert!(body["error"]["message"].as_str().is_some_and(|text| text.contains("surface_unsupported")), "{body}");
}

#[tokio::test]
async fn unknown_paths_speak_as_their_neighbors_do() {
    let rig = Setup::hosts(1).start().await;
    for (path, shape) in [
        ("/v1/nothing", Shape::OpenAi),
        ("/v1/messages/batches", Shape::Anthropic),
        ("/v1beta/files", Shape::Google),
        ("/v1/responses/../keys", Shape::OpenAi),
    ] {
        let mut answer = rig.call("POST", path).send().await;
        assert_eq!(answer.status, 404, "{path}");
        shape.check(&answer.json().await);
    }
    let mut socket =
        rig.call("GET", "/v1/responses").header("upgrade", "websocket").header("connection", "upgrade").send().await;
    assert_eq!((socket.status, socket.error_code().await.as_str()), (426, "websocket_unsupported"));
    assert_eq!(rig.calls(), [0]);
}

//! `explain` over the API: a past request in the fleet of then, and requests that nobody has sent.

use std::sync::LazyLock;

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{ADMIN, Server, TWO_HOSTS};

/// The second host's route is a tier below.
static FLEET: LazyLock<String> = LazyLock::new(|| {
    let tiered = TWO_HOSTS.replace("shadow_host_id = \"osaka\"", "shadow_host_id = \"osaka\"\npriority = 2");
    tiered + "[[key]]\nkey_id = \"team-a\"\nsecret = \"rk-team-a-0123456789\"\nlogical_groups = [\"gpt\"]\n"
});

async fn explain(server: &Server, query: &str) -> Value {
    server.get(&format!("/api/v1/explain?{query}")).await.ok()
}

#[tokio::test]
async fn a_past_request_is_planned_again_in_the_fleet_of_then_or_of_another_time() {
    let server = Server::with_fleet(&FLEET).await;
    server.resolve(&json!({})).await.ok();
    server.publish(&FLEET.replace("priority = 2", "priority = 0")).await;
    let explained = server.get("/api/v1/decisions/r-1/explain").await.ok();
    let again = &explained["planned_again"];
    assert_eq!((&again["generation"], &again["same"]), (&json!(1), &json!(true)), "{again:#}");
    assert_eq!(again["route_id"], "gpt-tokyo");
    // Its conversation is bound, so it would stay in the fleet of now.
    assert_eq!((&explained["now"]["generation"], &explained["now"]["route_id"]), (&json!(2), &json!("gpt-tokyo")));
    let other = server.get("/api/v1/decisions/r-1/explain?at_generation=2").await.ok();
    let again = &other["planned_again"];
    assert_eq!((&again["generation"], &again["same"]), (&json!(2), &json!(false)));
    assert_eq!(again["route_id"], "gpt-osaka");
    assert_eq!(
        again["differences"],
        json!(["gpt-tokyo was number 1; it is number 2", "gpt-osaka was number 2; it is number 1"])
    );
    assert!(other["text"].as_str().expect("text").contains("Planned in the fleet of generation 2 it differs"));
    assert_eq!(server.get("/api/v1/decisions/r-1/explain?at_generation=9").await.error().0, 404);
    assert_eq!(server.get("/api/v1/decisions/r-1/explain?at_generation=x").await.error().0, 400);
}

#[tokio::test]
async fn a_customer_is_told_without_names_of_ours() {
    let server = Server::with_fleet(&FLEET).await;
    server.resolve(&json!({})).await.ok();
    let explained = server.get("/api/v1/decisions/r-1/explain").await.ok();
    let text = explained["customer_text"].as_str().expect("text");
    assert_eq!(
        text,
        "Request r-1, received 2026-11-01T12:00:00Z, asked for model gpt-5.\nOnly a route was asked for, and given."
    );
}

#[tokio::test]
async fn a_request_that_nobody_has_sent_is_planned_and_binds_nothing() {
    let server = Server::with_fleet(&FLEET).await;
    let told = explain(&server, "logical_group_id=gpt&public_model=gpt-5&conversation=thread-1").await;
    assert_eq!((&told["route_id"], &told["sticky_action"]), (&json!("gpt-tokyo"), &json!("bind")));
    assert_eq!(told["binding"], Value::Null);
    assert_eq!(told["candidates"][1]["verdict"], "next");
    let bindings = server.get("/api/v1/bindings").await.ok();
    assert_eq!(bindings["items"], json!([]), "nothing is bound");
    assert_eq!(server.get("/api/v1/decisions").await.ok()["items"], json!([]), "nor logged");
    // What has been bound is found by the words that the action used.
    let resolved = server.resolve(&json!({})).await.ok();
    let told = explain(&server, "logical_group_id=gpt&public_model=gpt-5&conversation=thread-1").await;
    assert_eq!(told["sticky_key"], resolved["sticky_key"]);
    assert_eq!((&told["sticky_action"], &told["binding"]["state"]), (&json!("hit"), &json!("counts")));
    assert_eq!(told["binding"]["expires_at"], resolved["expires_at"]);
    insta::assert_snapshot!("hypothetical_text", told["text"].as_str().expect("text"));
    // Another key's conversation of that name is another one.
    let other = explain(&server, "key_id=team-a&public_model=gpt%2Fgpt-5&conversation=thread-1").await;
    assert_ne!(other["sticky_key"], resolved["sticky_key"]);
    assert_eq!((&other["logical_group_id"], &other["public_model"]), (&json!("gpt"), &json!("gpt-5")));
}

#[tokio::test]
async fn what_would_be_refused_says_why() {
    let server = Server::with_fleet(&FLEET).await;
    let error = async |query: &str| {
        let (status, _, message) = server.get(&format!("/api/v1/explain?{query}")).await.error();
        (status, message)
    };
    let not_found = |message: &str| (404, message.to_owned());
    assert_eq!(error("logical_group_id=no&public_model=gpt-5").await, not_found("there is no group \"no\""));
    assert_eq!(
        error("logical_group_id=gpt&public_model=o3").await,
        not_found("group \"gpt\" has no route for model \"o3\"")
    );
    assert_eq!(error("key_id=team-b&public_model=gpt-5").await, not_found("there is no key \"team-b\""));
    for query in ["public_model=gpt-5", "logical_group_id=gpt", "logical_group_id=gpt&public_model=gpt-5&scope=all"] {
        assert_eq!(error(query).await.0, 400, "{query}");
    }
    server.publish(&FLEET.replace("key_id = \"team-a\"", "key_id = \"team-a\"\nenabled = false")).await;
    let told = explain(&server, "key_id=team-a&public_model=gpt-5").await;
    assert_eq!((&told["refused"], &told["route_id"]), (&json!("key_disabled"), &Value::Null));
    let disabled = FLEET.replace(
        "logical_group_id = \"gpt\"\n[[route]]\nroute_id = \"gpt-osaka\"",
        "logical_group_id = \"gpt\"\nenabled = false\n[[route]]\nroute_id = \"gpt-osaka\"",
    );
    server.publish(&disabled).await;
    let told = explain(&server, "key_id=team-a&public_model=gpt-5").await;
    assert_eq!((&told["refused"], &told["route_id"]), (&Value::Null, &Value::Null));
    assert_eq!(told["candidates"][0]["reason"], "the group is disabled");
    assert_eq!(told["customer_text"], "A request for model gpt-5 cannot be served at the moment.");
}

#[tokio::test]
async fn a_fleet_that_is_forgotten_does_not_hide_the_decision() {
    let server = Server::with_fleet(&FLEET).await;
    server.resolve(&json!({})).await.ok();
    server.publish(&FLEET.replace("priority = 2", "priority = 3")).await;
    server.clock.advance(SignedDuration::from_hours(24 * 60));
    let forgotten = relay_store::Store::forget_fleets(&*server.store, server.control.now()).await.expect("forgets");
    assert_eq!(forgotten, 1);
    let explained = server.get("/api/v1/decisions/r-1/explain").await.ok();
    assert_eq!((&explained["planned_again"], &explained["request_id"]), (&Value::Null, &json!("r-1")));
    let answer = server.send(ADMIN, Method::GET, "/api/v1/decisions/r-1/explain?at_generation=1", "").await;
    assert_eq!(answer.error().0, 409);
}

//! A conversation stays where its prompt cache is, for as long as that may serve
//! it (spec §4; field notes 1 to 13).

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use relay_domain::{Fleet, Scope};
use relay_testkit::{Gate, Reply, errors};
use serde_json::{Value, json};

use crate::client::{Call, said};
use crate::rig::{MODEL, OTHER_KEY, Rig, Setup, request};

/// Sends it, and answers (route, sticky action).
async fn routed(rig: &Rig, call: Call) -> (String, String) {
    let mut answer = call.send().await;
    let text = answer.text().await;
    assert_eq!(answer.status, 200, "{text}");
    let decision = rig.decision(&answer.request_id()).await;
    (decision.route_id.expect("has a route"), decision.sticky_action)
}

#[tokio::test]
async fn every_turn_of_a_conversation_goes_to_one_host() {
    let rig = Setup::hosts(3).one_tier().start().await;
    let mut homes = BTreeSet::new();
    for conversation in 0..20 {
        let turn = |number: usize| rig.stream(&format!("turn {number}")).conversation(&format!("c-{conversation}"));
        let (home, action) = routed(&rig, turn(0)).await;
        assert_eq!(action, "bind");
        for number in 1..4 {
            assert_eq!(routed(&rig, turn(number)).await, (home.clone(), "hit".to_owned()));
        }
        homes.insert(home);
    }
    assert_eq!(homes.len(), 3, "conversations spread over the hosts");
    assert_eq!(rig.bound().await.len(), 20);
}

#[tokio::test]
async fn a_conversation_finds_its_host_again_without_its_binding() {
    let rig = Setup::hosts(3).one_tier().start().await;
    for conversation in ["a", "b", "c", "d"] {
        let home = routed(&rig, rig.say("x").conversation(conversation)).await.0;
        rig.bindings_purge().await;
        assert_eq!(routed(&rig, rig.say("y").conversation(conversation)).await, (home, "bind".to_owned()));
    }
}

fn chat(rig: &Rig, messages: &Value, more: &Value) -> Call {
    let mut body = json!({"model": MODEL, "messages": messages});
    for (name, value) in more.as_object().expect("is an object") {
        body[name] = value.clone();
    }
    rig.chat(body.to_string())
}

/// Two requests that share nothing but what names the conversation are one conversation.
async fn check_rung(source: &str, with: impl Fn(&Rig, &str) -> Call) {
    let rig = Setup::hosts(3).one_tier().start().await;
    let mut keys = BTreeSet::new();
    for subject in ["s-1", "s-2", "s-3"] {
        let first = with(&rig, subject).send().await;
        let second = with(&rig, subject).send().await;
        let (first, second) = (rig.decision(&first.request_id()).await, rig.decision(&second.request_id()).await);
        assert_eq!(first.sticky_source.as_deref(), Some(source));
        assert_eq!((first.sticky_action.as_str(), second.sticky_action.as_str()), ("bind", "hit"), "{source}");
        assert_eq!((&first.sticky_key, &first.route_id), (&second.sticky_key, &second.route_id), "{source}");
        assert!(second.sticky_hit && !first.sticky_hit);
        let key = first.sticky_key.expect("has a key");
        assert!(key.len() <= 64 && !key.contains(subject), "{key}");
        keys.insert(key);
    }
    assert_eq!(keys.len(), 3, "{source}: conversations are told apart");
}

#[tokio::test]
async fn each_header_that_names_a_conversation_is_heard() {
    for name in [
        "X-Relay-Conversation",
        "session_id",
        "session-id",
        "conversation_id",
        "Conversation-Id",
        "thread-id",
        "x-session-affinity",
        "x-session-id",
        "x-conversation-id",
        "x-opencode-session",
        "x-claude-code-session-id",
    ] {
        let prompts = std::sync::atomic::AtomicUsize::new(0);
        check_rung(&format!("header:{}", name.to_lowercase()), |rig, subject| {
            let prompt = prompts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            rig.say(&format!("prompt {prompt}")).header(name, subject)
        })
        .await;
    }
}

#[tokio::test]
async fn what_a_body_says_of_its_conversation_is_heard() {
    let prompts = std::sync::atomic::AtomicUsize::new(0);
    let fresh = || {
        let prompt = prompts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        json!([{"role": "user", "content": format!("prompt {prompt}")}])
    };
    check_rung("body:prompt_cache_key", |rig, subject| chat(rig, &fresh(), &json!({"prompt_cache_key": subject})))
        .await;
    check_rung("body:metadata.user_id", |rig, subject| {
        let user_id = format!("user_ab12_account__session_{subject}");
        chat(rig, &fresh(), &json!({"metadata": {"user_id": user_id}}))
    })
    .await;
    check_rung("body:metadata.user_id", |rig, subject| {
        let user_id = json!({"device_id": "d", "session_id": subject}).to_string();
        chat(rig, &fresh(), &json!({"metadata": {"user_id": user_id}}))
    })
    .await;
}

#[tokio::test]
async fn a_conversation_that_nothing_names_is_known_by_how_it_began() {
    let turns = std::sync::atomic::AtomicUsize::new(0);
    check_rung("body:stable_prefix", |rig, subject| {
        let mut messages =
            vec![json!({"role": "system", "content": "be brief"}), json!({"role": "user", "content": subject})];
        for turn in 0..turns.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            messages.push(json!({"role": "assistant", "content": format!("answer {turn}")}));
            messages.push(json!({"role": "user", "content": format!("more {turn}")}));
        }
        chat(rig, &messages.into(), &json!({"temperature": turns.load(std::sync::atomic::Ordering::Relaxed)}))
    })
    .await;
}

#[tokio::test]
async fn a_cache_mark_that_moves_with_every_turn_keeps_the_conversation() {
    let rig = Setup::hosts(2).one_tier().start().await;
    let text = |text: &str| json!([{"type": "text", "text": text}]);
    let marked = |text: &str| json!([{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]);
    let system = |content: &Value| json!({"role": "system", "content": content});
    let user = |content: &Value| json!({"role": "user", "content": content});
    let answer = json!({"role": "assistant", "content": "yes"});
    let turns = [
        json!([system(&marked("be brief")), user(&marked("hello"))]),
        json!([system(&marked("be brief")), user(&text("hello")), answer, user(&marked("more"))]),
        json!([
            system(&text("be brief")),
            user(&json!("hello")),
            answer,
            user(&text("more")),
            answer,
            user(&marked("end"))
        ]),
    ];
    let mut keys = BTreeSet::new();
    for messages in &turns {
        let answer = chat(&rig, messages, &json!({})).send().await;
        keys.insert(rig.decision(&answer.request_id()).await.sticky_key);
    }
    assert_eq!(keys.len(), 1);
    let other = chat(&rig, &json!([system(&text("be brief")), user(&marked("hullo"))]), &json!({})).send().await;
    keys.insert(rig.decision(&other.request_id()).await.sticky_key);
    assert_eq!(keys.len(), 2, "what was said still counts");
}

#[tokio::test]
async fn a_request_that_nothing_names_is_on_its_own() {
    let rig = Setup::hosts(1).start().await;
    let answer = chat(&rig, &json!([{"role": "system", "content": "all clients share this"}]), &json!({})).send().await;
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!((decision.sticky_key, decision.sticky_source, decision.sticky_action.as_str()), (None, None, "none"));
    assert_eq!(rig.bound().await, []);
}

#[tokio::test]
async fn consumers_do_not_share_conversations() {
    let rig = Setup::hosts(2).start().await;
    let turn = || rig.say("x").conversation("the same");
    routed(&rig, turn()).await;
    rig.hosts[0].script(Reply::empty(500));
    assert_eq!(routed(&rig, turn().key(OTHER_KEY)).await, ("route-2".into(), "bind".into()));
    assert_eq!(routed(&rig, turn()).await, ("route-1".into(), "hit".into()));
    let bound = rig.bound().await;
    let consumers: BTreeSet<_> = bound.iter().map(|entry| (entry.consumer.clone(), entry.key)).collect();
    assert_eq!((bound.len(), consumers.len()), (2, 2));
}

#[tokio::test]
async fn models_do_not_share_conversations() {
    let rig = Setup::hosts(1)
        .fleet(|fleet| fleet.routes[0].public_model = relay_domain::ModelPattern::parse("gpt-*").unwrap())
        .start()
        .await;
    routed(&rig, rig.say("x").conversation("c")).await;
    let other = rig.chat(request("x", false).replace(MODEL, "gpt-4")).conversation("c");
    assert_eq!(routed(&rig, other).await.1, "bind");
    assert_eq!(rig.bound().await.len(), 2);
}

/// A conversation bound to route 1 meets a new generation.
async fn after_publishing(edit: impl FnOnce(&mut Fleet)) -> (Rig, (String, String)) {
    let mut rig = Setup::hosts(2).start().await;
    let turn = |rig: &Rig| rig.say("x").conversation("c");
    assert_eq!(routed(&rig, turn(&rig)).await, ("route-1".into(), "bind".into()));
    rig.publish(edit);
    let second = routed(&rig, turn(&rig)).await;
    (rig, second)
}

#[tokio::test]
async fn a_conversation_moves_once_when_its_route_is_gone() {
    let edits: [fn(&mut Fleet); 4] = [
        |fleet| drop(fleet.routes.remove(0)),
        |fleet| fleet.routes[0].enabled = false,
        |fleet| fleet.hosts[0].enabled = false,
        |fleet| fleet.hosts[0].gateway_key = None,
    ];
    for edit in edits {
        let (rig, second) = after_publishing(edit).await;
        assert_eq!(second, ("route-2".into(), "rebind".into()));
        assert_eq!(routed(&rig, rig.say("x").conversation("c")).await, ("route-2".into(), "hit".into()));
        assert_eq!(rig.calls(), [1, 2]);
    }
}

#[tokio::test]
async fn a_route_that_was_pointed_at_another_host_is_not_what_was_bound() {
    let (rig, second) = after_publishing(|fleet| fleet.routes[0].host = fleet.hosts[1].id.clone()).await;
    assert_eq!(second, ("route-1".into(), "rebind".into()));
    assert_eq!(rig.calls(), [1, 1]);
}

#[tokio::test]
async fn unrelated_changes_move_nobody() {
    let (_, second) = after_publishing(|fleet| {
        fleet.routes[1].weight = 7;
        fleet.routes[0].weight = 1;
        fleet.keys[1].enabled = false;
    })
    .await;
    assert_eq!(second, ("route-1".into(), "hit".into()));
}

#[tokio::test]
async fn a_drained_route_keeps_its_conversations_and_takes_no_new_ones() {
    let (rig, second) = after_publishing(|fleet| fleet.routes[0].weight = 0).await;
    assert_eq!(second, ("route-1".into(), "hit".into()));
    for conversation in ["new", "newer"] {
        assert_eq!(routed(&rig, rig.say("x").conversation(conversation)).await, ("route-2".into(), "bind".into()));
    }
    assert_eq!(routed(&rig, rig.say("x").conversation("c")).await, ("route-1".into(), "hit".into()));
}

#[tokio::test]
async fn a_new_generation_does_not_disturb_what_is_in_flight() {
    let mut rig = Setup::hosts(2).start().await;
    let gate = Gate::new();
    rig.hosts[0].script(Reply::chat("one two three").hold_after(2, &gate));
    let mut answer = rig.stream("x").conversation("c").send().await;
    answer.until("one").await;
    rig.publish(|fleet| {
        fleet.hosts.remove(0);
        fleet.routes.remove(0);
        fleet.keys.remove(0);
    });
    let later = rig.say("y").key(OTHER_KEY).send().await;
    assert_eq!(rig.decision(&later.request_id()).await.generation, 2);
    assert_eq!(rig.gateway.generation(), 2);
    gate.open();
    assert_eq!(said(&answer.text().await), "one two three");
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!((decision.generation, decision.verdict.as_str()), (1, "complete"));
    assert_eq!(decision.route_id.as_deref(), Some("route-1"));
}

#[tokio::test]
async fn failing_over_keeps_the_generation_a_request_began_with() {
    let mut rig = Setup::hosts(2).start().await;
    let gate = Gate::new();
    rig.hosts[0].script(Reply::empty(500).hold(&gate));
    let answering = rig.say("x").spawn();
    gate.reached().await;
    rig.publish(|fleet| drop(fleet.routes.drain(..)));
    gate.open();
    let answer = answering.await.expect("answers");
    assert_eq!(answer.status, 200);
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!((decision.generation, decision.route_id.as_deref()), (1, Some("route-2")));
}

#[tokio::test]
async fn without_stickiness_requests_spread_by_weight() {
    let rig = Setup::hosts(2)
        .one_tier()
        .scope(Scope::None)
        .fleet(|fleet| (fleet.routes[0].weight, fleet.routes[1].weight) = (75, 25))
        .start()
        .await;
    let mut connection = rig.connect().await;
    for _ in 0..400 {
        connection.call(rig.say("the same").conversation("c")).await.text().await;
    }
    let calls = rig.calls();
    // Expected 300, with a standard deviation below 9.
    assert!((240..=360).contains(&calls[0]), "{calls:?}");
    assert_eq!(rig.bound().await, []);
}

#[tokio::test]
async fn a_user_stays_whatever_the_conversation() {
    let rig = Setup::hosts(3).one_tier().scope(Scope::User).start().await;
    let (home, action) = routed(&rig, rig.say("a").conversation("c-1")).await;
    assert_eq!(action, "bind");
    for conversation in ["c-2", "c-3"] {
        assert_eq!(routed(&rig, rig.say(conversation).conversation(conversation)).await, (home.clone(), "hit".into()));
    }
    assert_eq!(rig.bound().await.len(), 1);
}

#[tokio::test]
async fn parallel_first_requests_decide_once() {
    let rig = Setup::hosts(2).options(|options| options.retry_percent = 100).start().await;
    let gate = Gate::new();
    // The first host turns half of them away, so that they succeed on different hosts.
    for number in 0..8 {
        let reply = if number % 2 == 0 { Reply::empty(500) } else { Reply::echo() };
        rig.hosts[0].script(reply.hold(&gate));
    }
    let first: Vec<_> = (0..8).map(|number| rig.say(&format!("{number}")).conversation("c").spawn()).collect();
    gate.reached_by(8).await;
    gate.open();
    for answering in first {
        assert_eq!(answering.await.expect("answers").status, 200);
    }
    assert_eq!(rig.calls(), [8, 4]);
    let home = rig.bound_route().await;
    for _ in 0..3 {
        assert_eq!(routed(&rig, rig.say("later").conversation("c")).await, (home.clone(), "hit".into()));
    }
}

#[tokio::test]
async fn a_binding_lives_with_its_use_and_ends_without() {
    let rig = Setup::hosts(2).start().await;
    let turn = || rig.say("x").conversation("c");
    routed(&rig, turn()).await;
    for _ in 0..6 {
        rig.clock.advance(SignedDuration::from_mins(40));
        assert_eq!(routed(&rig, turn()).await.1, "hit");
    }
    rig.clock.advance(SignedDuration::from_mins(61));
    assert_eq!(routed(&rig, turn()).await.1, "bind");
}

#[tokio::test]
async fn a_moved_conversation_returns_when_it_has_been_idle() {
    let rig = Setup::hosts(2).start().await;
    let turn = || rig.say("x").conversation("c");
    rig.hosts[0].script(Reply::empty(500));
    assert_eq!(routed(&rig, turn()).await, ("route-2".into(), "bind".into()));
    for _ in 0..3 {
        rig.clock.advance(SignedDuration::from_mins(9));
        assert_eq!(routed(&rig, turn()).await, ("route-2".into(), "hit".into()), "its cache is warm");
    }
    rig.clock.advance(SignedDuration::from_mins(11));
    assert_eq!(routed(&rig, turn()).await, ("route-1".into(), "bind".into()));
}

#[tokio::test]
async fn a_bound_route_that_is_busy_is_borrowed_around_and_one_that_cools_down_is_left() {
    let rig = Setup::hosts(2).start().await;
    let turn = || rig.say("x").conversation("c");
    routed(&rig, turn()).await;
    rig.hosts[0].script(Reply::error(errors::USER_CONCURRENCY));
    assert_eq!(routed(&rig, turn()).await, ("route-2".into(), "borrow".into()));
    assert_eq!(rig.bound_route().await, "route-1");
    rig.break_route("route-1");
    assert_eq!(routed(&rig, turn()).await, ("route-2".into(), "rebind".into()));
    assert_eq!(rig.bound_route().await, "route-2");
}

#[tokio::test]
async fn a_client_that_was_refused_has_bound_nothing() {
    let rig = Setup::hosts(1).start().await;
    rig.hosts[0].script(Reply::error(errors::CONTEXT_LENGTH_EXCEEDED));
    assert_eq!(rig.say("x").conversation("c").send().await.status, 400);
    rig.hosts[0].script(Reply::stream().error_in_band(errors::UPSTREAM_FAILED));
    assert_eq!(rig.stream("x").conversation("c").send().await.status, 502);
    assert_eq!(rig.bound().await, []);
}

#[tokio::test]
async fn bindings_are_for_as_long_as_the_group_says() {
    let ttl = Duration::from_mins(5);
    let rig = Setup::hosts(1).fleet(move |fleet| fleet.groups[0].sticky.ttl = ttl).start().await;
    routed(&rig, rig.say("x").conversation("c")).await;
    let binding = &rig.bound().await[0].binding;
    assert_eq!(binding.expires_at.duration_since(binding.bound_at), SignedDuration::from_mins(5));
}

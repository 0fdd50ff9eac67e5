//! What a consumer key may do, and until when.

use jiff::SignedDuration;
use relay_domain::key::parse_ip_range;
use relay_domain::{ModelPattern, PreviousSecret};

use crate::rig::{KEY, OTHER_KEY, Setup, consumer, request};

#[tokio::test]
async fn both_secrets_are_good_until_the_rotation_is_over() {
    let mut rig = Setup::hosts(1).start().await;
    let until = relay_domain::Clock::now(&*rig.clock) + SignedDuration::from_hours(1);
    rig.publish(|fleet| {
        fleet.keys[0].previous = Some(PreviousSecret { hash: fleet.keys[0].hash, until });
        fleet.keys[0].hash = consumer("x", "rk-new-secret").hash;
    });
    for secret in [KEY, "rk-new-secret"] {
        let answer = rig.say("hello").key(secret).send().await;
        assert_eq!(answer.status, 200);
        assert_eq!(rig.decision(&answer.request_id()).await.consumer.as_deref(), Some("team-a"));
    }
    rig.clock.advance(SignedDuration::from_hours(1));
    let mut old = rig.say("hello").send().await;
    assert_eq!((old.status, old.error_code().await), (401, "invalid_api_key".to_owned()));
    assert_eq!(rig.say("hello").key("rk-new-secret").send().await.status, 200);
}

#[tokio::test]
async fn a_key_is_refused_from_addresses_that_are_not_on_its_list() {
    let mut rig = Setup::hosts(1).start().await;
    rig.publish(|fleet| fleet.keys[0].allowed_ips = vec![parse_ip_range("10.0.0.0/8").expect("is a range")]);
    let mut refused = rig.say("hello").header("x-forwarded-for", "10.0.0.1").send().await;
    assert_eq!((refused.status, refused.error_code().await), (403, "address_not_allowed".to_owned()));
    assert_eq!(rig.call("GET", "/v1/models").send().await.status, 403);
    assert_eq!(rig.say("hello").key(OTHER_KEY).send().await.status, 200);
    rig.publish(|fleet| fleet.keys[0].allowed_ips = vec![parse_ip_range("127.0.0.1").expect("is an address")]);
    assert_eq!(rig.say("hello").send().await.status, 200);
}

#[tokio::test]
async fn models_that_are_not_on_its_list_do_not_exist_for_a_key() {
    let mut rig = Setup::hosts(1).start().await;
    rig.publish(|fleet| fleet.keys[0].models = vec![ModelPattern::parse("o3*").expect("is a pattern")]);
    for body in [request("hello", false), request("hello", false).replace("gpt-5", "gpt/gpt-5")] {
        let mut refused = rig.chat(body).send().await;
        assert_eq!((refused.status, refused.error_code().await), (404, "model_not_found".to_owned()));
    }
    assert_eq!(rig.call("GET", "/v1/models").send().await.json().await["data"], serde_json::json!([]));
    assert_eq!(rig.call("GET", "/v1/models/gpt-5").send().await.status, 404);
    assert_eq!(rig.say("hello").key(OTHER_KEY).send().await.status, 200);
}

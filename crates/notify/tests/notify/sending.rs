//! From the outbox to a service, over HTTP.

use std::time::Duration;

use relay_notify::channels::Outcome;
use relay_notify::{Event, Kind, Phase, Raise as _, Severity, pace, signature};
use relay_store::notification::DeliveryState;
use relay_testkit::{FakeHost, Gate, Reply};
use serde_json::{Value, json};

use crate::support::Rig;

const PATH: &str = "/robot/send";

fn answer(body: &Value) -> Reply {
    Reply::json(body)
}

fn well() -> Reply {
    answer(&json!({"errcode": 0, "errmsg": "ok"}))
}

fn busy() -> Reply {
    answer(&json!({"errcode": 130_101, "errmsg": "send too fast, exceed 20 times per minute"}))
}

fn dingtalk(service: &FakeHost) -> Value {
    let url = format!("{}{PATH}?access_token=canary-token", service.base_url());
    json!({"type": "dingtalk", "url": url, "secret": "SEC-canary", "allow_private": true})
}

async fn rig(service: &FakeHost) -> Rig {
    let rig = Rig::new().await;
    rig.channel("ops", dingtalk(service)).await;
    rig
}

#[tokio::test]
async fn a_message_arrives_signed_for_the_moment_it_is_sent() {
    let service = FakeHost::start().await;
    service.script_path(PATH, well());
    let rig = rig(&service).await;
    rig.down().await;
    rig.pass(5);
    assert_eq!(rig.send().await, 1);
    let request = service.next_request().await;
    let timestamp = rig.now().as_millisecond();
    let query: Vec<_> = url_pairs(request.query().unwrap());
    let sign = signature::dingtalk(timestamp, "SEC-canary");
    let expected = [("access_token", "canary-token"), ("timestamp", &timestamp.to_string()), ("sign", &sign)];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(request.header("content-type"), Some("application/json; charset=utf-8"));
    let text = request.json()["text"]["content"].as_str().unwrap().to_owned();
    assert!(text.starts_with("[CRITICAL] Host is down: tokyo-1\nSince: 2026-11-26 12:00:00 +00:00\n"), "{text}");
    assert_eq!(rig.log().await, "firing/delivered/1");
    assert_eq!(rig.send().await, 0, "it is sent once");
}

fn url_pairs(query: &str) -> Vec<(String, String)> {
    let url = url::Url::parse(&format!("http://x/?{query}")).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

#[tokio::test]
async fn a_busy_service_is_asked_again_later_and_later() {
    let service = FakeHost::start().await;
    for reply in [busy(), Reply::json(&json!({})).status(502), well()] {
        service.script_path(PATH, reply);
    }
    let rig = rig(&service).await;
    rig.down().await;
    assert_eq!((rig.send().await, rig.send().await), (1, 0), "not before the wait is over");
    let waiting = &rig.deliveries().await[0];
    assert_eq!(waiting.last_error.as_deref(), Some("code 130101: send too fast, exceed 20 times per minute"));
    for (wait, state) in [(10, "firing/pending/2"), (20, "firing/delivered/3")] {
        rig.pass(wait - 1);
        assert_eq!(rig.send().await, 0);
        rig.pass(1);
        assert_eq!(rig.send().await, 1);
        assert_eq!(rig.log().await, state);
    }
    assert_eq!(rig.deliveries().await[0].last_error, None);
}

#[tokio::test]
async fn what_will_never_be_taken_is_given_up_at_once_and_says_why() {
    let service = FakeHost::start().await;
    service.script_path(PATH, answer(&json!({"errcode": 310_000, "errmsg": "sign not match for SEC-canary"})));
    let rig = rig(&service).await;
    rig.down().await;
    rig.send().await;
    let failed = &rig.deliveries().await[0];
    assert_eq!(failed.state, DeliveryState::Failed);
    assert_eq!(failed.last_error.as_deref(), Some("code 310000: sign not match for …"), "without the secret");
}

#[tokio::test]
async fn a_service_that_is_down_for_long_is_given_up() {
    let service = FakeHost::start().await;
    let rig = rig(&service).await;
    service.kill().await;
    rig.down().await;
    let mut attempts = 0;
    for _ in 0..40 {
        attempts += rig.send().await;
        rig.pass(3600);
    }
    assert_eq!(attempts, 13);
    let failed = &rig.deliveries().await[0];
    assert_eq!(failed.state, DeliveryState::Failed);
    assert!(failed.last_error.as_deref().unwrap().starts_with("given up after 13 attempts: "), "{failed:?}");
}

#[tokio::test]
async fn a_channel_that_hangs_keeps_no_other_waiting() {
    let (hanging, well_host) = (FakeHost::start().await, FakeHost::start().await);
    hanging.script_path(PATH, Reply::silence());
    well_host.script_path(PATH, well());
    let rig = Rig::with_time_limit(Duration::from_secs(2)).await;
    rig.channel("a-hanging", dingtalk(&hanging)).await;
    rig.channel("b-well", dingtalk(&well_host)).await;
    rig.down().await;
    let (sent, arrived) = tokio::join!(rig.send(), async {
        hanging.wait_in_flight(1).await;
        well_host.next_request().await;
        hanging.in_flight()
    });
    assert_eq!((sent, arrived), (2, 1), "the one arrived while the other hung");
    let states: Vec<_> = rig.deliveries().await.iter().map(|one| one.state).collect();
    assert_eq!(states, [DeliveryState::Pending, DeliveryState::Delivered]);
    assert_eq!(rig.deliveries().await[0].last_error.as_deref(), Some("no answer within 2 s"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (service, elsewhere) = (FakeHost::start().await, FakeHost::start().await);
    service.script_path(PATH, Reply::redirect(307, &format!("{}{PATH}", elsewhere.base_url())));
    let rig = rig(&service).await;
    rig.down().await;
    rig.send().await;
    assert!(elsewhere.received().is_empty());
    let failed = &rig.deliveries().await[0];
    assert_eq!(failed.last_error.as_deref(), Some("HTTP 307: redirects are not followed"));
}

#[tokio::test]
async fn a_private_address_is_not_connected_to_unless_the_channel_says_so() {
    let service = FakeHost::start().await;
    let rig = Rig::new().await;
    let port = service.address().port();
    // TLS is never begun: the address is refused before anything is sent.
    for (id, host) in [("literal", "127.0.0.1"), ("mapped", "[::ffff:127.0.0.1]"), ("name", "localhost")] {
        rig.channel(id, json!({"type": "wecom", "url": format!("https://{host}:{port}{PATH}?key=k")})).await;
    }
    rig.down().await;
    rig.send().await;
    for failed in rig.deliveries().await {
        let reason = "the address is private; set allow_private = true on the channel to allow it";
        assert_eq!(failed.last_error.as_deref(), Some(reason), "{}", failed.message.channel);
        assert_eq!(failed.state, DeliveryState::Failed);
    }
    assert_eq!(service.connections_accepted(), 0);
}

#[tokio::test]
async fn tls_is_verified() {
    let service = FakeHost::start().await;
    let rig = Rig::new().await;
    let url = format!("https://{}{PATH}", service.address());
    rig.channel("ops", json!({"type": "wecom", "url": url, "allow_private": true})).await;
    rig.down().await;
    rig.send().await;
    assert_eq!(rig.log().await, "firing/pending/1");
    assert!(service.received().is_empty());
}

#[tokio::test]
async fn the_webhooks_receiver_can_prove_who_sent_it() {
    let service = FakeHost::start().await;
    service.script_path("/hook", Reply::empty(204));
    let rig = Rig::new().await;
    let url = format!("{}/hook", service.base_url());
    rig.channel("ops", json!({"type": "webhook", "url": url, "secret": "whsec-1", "allow_private": true})).await;
    rig.raise(Kind::PanicMode, Phase::Firing, Severity::Critical).await;
    rig.send().await;
    let request = service.next_request().await;
    let expected = signature::webhook(rig.now().as_second(), &request.body, "whsec-1");
    assert_eq!(request.header("x-relay-signature"), Some(expected.as_str()));
    assert_eq!(request.header("x-relay-delivery"), Some("1"));
    assert_eq!(request.json()["kind"], "panic_mode");
    assert_eq!(rig.log().await, "firing/delivered/1");
}

#[tokio::test]
async fn a_test_says_at_once_what_the_service_says_and_is_logged() {
    let service = FakeHost::start().await;
    let rig = rig(&service).await;
    for (reply, outcome, logged) in [
        (well(), Outcome::Delivered, "test/delivered/1"),
        (busy(), Outcome::retry("code 130101: send too fast, exceed 20 times per minute"), "test/failed/1"),
    ] {
        service.script_path(PATH, reply);
        let tested = rig.sender.test("ops").await.unwrap().unwrap();
        assert_eq!(tested.outcome, outcome);
        let last = rig.deliveries().await.pop().unwrap();
        assert_eq!(last.id, tested.delivery_id);
        assert!(rig.log().await.ends_with(logged));
    }
    assert_eq!(rig.send().await, 0, "a test is not tried again");
    assert_eq!(rig.sender.test("nowhere").await.unwrap(), None);
}

/// Raises so many incidents in the same moment.
async fn burst(rig: &Rig, count: usize) {
    burst_of(rig, 0..count).await;
}

async fn burst_of(rig: &Rig, hosts: std::ops::Range<usize>) {
    for host in hosts {
        let (since, at) = (rig.now(), rig.now());
        let severity = if host == 3 { Severity::Critical } else { Severity::Warning };
        let (subject, facts) = (format!("host-{host}"), serde_json::Map::new());
        let event = Event { kind: Kind::HostDown, phase: Phase::Firing, severity, subject, facts, since, at };
        rig.notifier.raise(event).await.unwrap();
    }
}

#[tokio::test]
async fn many_at_once_are_one_message_to_people_and_fail_and_arrive_together() {
    let service = FakeHost::start().await;
    for reply in [busy(), well()] {
        service.script_path(PATH, reply);
    }
    let rig = rig(&service).await;
    burst(&rig, 6).await;
    assert_eq!(rig.send().await, 1);
    assert_eq!(rig.log().await, ["firing/pending/1"; 6].join(" "));
    rig.pass(10);
    assert_eq!(rig.send().await, 1);
    assert_eq!(rig.log().await, ["firing/delivered/2"; 6].join(" "));
    service.next_request().await;
    let text = service.next_request().await.json()["text"]["content"].as_str().unwrap().to_owned();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["[CRITICAL] 6 events at once", "[CRITICAL] Host is down: host-3"], "the gravest first");
    assert_eq!(lines.iter().filter(|line| line.contains("Host is down: ")).count(), 6, "{text}");
}

#[tokio::test]
async fn a_few_at_once_and_whatever_a_program_reads_are_told_one_by_one() {
    let service = FakeHost::start().await;
    for reply in std::iter::repeat_n(well(), 4).chain(std::iter::repeat_n(Reply::empty(204), 6)) {
        service.script_path(PATH, reply);
    }
    let few = rig(&service).await;
    burst(&few, 4).await;
    assert_eq!(few.send().await, 4);
    let program = Rig::new().await;
    let url = format!("{}{PATH}", service.base_url());
    program.channel("hook", json!({"type": "webhook", "url": url, "secret": "whsec-1", "allow_private": true})).await;
    burst(&program, 6).await;
    assert_eq!(program.send().await, 6);
}

#[tokio::test]
async fn a_robot_is_sent_no_more_than_it_takes_in_a_minute_and_what_had_to_wait_is_told_as_one() {
    let service = FakeHost::start().await;
    for _ in 0..=pace::MOST {
        service.script_path(PATH, well());
    }
    let rig = rig(&service).await;
    let mut sent = Vec::new();
    for round in 0..8 {
        burst_of(&rig, round * 4..round * 4 + 4).await;
        sent.push(rig.send().await);
        rig.pass(2);
    }
    assert_eq!(sent, [4, 4, 4, 4, 4, 0, 0, 0], "a few each round, until the minute has had its twenty");
    assert_eq!(rig.deliveries().await.iter().filter(|one| one.state == DeliveryState::Pending).count(), 12);
    rig.pass(48);
    assert_eq!(rig.send().await, 0);
    rig.pass(1);
    assert_eq!(rig.send().await, 1, "the first of them are a minute ago, with a margin");
    let mut requests = Vec::new();
    for _ in 0..=pace::MOST {
        requests.push(service.next_request().await);
    }
    let text = requests.pop().unwrap().json()["text"]["content"].as_str().unwrap().to_owned();
    assert!(text.starts_with("[WARNING] 12 events at once\n") && text.contains("host-31"), "{text}");
    assert_eq!(rig.log().await, ["firing/delivered/1"; 32].join(" "));
}

#[tokio::test]
async fn what_had_to_wait_is_told_as_one_however_few_it_is() {
    let service = FakeHost::start().await;
    let rig = rig(&service).await;
    use_up(&rig, &service).await;
    burst(&rig, 2).await;
    assert_eq!(rig.send().await, 0);
    rig.pass(65);
    for reply in [well(), busy(), well(), well(), well()] {
        service.script_path(PATH, reply);
    }
    rig.sender.test("ops").await.unwrap();
    assert_eq!(rig.send().await, 1, "whoever tests meanwhile");
    rig.pass(10);
    assert_eq!(rig.send().await, 1, "and is tried again as one");
    burst_of(&rig, 2..4).await;
    assert_eq!(rig.send().await, 2, "nothing waited now");
    assert!(rig.deliveries().await.iter().all(|one| one.state == DeliveryState::Delivered));
}

#[tokio::test]
async fn a_message_counts_from_its_answer() {
    let service = FakeHost::start().await;
    let rig = rig(&service).await;
    let gate = Gate::new();
    for reply in std::iter::once(well().hold(&gate)).chain(std::iter::repeat_n(well(), pace::MOST)) {
        service.script_path(PATH, reply);
    }
    rig.down().await;
    let slow = async {
        gate.reached().await;
        rig.pass(9);
        gate.open();
    };
    assert_eq!(tokio::join!(rig.send(), slow).0, 1);
    for _ in 1..pace::MOST {
        assert_eq!(rig.sender.test("ops").await.unwrap().unwrap().outcome, Outcome::Delivered);
    }
    burst(&rig, 1).await;
    rig.pass(64);
    assert_eq!(rig.send().await, 0, "73 s after the sending, 64 after the answer");
    rig.pass(1);
    assert_eq!(rig.send().await, 1);
}

#[tokio::test]
async fn a_test_is_refused_to_a_channel_that_was_sent_enough() {
    let service = FakeHost::start().await;
    let rig = rig(&service).await;
    use_up(&rig, &service).await;
    let tested = rig.sender.test("ops").await.unwrap().unwrap();
    let Outcome::Refused { reason } = tested.outcome else { panic!("it was sent: {:?}", tested.outcome) };
    assert!(reason.starts_with("not sent: ") && reason.contains(&format!(" {} messages ", pace::MOST)), "{reason}");
    assert!(rig.log().await.ends_with("test/failed/1"));
    rig.pass(65);
    service.script_path(PATH, well());
    assert_eq!(rig.sender.test("ops").await.unwrap().unwrap().outcome, Outcome::Delivered);
}

/// Sends the channel `ops` as much as it takes in a minute.
async fn use_up(rig: &Rig, service: &FakeHost) {
    for _ in 0..pace::MOST {
        service.script_path(PATH, well());
        assert_eq!(rig.sender.test("ops").await.unwrap().unwrap().outcome, Outcome::Delivered);
    }
}

#[tokio::test]
async fn a_channel_with_many_that_wait_holds_up_no_other() {
    let (service, program) = (FakeHost::start().await, FakeHost::start().await);
    let rig = rig(&service).await;
    use_up(&rig, &service).await;
    burst(&rig, 120).await;
    rig.pass(1);
    let url = format!("{}{PATH}", program.base_url());
    rig.channel("hook", json!({"type": "webhook", "url": url, "secret": "whsec-1", "allow_private": true})).await;
    program.script_path(PATH, Reply::empty(204));
    rig.raise(Kind::PanicMode, Phase::Firing, Severity::Critical).await;
    assert_eq!(rig.send().await, 1, "the webhook's, and none of the 121 that wait");
    assert_eq!(program.next_request().await.json()["kind"], "panic_mode");
}

#[tokio::test]
async fn a_programs_webhook_does_not_wait() {
    let service = FakeHost::start().await;
    for _ in 0..30 {
        service.script_path(PATH, Reply::empty(204));
    }
    let rig = Rig::new().await;
    let url = format!("{}{PATH}", service.base_url());
    rig.channel("hook", json!({"type": "webhook", "url": url, "secret": "whsec-1", "allow_private": true})).await;
    burst(&rig, 30).await;
    assert_eq!(rig.send().await, 30);
}

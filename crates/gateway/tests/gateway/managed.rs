//! Routes with `credential = "managed"`: whose key is sent, what is waited for, and what a refused key leads to (spec §9).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use relay_domain::{BaseUrl, HostId, Scope, Secret, Timestamp};
use relay_hosts::managed::{
    GatewaySaid, Lookup, ManagedKey, ManagedKeys, Obtaining, Refused, Unobtainable, Wanted, Why,
};
use relay_testkit::{FakeHost, Reply, errors};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::rig::{MODEL, Rig, Setup, host_key};

const USER: &str = "team-a@relay.example";

/// Keys by host: what a look-up finds now, and what obtaining one comes to.
#[derive(Default)]
struct Scripted {
    hosts: Mutex<HashMap<String, Host>>,
    told: Mutex<Vec<String>>,
}

struct Host {
    now: Lookup,
    then: Result<Arc<ManagedKey>, Unobtainable>,
    /// Obtaining takes until it opens.
    gate: Gate,
}

/// Closed until it is opened.
#[derive(Clone)]
struct Gate(Arc<Semaphore>);

impl Gate {
    fn open(&self) {
        self.0.close();
    }

    async fn wait(&self) {
        let _ = self.0.acquire().await;
    }
}

impl Scripted {
    fn host(&self, index: usize, now: Lookup, then: Result<Arc<ManagedKey>, Unobtainable>) -> Gate {
        let gate = Gate(Arc::new(Semaphore::new(0)));
        let host = Host { now, then, gate: gate.clone() };
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("host-{}", index + 1), host);
        gate
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tell(&self, what: String) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }
}

impl ManagedKeys for Scripted {
    fn look_up(&self, wanted: Wanted<'_>, _: Timestamp) -> Lookup {
        assert_eq!((wanted.user, wanted.group), (USER, "7"));
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts[wanted.host.as_str()].now.clone()
    }

    fn obtain<'a>(&'a self, wanted: Wanted<'a>, limit: Duration) -> Obtaining<'a> {
        self.tell(format!("obtain {}", wanted.host));
        let (gate, then) = {
            let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            let host = &hosts[wanted.host.as_str()];
            (host.gate.clone(), host.then.clone())
        };
        Box::pin(async move {
            match tokio::time::timeout(limit, gate.wait()).await {
                Ok(()) => then,
                Err(_) => Err(Unobtainable::NotInTime),
            }
        })
    }

    fn report(&self, key: &ManagedKey, said: GatewaySaid, _: Timestamp) {
        self.tell(format!("{said:?} {}", key.host));
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get_mut(key.host.as_str()) {
            host.now = Lookup::Cold;
            host.gate.open();
        }
    }
}

fn key(index: usize) -> Arc<ManagedKey> {
    issue(index, 1, &host_key(index))
}

fn issue(index: usize, generation: u32, secret: &str) -> Arc<ManagedKey> {
    let host = HostId::new(&format!("host-{}", index + 1)).expect("is an id");
    let key = ManagedKey::new(host, USER.into(), 7, generation, 41, Secret::new(secret));
    Arc::new(key.expect("can be sent"))
}

fn refused(why: Why, until: Option<Timestamp>) -> Refused {
    Refused { why, until }
}

async fn rig(hosts: usize, keys: &Arc<Scripted>) -> Rig {
    let keys = Arc::clone(keys) as Arc<dyn ManagedKeys>;
    Setup::hosts(hosts).scope(Scope::None).managed(keys).start().await
}

#[tokio::test]
async fn a_key_that_is_there_is_sent_and_named_in_the_record() {
    let keys = Arc::new(Scripted::default());
    keys.host(0, Lookup::Ready(key(0)), Ok(key(0)));
    let rig = rig(1, &keys).await;
    for stream in [false, true] {
        let mut answer = rig.chat(crate::rig::request("x", stream)).send().await;
        let text = answer.text().await;
        assert_eq!(answer.status, 200, "{text}");
        let decision = rig.decision(&answer.request_id()).await;
        assert_eq!(decision.key_source.as_deref(), Some("managed"));
        assert_eq!(decision.key_fingerprint.as_deref(), Some(&*key(0).fingerprint));
    }
    assert!(keys.told().is_empty(), "nobody is asked: {:?}", keys.told());
    let sent: Vec<_> = rig.hosts[0].received().iter().map(|request| request.bearer().map(str::to_owned)).collect();
    assert_eq!(sent, [Some(host_key(0)), Some(host_key(0))]);
    assert!(rig.log_bytes().iter().all(|(_, bytes)| !String::from_utf8_lossy(bytes).contains(&host_key(0))));
}

#[tokio::test]
async fn a_key_that_is_not_there_yet_is_waited_for() {
    let keys = Arc::new(Scripted::default());
    let gate = keys.host(0, Lookup::Cold, Ok(key(0)));
    let rig = rig(1, &keys).await;
    let (mut answer, ()) = tokio::join!(rig.say("x").send(), async {
        while keys.told().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(rig.calls(), [0]);
        gate.open();
    });
    let text = answer.text().await;
    assert_eq!(answer.status, 200, "{text}");
    assert_eq!((rig.calls(), keys.told()), (vec![1], vec!["obtain host-1".to_owned()]));
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!(decision.attempts.len(), 1, "waiting is no attempt");
}

#[tokio::test]
async fn a_route_whose_key_cannot_be_had_is_left_for_the_next() {
    let unobtainable = [Unobtainable::NotInTime, Unobtainable::Refused(refused(Why::Key, None))];
    for (now, obtained) in [
        (Lookup::Cold, vec![("route-1", Some("managed_key_unavailable")), ("route-2", None)]),
        (Lookup::Refused(refused(Why::Barrier, None)), vec![("route-2", None)]),
    ] {
        for then in unobtainable {
            let keys = Arc::new(Scripted::default());
            keys.host(0, now.clone(), Err(then)).open();
            keys.host(1, Lookup::Ready(key(1)), Ok(key(1)));
            let rig = rig(2, &keys).await;
            let mut answer = rig.say("x").send().await;
            assert!(answer.text().await.contains("host-2"));
            assert_eq!(rig.calls(), [0, 1]);
            let decision = rig.decision(&answer.request_id()).await;
            let attempts: Vec<_> =
                decision.attempts.iter().map(|it| (it.route_id.as_str(), it.class.as_deref())).collect();
            assert_eq!(attempts, obtained);
        }
    }
}

#[tokio::test]
async fn a_wait_has_its_limit() {
    let keys = Arc::new(Scripted::default());
    keys.host(0, Lookup::Cold, Ok(key(0)));
    keys.host(1, Lookup::Ready(key(1)), Ok(key(1)));
    let managed = Arc::clone(&keys) as Arc<dyn ManagedKeys>;
    let setup = Setup::hosts(2).scope(Scope::None).managed(managed);
    let rig = setup.options(|options| options.managed_wait = Duration::from_millis(30)).start().await;
    assert!(rig.say("x").send().await.text().await.contains("host-2"));
}

#[tokio::test]
async fn without_any_key_the_client_is_told_when_to_come_back() {
    let keys = Arc::new(Scripted::default());
    let rig = rig(2, &keys).await;
    let soon: Timestamp = "2026-11-23T08:00:30Z".parse().expect("is a time");
    keys.host(0, Lookup::Refused(refused(Why::Host, Some(soon))), Ok(key(0)));
    keys.host(1, Lookup::Cold, Err(Unobtainable::Refused(refused(Why::Key, None)))).open();
    let mut answer = rig.say("x").send().await;
    let text = answer.text().await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("30")), "{text}");
    assert!(text.contains("no_eligible_route") && text.contains("credential_unusable"), "{text}");
    assert!(!text.contains("host-1") && !text.contains(USER), "{text}");
    assert_eq!(rig.calls(), [0, 0]);
}

#[tokio::test]
async fn a_consumer_without_a_subscription_user_has_no_managed_key() {
    let keys = Arc::new(Scripted::default());
    let setup = Setup::hosts(1).managed(Arc::clone(&keys) as Arc<dyn ManagedKeys>);
    let rig = setup.fleet(|fleet| fleet.keys[0].subscription_user = None).start().await;
    let mut answer = rig.say("x").send().await;
    let text = answer.text().await;
    assert_eq!(answer.status, 503, "{text}");
    assert!(keys.told().is_empty());
    let decision = rig.decision(&answer.request_id()).await;
    let reason = decision.candidates[0].reason.as_deref();
    assert_eq!(reason, Some("the consumer key has no subscription_user"));
}

#[tokio::test]
async fn a_refused_key_is_reported_while_the_next_route_serves() {
    let keys = Arc::new(Scripted::default());
    keys.host(0, Lookup::Ready(key(0)), Ok(key(0)));
    keys.host(1, Lookup::Ready(key(1)), Ok(key(1)));
    let rig = rig(2, &keys).await;
    rig.hosts[0].script(Reply::error(errors::INVALID_API_KEY));
    assert!(rig.say("x").send().await.text().await.contains("host-2"));
    assert_eq!(keys.told(), ["Refused host-1"]);
    assert!(rig.route_health("route-1").credentials.is_empty(), "whoever keeps the key decides, not health");
}

#[tokio::test]
async fn a_refused_key_is_obtained_anew_when_nothing_else_serves() {
    let good = host_key(0);
    for (old, error) in [("sk-canary-dead", None), (good.as_str(), Some(errors::SUBSCRIPTION_NOT_FOUND))] {
        let keys = Arc::new(Scripted::default());
        let new = host_key(0);
        keys.host(0, Lookup::Ready(issue(0, 1, old)), Ok(issue(0, 2, &new)));
        let rig = rig(1, &keys).await;
        if let Some(error) = error {
            rig.hosts[0].script(Reply::error(error));
        }
        let mut answer = rig.say("x").send().await;
        let text = answer.text().await;
        assert_eq!(answer.status, 200, "{text}");
        assert_eq!(keys.told(), ["Refused host-1", "obtain host-1"]);
        let decision = rig.decision(&answer.request_id()).await;
        let classes: Vec<_> = decision.attempts.iter().map(|it| it.class.as_deref()).collect();
        assert_eq!(classes, [Some("gateway_auth_error"), None]);
        assert_eq!(decision.key_fingerprint.as_deref(), Some(&*issue(0, 2, &new).fingerprint));
    }
}

#[tokio::test]
async fn a_key_that_stays_refused_is_tried_no_third_time() {
    let keys = Arc::new(Scripted::default());
    keys.host(0, Lookup::Ready(key(0)), Ok(key(0)));
    let rig = rig(1, &keys).await;
    rig.hosts[0].default_reply(Reply::error(errors::SUBSCRIPTION_NOT_FOUND));
    let mut answer = rig.say("x").send().await;
    let text = answer.text().await;
    assert_eq!(answer.status, 502, "{text}");
    assert!(text.contains("upstream_auth"), "{text}");
    assert_eq!(rig.calls(), [2]);
    assert_eq!(keys.told(), ["Refused host-1", "obtain host-1", "Refused host-1"]);
}

/// Puts a host that takes these keys in the place of one.
async fn takes(rig: &mut Rig, index: usize, keys: &[&str]) {
    let host = FakeHost::builder().name(&format!("host-{}", index + 1));
    rig.hosts[index] = keys.iter().fold(host, |host, key| host.key(key)).start().await;
    let base_url = BaseUrl::parse(&rig.hosts[index].base_url()).expect("is a URL");
    rig.publish(|fleet| fleet.hosts[index].base_url = base_url);
}

#[tokio::test]
async fn a_relayed_refusal_shows_neither_the_managed_key_nor_the_shared_one() {
    let sent = "sk-canary-managed-0123456789";
    let keys = Arc::new(Scripted::default());
    let managed = issue(0, 1, sent);
    keys.host(0, Lookup::Ready(Arc::clone(&managed)), Ok(managed));
    let mut rig = rig(1, &keys).await;
    takes(&mut rig, 0, &[sent]).await;
    let text = format!("{sent} and {} may not do this", host_key(0));
    for body in [json!({"error": {"message": text, "type": "invalid_request_error"}}), json!({"detail": text})] {
        rig.hosts[0].script(Reply::json(&body).status(400));
        let mut answer = rig.say("x").send().await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json().await["error"]["message"], "(key) and (key) may not do this");
        let sent_to_host = rig.hosts[0].received().last().and_then(|it| it.bearer().map(str::to_owned));
        assert_eq!(sent_to_host.as_deref(), Some(sent));
    }
}

#[tokio::test]
async fn a_response_is_continued_after_its_key_was_exchanged_but_by_no_other_user() {
    let keys = Arc::new(Scripted::default());
    for index in 0..2 {
        keys.host(index, Lookup::Ready(key(index)), Ok(key(index)));
    }
    let managed = Arc::clone(&keys) as Arc<dyn ManagedKeys>;
    let mut rig = Setup::hosts(2).forgiving().scope(Scope::None).managed(managed).start().await;
    takes(&mut rig, 1, &[&host_key(1), "sk-canary-second-issue"]).await;
    rig.hosts[0].script(Reply::raw("text/plain", "down").status(503));
    let post = |body: String| rig.call("POST", "/v1/responses").body(body);
    let made = post(format!(r#"{{"model":"{MODEL}","input":"hi"}}"#)).send().await.text().await;
    let start = made.find("resp_").expect("names the response");
    let id = made[start..].split('"').next().expect("has an end").to_owned();
    let go_on = || post(format!(r#"{{"model":"{MODEL}","input":"go on","previous_response_id":"{id}"}}"#));

    let exchanged = issue(1, 2, "sk-canary-second-issue");
    keys.host(1, Lookup::Ready(Arc::clone(&exchanged)), Ok(exchanged));
    let sent = || rig.hosts[1].received().last().and_then(|it| it.bearer().map(str::to_owned));
    rig.hosts[1].default_reply(Reply::raw("application/json", r#"{"error":{"message":"no","type":"x"}}"#).status(400));
    assert_eq!(go_on().send().await.status, 400, "it gets there");
    assert_eq!((rig.calls(), sent().as_deref()), (vec![1, 2], Some("sk-canary-second-issue")));

    let host = HostId::new("host-2").expect("is an id");
    let other = ManagedKey::new(host, USER.into(), 7, 3, 42, Secret::new("sk-canary-other-user")).expect("can be sent");
    keys.host(1, Lookup::Ready(Arc::new(other)), Err(Unobtainable::NotInTime));
    let mut answer = go_on().send().await;
    assert_eq!((answer.status, answer.error_code().await.as_str()), (400, "previous_response_not_found"));
    assert_eq!(rig.calls(), [1, 2]);
}

#[tokio::test]
async fn a_used_up_quota_is_reported_with_its_end() {
    let keys = Arc::new(Scripted::default());
    keys.host(0, Lookup::Ready(key(0)), Ok(key(0)));
    let rig = rig(1, &keys).await;
    rig.hosts[0].default_reply(Reply::error(errors::DAILY_LIMIT_EXCEEDED));
    assert_eq!(rig.say("x").send().await.status, 503);
    assert_eq!(keys.told(), ["QuotaExhausted { until: None } host-1"]);
}

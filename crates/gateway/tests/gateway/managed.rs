//! Routes with `credential = "managed"`: whose key is sent, what is waited for, and what a refused key leads to (spec §9).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use relay_domain::{HostId, Scope, Secret, Timestamp};
use relay_hosts::managed::{
    GatewaySaid, Lookup, ManagedKey, ManagedKeys, Obtaining, Refused, Unobtainable, Wanted, Why,
};
use relay_testkit::{Reply, errors};
use tokio::sync::Semaphore;

use crate::rig::{Rig, Setup, host_key};

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

#[tokio::test]
async fn a_used_up_quota_is_reported_with_its_end() {
    let keys = Arc::new(Scripted::default());
    keys.host(0, Lookup::Ready(key(0)), Ok(key(0)));
    let rig = rig(1, &keys).await;
    rig.hosts[0].default_reply(Reply::error(errors::DAILY_LIMIT_EXCEEDED));
    assert_eq!(rig.say("x").send().await.status, 503);
    assert_eq!(keys.told(), ["QuotaExhausted { until: None } host-1"]);
}

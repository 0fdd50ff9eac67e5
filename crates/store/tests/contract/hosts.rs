//! Promises about what is known of hosts, and about events.

use relay_store::{
    CapabilityRecord, Event, EventFilter, EventStore, HostObject, HostResult, HostStore, Observation,
    ObservationFilter, Severity,
};
use serde_json::{Value, json};

use crate::Engine;
use crate::fixture::{at, host_id};

pub(crate) async fn the_last_probe_of_a_host_is_kept<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let record = |seconds, ops: &str| CapabilityRecord {
        host: host_id("a"),
        probed_at: at(seconds),
        document: json!({ "ops": ops }),
    };
    assert_eq!(store.capabilities(&host_id("a")).await.unwrap(), None);
    store.put_capabilities(&record(1, "no")).await.unwrap();
    store.put_capabilities(&record(2, "yes")).await.unwrap();
    assert_eq!(store.capabilities(&host_id("a")).await.unwrap(), Some(record(2, "yes")));
}

fn object(kind: &str, name: &str, seconds: i64, misses: u32) -> HostObject {
    HostObject {
        kind: kind.into(),
        name: name.into(),
        document: json!({ "seen": seconds }),
        first_at: at(seconds),
        observed_at: at(seconds),
        misses,
    }
}

pub(crate) async fn objects_of_a_host_keep_when_they_were_first_seen<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let (a, b) = (host_id("a"), host_id("b"));
    store.put_host_objects(&a, &[object("model", "7/gpt-5", 1, 0), object("group", "7", 1, 0)]).await.unwrap();
    store.put_host_objects(&a, &[object("group", "7", 5, 2)]).await.unwrap();
    let found = store.host_objects(&a).await.unwrap();
    let group = HostObject { first_at: at(1), ..object("group", "7", 5, 2) };
    assert_eq!(found, [group, object("model", "7/gpt-5", 1, 0)]);
    assert!(store.host_objects(&b).await.unwrap().is_empty());
    assert!(store.forget_host_object(&a, "group", "7").await.unwrap());
    assert!(!store.forget_host_object(&a, "group", "7").await.unwrap());
    assert_eq!(store.host_objects(&a).await.unwrap().len(), 1);
}

pub(crate) async fn the_last_result_of_each_kind_of_work_on_a_host_is_kept<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let result = |work: &str, seconds: i64| HostResult {
        host: host_id("a"),
        work: work.into(),
        at: at(seconds),
        actor: "olga".into(),
        document: json!({ "seen": seconds }),
    };
    for (work, seconds) in [("sync", 1), ("probe", 2), ("sync", 4), ("sync", 3)] {
        store.put_host_result(&result(work, seconds)).await.unwrap();
    }
    drop(store);
    let store = database.open().await;
    let kept = store.host_results(&host_id("a")).await.unwrap();
    assert_eq!(kept, [result("probe", 2), result("sync", 4)], "of two that overlapped the one that ended last");
    assert!(store.host_results(&host_id("b")).await.unwrap().is_empty());
}

fn seen(subject: &str, seconds: i64, value: Value) -> Observation {
    Observation {
        id: 0,
        at: at(seconds),
        host: host_id("a"),
        kind: "multiplier".into(),
        subject: subject.into(),
        value,
    }
}

pub(crate) async fn an_observation_is_added_when_it_differs_and_told_with_the_one_before<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let first = store.observe(&[seen("7", 1, json!(1.0)), seen("8", 1, json!(2.0))]).await.unwrap();
    assert!(first.len() == 2 && first.iter().all(|(_, before)| before.is_none()));
    assert!(store.observe(&[seen("7", 2, json!(1.0))]).await.unwrap().is_empty());
    let changed = store.observe(&[seen("7", 3, json!(1.5)), seen("8", 3, json!(2.0))]).await.unwrap();
    let [(now, Some(before))] = &changed[..] else { panic!("one change: {changed:?}") };
    assert_eq!((&now.value, now.at, &before.value, before.at), (&json!(1.5), at(3), &json!(1.0), at(1)));
    // Back to what it was once is a change again.
    assert_eq!(store.observe(&[seen("7", 4, json!(1.0))]).await.unwrap().len(), 1);
    let of_seven = ObservationFilter { subject: Some("7".into()), ..ObservationFilter::default() };
    let page = store.observations(&of_seven, None, 2).await.unwrap();
    assert_eq!(page.iter().map(|seen| seen.value.clone()).collect::<Vec<_>>(), [json!(1.0), json!(1.5)]);
    let rest = store.observations(&of_seven, Some(page[1].id), 2).await.unwrap();
    assert_eq!(rest.iter().map(|seen| seen.at).collect::<Vec<_>>(), [at(1)]);
}

pub(crate) async fn events_are_listed_newest_first_by_kind_host_and_gravity<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let event = |kind: &str, severity, host: Option<&str>| Event {
        id: 0,
        at: at(1),
        kind: kind.into(),
        severity,
        host: host.map(host_id),
        subject: "7".into(),
        message: "m".into(),
        details: json!({"from": 1}),
    };
    let events = [
        event("price_change", Severity::Info, Some("a")),
        event("low_balance", Severity::Warning, Some("a")),
        event("low_balance", Severity::Critical, Some("b")),
        event("other", Severity::Warning, None),
    ];
    store.record_events(&events).await.unwrap();
    let list = async |filter: EventFilter, before| {
        let found = store.events(&filter, before, 3).await.unwrap();
        let last = found.last().map(|event| event.id);
        (found.into_iter().map(|event| (event.kind, event.severity)).collect::<Vec<_>>(), last)
    };
    let (page, last) = list(EventFilter::default(), None).await;
    assert_eq!(page[0], ("other".to_owned(), Severity::Warning));
    assert_eq!(list(EventFilter::default(), last).await.0, [("price_change".to_owned(), Severity::Info)]);
    let grave = EventFilter { severity: Some(Severity::Warning), host: Some(host_id("a")), ..EventFilter::default() };
    assert_eq!(list(grave, None).await.0, [("low_balance".to_owned(), Severity::Warning)]);
    let of_kind = EventFilter { kind: Some("low_balance".into()), ..EventFilter::default() };
    assert_eq!(list(of_kind, None).await.0.len(), 2);
}

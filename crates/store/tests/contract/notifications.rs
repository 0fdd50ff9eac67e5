//! Promises about channels, incidents and the outbox of notifications.

use relay_domain::Secret;
use relay_store::NotificationStore;
use relay_store::notification::{
    AttemptEnd, Delivery, DeliveryFilter, DeliveryState, Incident, IncidentChange, IncidentKey, NewDelivery,
    NotificationChannel,
};
use serde_json::json;

use crate::Engine;
use crate::fixture::at;

const CANARY: &str = "SEC-canary-dingtalk-51aa";

fn channel(id: &str) -> NotificationChannel {
    NotificationChannel {
        id: id.into(),
        kind: "dingtalk".into(),
        enabled: true,
        settings: json!({ "language": "zh-CN", "events": ["host_down"] }),
        secrets: [("secret".to_owned(), Secret::new(CANARY))].into(),
        created_at: at(0),
        updated_at: at(0),
    }
}

fn key(channel: &str, subject: &str) -> IncidentKey {
    IncidentKey { channel: channel.into(), kind: "host_down".into(), subject: subject.into() }
}

fn message(channel: &str, subject: &str, seconds: i64) -> NewDelivery {
    NewDelivery {
        channel: channel.into(),
        kind: "host_down".into(),
        subject: subject.into(),
        phase: "firing".into(),
        event: json!({ "at": seconds }),
        created_at: at(seconds),
        next_at: at(seconds),
    }
}

fn told(channel: &str, subject: &str, seconds: i64) -> IncidentChange {
    let key = key(channel, subject);
    let incident = Incident {
        key: key.clone(),
        since: at(seconds),
        told_at: at(seconds),
        severity: "critical".into(),
        digest: "d".into(),
    };
    IncidentChange { key, incident: Some(incident), delivery: Some(message(channel, subject, seconds)) }
}

fn end(state: DeliveryState, seconds: i64, next: i64) -> AttemptEnd {
    let error = (state != DeliveryState::Delivered).then(|| "the service is busy".to_owned());
    AttemptEnd { state, at: at(seconds), next_at: at(next), error }
}

fn subjects(deliveries: &[Delivery]) -> String {
    let words: Vec<_> = deliveries.iter().map(|one| format!("{}:{}", one.message.subject, one.state)).collect();
    words.join(" ")
}

async fn log(store: &impl NotificationStore) -> String {
    subjects(&store.deliveries(&DeliveryFilter::default(), None, 100).await.unwrap())
}

pub(crate) async fn a_channel_is_kept_with_its_secrets_and_never_twice<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    assert!(store.add_notification_channel(&channel("b")).await.unwrap());
    assert!(store.add_notification_channel(&channel("a")).await.unwrap());
    let other = NotificationChannel { enabled: false, ..channel("a") };
    assert!(!store.add_notification_channel(&other).await.unwrap(), "the id is taken");
    database.close(store).await;
    let store = database.open().await;
    assert_eq!(store.notification_channels().await.unwrap(), [channel("a"), channel("b")]);
    assert_eq!(store.notification_channel("a").await.unwrap(), Some(channel("a")));
    assert_eq!(store.notification_channel("c").await.unwrap(), None);
}

pub(crate) async fn an_updated_channel_keeps_its_id_type_and_date<E: Engine>() {
    let store = E::new();
    let store = store.open().await;
    store.add_notification_channel(&channel("a")).await.unwrap();
    let changed = NotificationChannel {
        kind: "feishu".into(),
        enabled: false,
        settings: json!({}),
        secrets: [("url".to_owned(), Secret::new("https://x"))].into(),
        created_at: at(5),
        updated_at: at(5),
        ..channel("a")
    };
    assert!(store.update_notification_channel(&changed).await.unwrap());
    let expected = NotificationChannel { kind: "dingtalk".into(), created_at: at(0), ..changed.clone() };
    assert_eq!(store.notification_channel("a").await.unwrap(), Some(expected));
    let missing = NotificationChannel { id: "b".into(), ..changed };
    assert!(!store.update_notification_channel(&missing).await.unwrap());
}

pub(crate) async fn a_channels_secrets_are_not_readable_at_rest<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.add_notification_channel(&channel("ops-canary-id")).await.unwrap();
    database.close(store).await;
    let bytes = database.bytes_at_rest().await;
    let find = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(find("ops-canary-id"), "the search finds what is there");
    assert!(!find(CANARY));
}

pub(crate) async fn of_an_incident_the_latest_message_alone_is_sent<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.add_notification_channel(&channel("a")).await.unwrap();
    for subject in ["tokyo", "osaka"] {
        store.change_incident(&told("a", subject, 1), at(1)).await.unwrap();
    }
    store.change_incident(&told("a", "tokyo", 2), at(2)).await.unwrap();
    assert_eq!(log(&store).await, "tokyo:pending osaka:pending tokyo:superseded");
    let incident = store.incident(&key("a", "tokyo")).await.unwrap().unwrap();
    assert_eq!((incident.since, incident.told_at), (at(2), at(2)));
    assert_eq!(store.incidents().await.unwrap().len(), 2);
}

pub(crate) async fn a_forgotten_incident_is_gone_and_its_message_withdrawn<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.add_notification_channel(&channel("a")).await.unwrap();
    store.change_incident(&told("a", "tokyo", 1), at(1)).await.unwrap();
    let forget = IncidentChange { key: key("a", "tokyo"), incident: None, delivery: None };
    store.change_incident(&forget, at(2)).await.unwrap();
    assert_eq!(store.incident(&key("a", "tokyo")).await.unwrap(), None);
    assert_eq!(store.due_deliveries(at(9), 10).await.unwrap(), []);
    let log = store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap();
    assert_eq!((log[0].state, log[0].finished_at), (DeliveryState::Superseded, Some(at(2))));
}

pub(crate) async fn nothing_is_kept_for_a_channel_that_is_gone<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.add_notification_channel(&channel("a")).await.unwrap();
    store.change_incident(&told("a", "tokyo", 1), at(1)).await.unwrap();
    assert!(store.remove_notification_channel("a", at(2)).await.unwrap());
    assert!(!store.remove_notification_channel("a", at(2)).await.unwrap());
    store.change_incident(&told("a", "osaka", 3), at(3)).await.unwrap();
    assert_eq!(store.incidents().await.unwrap(), []);
    assert_eq!(log(&store).await, "tokyo:superseded", "the log stays, and nothing is added to it");
    store.add_notification_channel(&channel("a")).await.unwrap();
    assert_eq!(store.due_deliveries(at(9), 10).await.unwrap(), [], "a new channel of that name starts afresh");
}

pub(crate) async fn messages_are_due_in_their_order_and_until_they_end<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.add_notification_channel(&channel("a")).await.unwrap();
    for (subject, seconds) in [("late", 30), ("second", 20), ("first", 10)] {
        store.change_incident(&told("a", subject, seconds), at(0)).await.unwrap();
    }
    let due = async |seconds| subjects(&store.due_deliveries(at(seconds), 10).await.unwrap());
    assert_eq!(due(9).await, "");
    assert_eq!(due(20).await, "first:pending second:pending");
    let found = store.due_deliveries(at(20), 10).await.unwrap();
    assert_eq!(store.due_deliveries(at(20), 1).await.unwrap().len(), 1);
    store.end_attempt(found[0].id, &end(DeliveryState::Pending, 20, 40)).await.unwrap();
    store.end_attempt(found[1].id, &end(DeliveryState::Delivered, 20, 20)).await.unwrap();
    assert_eq!(due(39).await, "late:pending");
    store.end_attempt(found[0].id, &end(DeliveryState::Failed, 40, 40)).await.unwrap();
    let log = store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap();
    let [first, second] = [&log[0], &log[1]];
    assert_eq!((first.attempts, first.state, first.finished_at), (2, DeliveryState::Failed, Some(at(40))));
    assert_eq!(first.last_error.as_deref(), Some("the service is busy"));
    assert_eq!((second.attempts, second.state, &second.last_error), (1, DeliveryState::Delivered, &None));
}

pub(crate) async fn a_channel_with_many_messages_hides_no_others<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    for id in ["a", "b"] {
        store.add_notification_channel(&channel(id)).await.unwrap();
    }
    for (id, subject, seconds) in [("a", "1", 1), ("a", "3", 3), ("a", "2", 2), ("b", "4", 4), ("b", "late", 9)] {
        store.change_incident(&told(id, subject, seconds), at(0)).await.unwrap();
    }
    let due = async |of_each| subjects(&store.due_deliveries(at(5), of_each).await.unwrap());
    assert_eq!(due(2).await, "1:pending 2:pending 4:pending", "the longest due of each");
    assert_eq!(due(3).await, "1:pending 2:pending 3:pending 4:pending");
}

pub(crate) async fn a_message_superseded_on_its_way_is_not_sent_again<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.add_notification_channel(&channel("a")).await.unwrap();
    for (subject, result, expected) in [
        ("refused", DeliveryState::Pending, "refused:superseded"),
        ("taken", DeliveryState::Delivered, "taken:delivered"),
    ] {
        store.change_incident(&told("a", subject, 1), at(1)).await.unwrap();
        let on_its_way = store.due_deliveries(at(1), 10).await.unwrap().remove(0);
        let forget = IncidentChange { key: key("a", subject), incident: None, delivery: None };
        store.change_incident(&forget, at(2)).await.unwrap();
        store.end_attempt(on_its_way.id, &end(result, 3, 3)).await.unwrap();
        assert!(log(&store).await.starts_with(expected), "{expected}");
    }
    assert_eq!(store.due_deliveries(at(99), 10).await.unwrap(), []);
}

pub(crate) async fn the_log_is_filtered_and_paged_newest_first<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    for (channel, subject) in [("a", "1"), ("b", "2"), ("a", "3")] {
        let id = store.record_delivery(&message(channel, subject, 1), &end(DeliveryState::Delivered, 2, 2)).await;
        assert!(id.unwrap() > 0);
    }
    store.record_delivery(&message("a", "4", 1), &end(DeliveryState::Failed, 2, 2)).await.unwrap();
    let list = async |filter: DeliveryFilter, before, limit| {
        subjects(&store.deliveries(&filter, before, limit).await.unwrap())
    };
    let of_a = DeliveryFilter { channel: Some("a".into()), ..DeliveryFilter::default() };
    assert_eq!(list(of_a.clone(), None, 2).await, "4:failed 3:delivered");
    let last = store.deliveries(&of_a, None, 2).await.unwrap().last().map(|one| one.id);
    assert_eq!(list(of_a, last, 2).await, "1:delivered");
    let failed = DeliveryFilter { state: Some(DeliveryState::Failed), ..DeliveryFilter::default() };
    assert_eq!(list(failed, None, 9).await, "4:failed");
    let other = DeliveryFilter { kind: Some("panic_mode".into()), ..DeliveryFilter::default() };
    assert_eq!(list(other, None, 9).await, "");
}

pub(crate) async fn only_what_was_finished_is_forgotten<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.add_notification_channel(&channel("a")).await.unwrap();
    store.record_delivery(&message("a", "old", 1), &end(DeliveryState::Delivered, 10, 10)).await.unwrap();
    store.record_delivery(&message("a", "young", 1), &end(DeliveryState::Delivered, 20, 20)).await.unwrap();
    store.change_incident(&told("a", "pending", 1), at(1)).await.unwrap();
    assert_eq!(store.forget_deliveries(at(15)).await.unwrap(), 1);
    assert_eq!(log(&store).await, "pending:pending young:delivered");
}

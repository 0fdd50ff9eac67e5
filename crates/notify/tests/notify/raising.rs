//! What an event leaves in the outbox.

use relay_notify::{Kind, Phase, Severity};
use relay_store::NotificationStore as _;
use serde_json::json;

use crate::support::Rig;

fn wecom() -> serde_json::Value {
    json!({"type": "wecom", "url": "https://qyapi.example/cgi-bin/webhook/send?key=canary"})
}

#[tokio::test]
async fn each_channel_that_subscribed_is_told_once() {
    let rig = Rig::new().await;
    rig.channel("all", wecom()).await;
    rig.channel("drift", json!({"type": "bark", "device_key": "k", "events": ["drift"]})).await;
    rig.channel("off", json!({"type": "bark", "device_key": "k", "enabled": false})).await;
    for _ in 0..3 {
        rig.down().await;
    }
    let told = rig.deliveries().await;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].message.channel.as_str(), told[0].message.next_at), ("all", rig.now()));
}

#[tokio::test]
async fn the_end_is_told_with_the_beginning_that_was_told() {
    let rig = Rig::new().await;
    rig.channel("ops", wecom()).await;
    let began = rig.now();
    rig.down().await;
    rig.pass(90);
    rig.up().await;
    let told = rig.deliveries().await;
    assert_eq!(told[1].message.event["since"], json!(began));
    assert_eq!(told[1].message.event["at"], json!(rig.now()));
    rig.up().await;
    assert_eq!(rig.deliveries().await.len(), 2, "it ends once");
}

#[tokio::test]
async fn an_end_overtakes_the_beginning_that_could_not_be_sent() {
    let rig = Rig::new().await;
    rig.channel("ops", wecom()).await;
    rig.down().await;
    rig.pass(60);
    rig.up().await;
    assert_eq!(rig.log().await, "firing/superseded/0 recovered/pending/0");
}

#[tokio::test]
async fn what_begins_and_ends_in_quiet_hours_leaves_nothing_to_send() {
    let rig = Rig::new().await;
    let quiet = json!({"type": "bark", "device_key": "k", "quiet_hours": {"from": "11:00", "to": "13:00"}});
    rig.channel("ops", quiet).await;
    rig.raise(Kind::Drift, Phase::Firing, Severity::Warning).await;
    assert_eq!(rig.deliveries().await[0].message.next_at, "2026-11-26T13:00:00Z".parse().unwrap());
    rig.pass(60);
    rig.raise(Kind::Drift, Phase::Recovered, Severity::Warning).await;
    assert_eq!(rig.log().await, "firing/superseded/0");
    rig.pass(7200);
    assert_eq!(rig.send().await, 0);
}

#[tokio::test]
async fn a_channel_that_is_switched_off_keeps_no_open_incident() {
    let rig = Rig::new().await;
    rig.channel("ops", wecom()).await;
    rig.down().await;
    let mut channel = rig.store.notification_channel("ops").await.unwrap().unwrap();
    channel.enabled = false;
    rig.store.update_notification_channel(&channel).await.unwrap();
    rig.pass(1);
    rig.up().await;
    assert_eq!(rig.store.incidents().await.unwrap(), []);
    assert_eq!(rig.log().await, "firing/superseded/0");
}

#[tokio::test]
async fn of_many_that_notice_the_same_at_once_one_is_heard() {
    let rig = Rig::new().await;
    rig.channel("ops", wecom()).await;
    futures_util::future::join_all((0..20).map(|_| rig.down())).await;
    assert_eq!(rig.log().await, "firing/pending/0");
}

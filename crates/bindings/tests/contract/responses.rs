//! Promises about who made a response.

use relay_bindings::{BindingFilter, ResponseOwner};
use relay_domain::{HostId, RouteId};

use crate::Engine;
use crate::fixture::{at, consumer};

pub(crate) fn owner(host: &str, now: i64) -> ResponseOwner {
    ResponseOwner::new(HostId::new(host).unwrap(), RouteId::new("a").unwrap(), "host_key".into(), at(now))
}

pub(crate) async fn a_response_is_known_to_its_consumer_for_an_hour<E: Engine>() {
    let store = E::open(10);
    let (ours, theirs) = (consumer("team-a"), consumer("team-b"));
    store.record_response_owner(&ours, "resp_1", owner("tokyo-1", 0)).await;
    assert_eq!(store.response_owner(&ours, "resp_1", at(3_599)).await, Some(owner("tokyo-1", 0)));
    assert_eq!(store.response_owner(&theirs, "resp_1", at(0)).await, None);
    assert_eq!(store.response_owner(&ours, "resp_2", at(0)).await, None);
    assert_eq!(store.response_owner(&ours, "resp_1", at(3_600)).await, None);
}

pub(crate) async fn a_newer_owner_replaces_the_older<E: Engine>() {
    let store = E::open(10);
    let consumer = consumer("team-a");
    store.record_response_owner(&consumer, "resp_1", owner("tokyo-1", 0)).await;
    store.record_response_owner(&consumer, "resp_1", owner("osaka-1", 9)).await;
    assert_eq!(store.response_owner(&consumer, "resp_1", at(9)).await, Some(owner("osaka-1", 9)));
}

pub(crate) async fn a_purge_of_bindings_keeps_response_owners<E: Engine>() {
    let store = E::open(10);
    let consumer = consumer("team-a");
    store.record_response_owner(&consumer, "resp_1", owner("tokyo-1", 0)).await;
    store.purge(&BindingFilter::default()).await;
    assert!(store.response_owner(&consumer, "resp_1", at(0)).await.is_some());
}

pub(crate) async fn response_owners_are_bounded<E: Engine>() {
    let store = E::open(3);
    let consumer = consumer("team-a");
    for n in 0..4 {
        store.record_response_owner(&consumer, &format!("resp_{n}"), owner("tokyo-1", 0)).await;
    }
    assert_eq!(store.response_owner(&consumer, "resp_0", at(0)).await, None);
    assert!(store.response_owner(&consumer, "resp_3", at(0)).await.is_some());
}

//! Promises about managed access.

use std::collections::BTreeSet;

use relay_domain::Secret;
use relay_store::{
    AccessChange, AccessKey, AccessStore, AccessUser, Grant, GrantFilter, GrantName, GrantState, KeyState, Problem,
    ResourceKind, Step, Store, UsageRecord, Want,
};
use serde_json::json;

use crate::Engine;
use crate::fixture::{at, host_id};

fn name(host: &str, user: &str, group_id: i64) -> GrantName {
    GrantName { host: host_id(host), user: user.into(), group_id }
}

fn change(grant: &Grant) -> AccessChange<'_> {
    AccessChange { grant, keys: &[], resources: &[] }
}

fn key(generation: u32, state: KeyState) -> AccessKey {
    AccessKey {
        generation,
        state,
        made: true,
        remote_id: Some(70 + i64::from(generation)),
        secret: Some(Secret::new(&format!("sk-canary-issue-{generation}"))),
        fingerprint: format!("sha256:{generation}").into(),
        begun_at: at(1),
        retire_at: None,
    }
}

pub(crate) async fn every_field_of_a_grant_survives<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let mut full = Grant {
        state: GrantState::Refused,
        step: Step::Extension,
        base_url: "https://a.example".into(),
        user_id: Some(4),
        subscription_id: Some(5),
        subscription_made: true,
        expires_at: Some(at(100)),
        extending_from: Some(at(90)),
        generation: 3,
        wanted_generation: 4,
        leaked: true,
        failures: 2,
        problem: Some(Problem { code: "user".into(), message: "m".into(), remedy: "r".into() }),
        due_at: Some(at(7)),
        updated_at: at(6),
        ..Grant::new(name("a", "u@x", 7), at(1))
    };
    let written = store.change_access(change(&full)).await.unwrap();
    full.id = written.id;
    assert_eq!(written, full);
    database.close(store).await;
    let store = database.open().await;
    assert_eq!(store.grant(&full.name).await.unwrap(), Some(full.clone()));
    assert_eq!(store.grant(&name("a", "u@x", 8)).await.unwrap(), None);
    let bare = Grant::new(name("b", "u@x", 7), at(1));
    let bare = Grant { id: store.change_access(change(&bare)).await.unwrap().id, ..bare };
    assert_eq!(store.grants(&GrantFilter::default(), None, 9).await.unwrap(), [full.clone(), bare.clone()]);
    assert_eq!(store.grants(&GrantFilter::default(), Some(full.id), 9).await.unwrap(), [bare]);
    let refused = GrantFilter { state: Some(GrantState::Refused), ..GrantFilter::default() };
    assert_eq!(store.grants(&refused, None, 9).await.unwrap(), [full]);
}

pub(crate) async fn grants_are_asked_for_once_and_revived_only_on_demand<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let names = [name("a", "u1", 7), name("a", "u2", 7)];
    assert_eq!(store.ask_for_grants(&names, false, at(1)).await.unwrap(), 2);
    assert_eq!(store.ask_for_grants(&names, false, at(2)).await.unwrap(), 0);
    let asked = store.grant(&names[0]).await.unwrap().unwrap();
    assert_eq!(asked, Grant { id: asked.id, ..Grant::new(names[0].clone(), at(1)) });
    let gone = Grant { want: Want::Revoked, state: GrantState::Revoked, due_at: None, ..asked };
    store.ask_for_revocation(&GrantFilter { user: Some("u1".into()), ..GrantFilter::default() }, at(3)).await.unwrap();
    store.change_access(change(&gone)).await.unwrap();
    assert_eq!(store.ask_for_grants(&names, false, at(4)).await.unwrap(), 0);
    assert_eq!(store.grant(&names[0]).await.unwrap().unwrap().state, GrantState::Revoked);
    assert_eq!(store.ask_for_grants(&names, true, at(5)).await.unwrap(), 2);
    let revived = store.grant(&names[0]).await.unwrap().unwrap();
    assert_eq!((revived.want, revived.state, revived.due_at), (Want::Granted, GrantState::Pending, Some(at(5))));
    // One that is well is left alone.
    let ready = Grant { state: GrantState::Ready, due_at: Some(at(900)), ..revived };
    store.change_access(change(&ready)).await.unwrap();
    assert_eq!(store.ask_for_grants(&names[..1], true, at(6)).await.unwrap(), 0);
    assert_eq!(store.grant(&names[0]).await.unwrap().unwrap().due_at, Some(at(900)));
}

pub(crate) async fn what_is_asked_for_meanwhile_outlives_a_write<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let names = [name("a", "u1", 7)];
    store.ask_for_grants(&names, false, at(1)).await.unwrap();
    let working = store.grant(&names[0]).await.unwrap().unwrap();
    let all = GrantFilter::default();
    assert_eq!(store.ask_for_rotation(&all, true, at(2)).await.unwrap(), 1);
    assert_eq!(store.ask_for_revocation(&all, at(3)).await.unwrap(), 1);
    let done = Grant { state: GrantState::Ready, due_at: Some(at(900)), ..working };
    let after = store.change_access(change(&done)).await.unwrap();
    assert_eq!((after.want, after.wanted_generation, after.leaked), (Want::Revoked, 2, true));
    assert_eq!((after.state, after.due_at), (GrantState::Ready, Some(at(3))));
    assert_eq!(after, store.grant(&names[0]).await.unwrap().unwrap());
}

pub(crate) async fn a_rotation_asks_for_one_more_issue_however_often_it_is_asked_for<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let names = [name("a", "u1", 7), name("b", "u1", 7)];
    store.ask_for_grants(&names, false, at(1)).await.unwrap();
    let on_a = GrantFilter { host: Some(host_id("a")), ..GrantFilter::default() };
    assert_eq!(store.ask_for_rotation(&on_a, false, at(2)).await.unwrap(), 1);
    assert_eq!(store.ask_for_rotation(&on_a, false, at(3)).await.unwrap(), 1);
    let wanted = async |name: &GrantName| store.grant(name).await.unwrap().unwrap().wanted_generation;
    assert_eq!((wanted(&names[0]).await, wanted(&names[1]).await), (2, 1));
    assert_eq!(store.grant_counts(&GrantFilter::default()).await.unwrap().changing, 1);
}

pub(crate) async fn due_grants_come_longest_waiting_first<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    assert_eq!(store.next_due().await.unwrap(), None);
    for (user, due_at) in [("u1", Some(at(30))), ("u2", Some(at(10))), ("u3", None), ("u4", Some(at(20)))] {
        store.change_access(change(&Grant { due_at, ..Grant::new(name("a", user, 7), at(1)) })).await.unwrap();
    }
    let left_out = Grant { due_at: Some(at(11)), ..Grant::new(name("b", "u5", 7), at(1)) };
    store.change_access(change(&left_out)).await.unwrap();
    let due = async |now, limit| {
        let due = store.due_grants(now, &[host_id("b")], limit).await.unwrap();
        due.iter().map(|grant| grant.name.user.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(due(at(20), 9).await, ["u2", "u4"]);
    assert_eq!(due(at(90), 2).await, ["u2", "u4"]);
    assert!(due(at(9), 9).await.is_empty());
    assert_eq!(store.next_due().await.unwrap(), Some(at(10)));
}

pub(crate) async fn a_grant_its_keys_and_its_objects_are_written_as_one<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let grant = Grant { state: GrantState::Ready, generation: 2, ..Grant::new(name("a", "u1", 7), at(1)) };
    let keys = [AccessKey { retire_at: Some(at(9)), ..key(1, KeyState::Retiring) }, key(2, KeyState::Live)];
    let resources =
        [(ResourceKind::User, "u1".to_owned(), Some(4)), (ResourceKind::Key, "u1/7#2".to_owned(), Some(72))];
    store.change_access(AccessChange { grant: &grant, keys: &keys, resources: &resources }).await.unwrap();
    let found = store.access_keys(&grant.name).await.unwrap();
    assert_eq!(found, [keys[1].clone(), keys[0].clone()]);
    let known = store.managed_resource(&grant.name.host, ResourceKind::Key, "u1/7#2").await.unwrap().unwrap();
    assert_eq!(known.remote_id, "72");
    let (_, live) = store.grants_with_keys(&GrantFilter::default(), None, 9).await.unwrap().remove(0);
    assert_eq!(live, Some(keys[1].clone()));
    // A retired key leaves no secret behind, and its object is forgotten.
    let retired = [AccessKey { state: KeyState::Retired, ..keys[1].clone() }];
    let gone = [(ResourceKind::Key, "u1/7#2".to_owned(), None)];
    store.change_access(AccessChange { grant: &grant, keys: &retired, resources: &gone }).await.unwrap();
    let found = store.access_keys(&grant.name).await.unwrap();
    assert_eq!((found[0].state, found[0].secret.clone()), (KeyState::Retired, None));
    assert_eq!(store.managed_resource(&grant.name.host, ResourceKind::Key, "u1/7#2").await.unwrap(), None);
    assert_eq!(store.grants_with_keys(&GrantFilter::default(), None, 9).await.unwrap()[0].1, None);
    let ids: BTreeSet<i64> = store.remote_keys(&host_id("a")).await.unwrap().into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids, BTreeSet::from([71, 72]), "bills name retired keys too");
}

pub(crate) async fn grants_are_counted_by_state<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    for (user, state) in
        [("u1", GrantState::Ready), ("u2", GrantState::Ready), ("u3", GrantState::Refused), ("u4", GrantState::Pending)]
    {
        store.change_access(change(&Grant { state, ..Grant::new(name("a", user, 7), at(1)) })).await.unwrap();
    }
    let counts = store.grant_counts(&GrantFilter::default()).await.unwrap();
    assert_eq!((counts.ready, counts.refused, counts.pending, counts.revoked), (2, 1, 1, 0));
    assert_eq!((counts.total(), counts.changing), (4, 0));
    let of_one = GrantFilter { user: Some("u3".into()), ..GrantFilter::default() };
    assert_eq!(store.grant_counts(&of_one).await.unwrap().total(), 1);
}

pub(crate) async fn a_user_keeps_the_password_that_is_wanted<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let user = AccessUser {
        host: host_id("a"),
        user: "u1".into(),
        password: Secret::new("canary-password-1"),
        password_generation: 1,
        wanted_password_generation: 1,
        password_set: false,
        updated_at: at(1),
    };
    store.put_access_user(&user).await.unwrap();
    assert_eq!(store.access_user(&user.host, "u1").await.unwrap(), Some(user.clone()));
    assert_eq!(store.access_user(&user.host, "u2").await.unwrap(), None);
    store.ask_for_grants(&[name("a", "u1", 7)], false, at(1)).await.unwrap();
    store.ask_for_rotation(&GrantFilter::default(), true, at(2)).await.unwrap();
    store.put_access_user(&AccessUser { password_set: true, ..user.clone() }).await.unwrap();
    let found = store.access_user(&user.host, "u1").await.unwrap().unwrap();
    assert_eq!((found.password_generation, found.wanted_password_generation, found.password_set), (1, 2, true));
}

pub(crate) async fn the_last_word_about_a_quota_is_kept<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let record = |seconds, left| UsageRecord {
        name: name("a", "u1", 7),
        observed_at: at(seconds),
        document: json!({ "remaining_usd": left }),
    };
    store.put_usage(&[record(1, 5.0)]).await.unwrap();
    store.put_usage(&[record(2, 4.5)]).await.unwrap();
    assert_eq!(store.usage_of(&name("a", "u1", 7)).await.unwrap(), Some(record(2, 4.5)));
    assert_eq!(store.usage_of(&name("a", "u2", 7)).await.unwrap(), None);
}

pub(crate) async fn no_secret_of_managed_access_is_readable_at_rest<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let grant = Grant { state: GrantState::Ready, ..Grant::new(name("a", "findable-user", 7), at(1)) };
    let keys = [key(1, KeyState::Live)];
    store.change_access(AccessChange { grant: &grant, keys: &keys, resources: &[] }).await.unwrap();
    let user = AccessUser {
        host: host_id("a"),
        user: "findable-user".into(),
        password: Secret::new("canary-password-1"),
        password_generation: 1,
        wanted_password_generation: 1,
        password_set: true,
        updated_at: at(1),
    };
    store.put_access_user(&user).await.unwrap();
    assert!(!format!("{keys:?} {user:?}").contains("canary"));
    let bytes = database.bytes_at_rest().await;
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(holds(b"findable-user") && !holds(b"sk-canary") && !holds(b"canary-password"));
    database.close(store).await;
    let bytes = database.bytes_at_rest().await;
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(holds(b"findable-user") && !holds(b"sk-canary") && !holds(b"canary-password"));
}

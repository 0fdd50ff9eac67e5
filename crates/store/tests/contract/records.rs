//! Promises about managed resources, the audit trail, tokens and settings.

use relay_domain::HostId;
use relay_store::{AuditFilter, NewAuditEntry, ResourceFilter, ResourceKind, Role, Store, StoreError, TokenRemoval};

use crate::Engine;
use crate::engine::keyring;
use crate::fixture::{at, fleet_of, host_id, publication};

pub(crate) async fn a_managed_resource_is_known_by_host_kind_and_name<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let (tokyo, osaka) = (host_id("tokyo-1"), host_id("osaka-1"));
    for (host, kind, remote_id) in
        [(&tokyo, ResourceKind::Group, "7"), (&tokyo, ResourceKind::Key, "8"), (&osaka, ResourceKind::Group, "9")]
    {
        store.record_managed_resource(host, kind, "gpt-pool", remote_id, at(0)).await.unwrap();
    }
    let remote_id = async |host: &HostId, kind, name| {
        store.managed_resource(host, kind, name).await.unwrap().map(|resource| resource.remote_id)
    };
    assert_eq!(remote_id(&tokyo, ResourceKind::Group, "gpt-pool").await.as_deref(), Some("7"));
    assert_eq!(remote_id(&tokyo, ResourceKind::Key, "gpt-pool").await.as_deref(), Some("8"));
    assert_eq!(remote_id(&osaka, ResourceKind::Group, "gpt-pool").await.as_deref(), Some("9"));
    assert_eq!(remote_id(&tokyo, ResourceKind::Group, "GPT-pool").await, None, "names are exact");
    assert_eq!(remote_id(&tokyo, ResourceKind::User, "gpt-pool").await, None);
    assert!(store.remove_managed_resource(&tokyo, ResourceKind::Group, "gpt-pool").await.unwrap());
    assert!(!store.remove_managed_resource(&tokyo, ResourceKind::Group, "gpt-pool").await.unwrap());
    assert_eq!(remote_id(&tokyo, ResourceKind::Group, "gpt-pool").await, None);
    assert_eq!(remote_id(&osaka, ResourceKind::Group, "gpt-pool").await.as_deref(), Some("9"));
}

pub(crate) async fn recording_again_updates_and_keeps_the_number<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let host = host_id("tokyo-1");
    let first = store.record_managed_resource(&host, ResourceKind::User, "u", "1", at(0)).await.unwrap();
    assert_eq!((first.recorded_at, first.updated_at), (at(0), at(0)));
    let second = store.record_managed_resource(&host, ResourceKind::User, "u", "2", at(5)).await.unwrap();
    assert_eq!((second.id, second.remote_id.as_str()), (first.id, "2"));
    assert_eq!((second.recorded_at, second.updated_at), (at(0), at(5)));
    assert_eq!(store.managed_resource(&host, ResourceKind::User, "u").await.unwrap(), Some(second));
}

pub(crate) async fn managed_resources_are_filtered_and_paged<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    for (host, kind, name) in [
        ("a", ResourceKind::Group, "g1"),
        ("a", ResourceKind::User, "u1"),
        ("b", ResourceKind::Group, "g1"),
        ("a", ResourceKind::Group, "g2"),
    ] {
        store.record_managed_resource(&host_id(host), kind, name, "1", at(0)).await.unwrap();
    }
    let names = async |filter: ResourceFilter, after, limit| {
        let found = store.managed_resources(&filter, after, limit).await.unwrap();
        let text: Vec<_> = found.iter().map(|found| format!("{}/{}/{}", found.host, found.kind, found.name)).collect();
        (text.join(" "), found.last().map(|found| found.id))
    };
    let on_a = ResourceFilter { host: Some(host_id("a")), ..ResourceFilter::default() };
    let (page, last) = names(on_a.clone(), None, 2).await;
    assert_eq!(page, "a/group/g1 a/user/u1");
    assert_eq!(names(on_a, last, 2).await.0, "a/group/g2");
    let groups = ResourceFilter { kind: Some(ResourceKind::Group), ..ResourceFilter::default() };
    assert_eq!(names(groups, None, 10).await.0, "a/group/g1 b/group/g1 a/group/g2");
    let named = ResourceFilter { name: Some("g1".into()), ..ResourceFilter::default() };
    assert_eq!(names(named, None, 10).await.0, "a/group/g1 b/group/g1");
    assert_eq!(names(ResourceFilter::default(), None, 10).await.0.split(' ').count(), 4);
}

pub(crate) async fn a_managed_resource_outlives_its_host<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.publish(publication(fleet_of("a"), 0)).await.unwrap();
    store.record_managed_resource(&host_id("a"), ResourceKind::Key, "k", "1", at(0)).await.unwrap();
    store.publish(publication(fleet_of("b"), 1)).await.unwrap();
    assert!(store.managed_resource(&host_id("a"), ResourceKind::Key, "k").await.unwrap().is_some());
}

fn act(n: i64) -> NewAuditEntry {
    NewAuditEntry {
        at: at(n),
        actor: "ops".into(),
        action: "bindings.purge".into(),
        summary: format!("purge {n}"),
        subjects: vec![format!("route:{}", n % 2), "group:gpt".into()],
        details: serde_json::json!({"purged": n}),
    }
}

pub(crate) async fn the_audit_trail_is_paged_newest_first<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    for n in 0..5 {
        store.record_audit(act(n)).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.audit(&AuditFilter::default(), after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page.into_iter().map(|entry| entry.details["purged"].as_i64().unwrap()));
    }
    assert_eq!(seen, [4, 3, 2, 1, 0]);
}

pub(crate) async fn the_audit_trail_is_filtered<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    for n in 0..4 {
        let actor = if n == 3 { "other".into() } else { "ops".into() };
        store.record_audit(NewAuditEntry { actor, ..act(n) }).await.unwrap();
    }
    store.publish(publication(fleet_of("a"), 0)).await.unwrap();
    let found = async |filter: AuditFilter, after: Option<i64>| {
        let entries = store.audit(&filter, after, 10).await.unwrap();
        entries.into_iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    let all = AuditFilter::default;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(all(), None).await, [5, 4, 3, 2, 1]);
    assert_eq!(found(AuditFilter { actor: text("other"), ..all() }, None).await, [4]);
    assert_eq!(found(AuditFilter { action: text("publish"), ..all() }, None).await, [5]);
    assert_eq!(found(AuditFilter { subject: text("route:1"), ..all() }, None).await, [4, 2]);
    assert_eq!(found(AuditFilter { subject: text("host:a"), ..all() }, None).await, [5]);
    assert_eq!(found(AuditFilter { subject: text("group:gpt"), ..all() }, Some(3)).await, [2, 1]);
    assert_eq!(found(AuditFilter { from: Some(at(2)), ..all() }, None).await, [4, 3]);
    assert_eq!(found(AuditFilter { to: Some(at(1)), action: text("bindings.purge"), ..all() }, None).await, [1]);
    assert!(found(AuditFilter { subject: text("route:1"), actor: text("nobody"), ..all() }, None).await.is_empty());
}

pub(crate) async fn a_publication_is_audited_with_its_diff<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let number = store.record_audit(act(1)).await.unwrap();
    store.publish(publication(fleet_of("a"), 0)).await.unwrap();
    let trail = store.audit(&AuditFilter::default(), None, 10).await.unwrap();
    let [publish, purge] = &trail[..] else { panic!("two entries, not {trail:?}") };
    assert_eq!((publish.action.as_str(), publish.generation, publish.at), ("publish", Some(1), at(0)));
    assert_eq!((publish.actor.as_str(), publish.summary.as_str()), ("ops", "change of 0"));
    assert_eq!(publish.details, serde_json::json!({"added": [0]}));
    assert_eq!((purge.id, purge.generation, purge.at), (number, None, at(1)));
    assert!(publish.id > purge.id);
}

pub(crate) async fn admin_tokens_are_found_by_hash_and_revoked<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let [ops, look] = ["rma-1", "rma-2"].map(|token| keyring(1).hash_admin_token(token));
    let admin = store.add_admin_token("ops", Role::Admin, &ops, at(0)).await.unwrap();
    let viewer = store.add_admin_token("wall", Role::Viewer, &look, at(1)).await.unwrap();
    assert_eq!((admin.label.as_str(), admin.role, admin.created_at), ("ops", Role::Admin, at(0)));
    assert_eq!(store.admin_token_by_hash(&look).await.unwrap(), Some(viewer.clone()));
    assert_eq!(store.admin_tokens().await.unwrap(), [admin.clone(), viewer.clone()]);
    assert_eq!(store.remove_admin_token(admin.id).await.unwrap(), TokenRemoval::LastAdmin);
    let third = keyring(1).hash_admin_token("rma-3");
    store.add_admin_token("root", Role::Admin, &third, at(2)).await.unwrap();
    assert_eq!(store.remove_admin_token(admin.id).await.unwrap(), TokenRemoval::Removed);
    assert_eq!(store.remove_admin_token(admin.id).await.unwrap(), TokenRemoval::Unknown);
    assert_eq!(store.remove_admin_token(viewer.id).await.unwrap(), TokenRemoval::Removed);
    assert_eq!(store.admin_token_by_hash(&ops).await.unwrap(), None);
    assert_eq!(store.admin_tokens().await.unwrap().len(), 1);
}

pub(crate) async fn adding_a_known_token_again_updates_it<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let hash = keyring(1).hash_admin_token("rma-1");
    let first = store.add_admin_token("ops", Role::Viewer, &hash, at(0)).await.unwrap();
    let again = store.add_admin_token("root", Role::Admin, &hash, at(9)).await.unwrap();
    assert_eq!((again.id, again.created_at), (first.id, first.created_at));
    assert_eq!((again.label.as_str(), again.role), ("root", Role::Admin));
    assert_eq!(store.admin_tokens().await.unwrap(), [again]);
}

pub(crate) async fn settings_are_set_and_overwritten<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    assert_eq!(store.setting("instance").await.unwrap(), None);
    store.set_setting("instance", "a").await.unwrap();
    store.set_setting("instance", "b").await.unwrap();
    assert_eq!(store.setting("instance").await.unwrap().as_deref(), Some("b"));
}

pub(crate) async fn a_store_answers_a_ping<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.ping().await.unwrap();
    database.close(store.clone()).await;
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
}

pub(crate) async fn everything_survives_reopening<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let hash = keyring(1).hash_admin_token("rma-1");
    store.add_admin_token("ops", Role::Operator, &hash, at(0)).await.unwrap();
    store.set_setting("instance", "a").await.unwrap();
    store.record_audit(act(1)).await.unwrap();
    store.record_managed_resource(&host_id("a"), ResourceKind::Subscription, "s", "1", at(0)).await.unwrap();
    database.close(store).await;
    let store = database.open().await;
    assert_eq!(store.admin_token_by_hash(&hash).await.unwrap().unwrap().role, Role::Operator);
    assert_eq!(store.setting("instance").await.unwrap().as_deref(), Some("a"));
    assert_eq!(store.audit(&AuditFilter::default(), None, 10).await.unwrap().len(), 1);
    assert_eq!(store.managed_resources(&ResourceFilter::default(), None, 10).await.unwrap().len(), 1);
}

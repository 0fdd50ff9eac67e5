//! A double and a client of it.

use std::num::NonZeroU32;
use std::time::Duration;

use relay_domain::{AdminAccess, BaseUrl, Host, HostId, HostKind, Secret, SecretSource, StoredSecret};
use relay_hosts::admin::{
    AdminClient, AdminClients, CustomKey, NewKey, NewSubscription, NewUser, RemoteGroupId, RemoteUserId,
};
use relay_hosts::{ClientOptions, HostClient};
use relay_testkit::{FakeGroup, FakeHost, FakeHostBuilder, FakeSubscription, FakeUser, Personality};

pub(crate) const ADMIN_KEY: &str = "admin-0123";
pub(crate) const GROUP: RemoteGroupId = RemoteGroupId(7);
/// The user of [`builder`].
pub(crate) const ANN: RemoteUserId = RemoteUserId(2);
pub(crate) const ANN_EMAIL: &str = "ann@relay.example";

pub(crate) fn ann_password() -> Secret {
    Secret::new("secret-of-ann")
}

/// A host with the subscription group 7 and the user Ann.
pub(crate) fn builder(personality: Personality) -> FakeHostBuilder {
    FakeHost::builder()
        .personality(personality)
        .admin_key(ADMIN_KEY)
        .group(FakeGroup::new(7, "pool"))
        .user(FakeUser::new(ANN_EMAIL).password("secret-of-ann"))
}

/// Gives Ann a subscription of the group.
pub(crate) fn subscribe(host: &FakeHost) {
    host.panel(|panel| {
        let now = panel.now();
        panel.add_subscription(FakeSubscription::new(ANN.0, GROUP.0, now, 30))
    });
}

pub(crate) fn clients() -> AdminClients {
    AdminClients::new(HostClient::new(ClientOptions::default()).expect("a client"))
}

pub(crate) fn key_access() -> AdminAccess {
    AdminAccess::Key(stored(ADMIN_KEY))
}

pub(crate) fn login_access() -> AdminAccess {
    AdminAccess::Login { email: "admin@fake.example".to_owned(), password: stored("password-of-admin") }
}

pub(crate) fn stored(secret: &str) -> StoredSecret {
    StoredSecret { secret: Secret::new(secret), source: SecretSource::Value }
}

pub(crate) fn host_at(id: &str, base_url: &str, admin: AdminAccess) -> Host {
    Host {
        id: HostId::new(id).expect("a slug"),
        kind: HostKind::Sub2api,
        base_url: BaseUrl::parse(base_url).expect("a URL"),
        allow_private: true,
        enabled: true,
        admin: Some(admin),
        gateway_key: None,
        ask_usage: true,
    }
}

/// The caller of a double by its admin key.
pub(crate) fn client(host: &FakeHost) -> AdminClient {
    clients().of(&host_at("a", &host.base_url(), key_access()))
}

/// The caller of a double by an administrator's login.
pub(crate) fn client_by_login(host: &FakeHost) -> AdminClient {
    clients().of(&host_at("a", &host.base_url(), login_access()))
}

/// A caller that does not wait.
pub(crate) fn impatient(host: &FakeHost) -> AdminClient {
    clients().at_most(Duration::from_millis(200)).of(&host_at("a", &host.base_url(), key_access()))
}

pub(crate) fn new_user(email: &str) -> NewUser {
    NewUser {
        email: email.to_owned(),
        password: Secret::new("secret-of-new"),
        username: "new".to_owned(),
        notes: "tag".to_owned(),
        concurrency: NonZeroU32::new(3).expect("three"),
    }
}

pub(crate) fn new_key(custom_key: &str) -> NewKey {
    let custom_key = CustomKey::new(&Secret::new(custom_key)).expect("a custom key");
    NewKey { name: "relay".to_owned(), group: Some(GROUP), custom_key: Some(custom_key) }
}

pub(crate) fn subscription() -> NewSubscription {
    NewSubscription { user_id: ANN, group_id: GROUP, validity_days: 30, notes: "tag".to_owned() }
}

/// How often a path was called.
pub(crate) fn calls(host: &FakeHost, path: &str) -> usize {
    host.received_on(path).len()
}

//! A host under test: one of the doubles, or a real one named by the environment.
#![allow(dead_code, reason = "each of the two test targets uses one of the two kinds")]

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use relay_domain::{AdminAccess, BaseUrl, Host, HostId, HostKind, Secret, SecretSource, StoredSecret, Timestamp};
use relay_hosts::admin::{
    AdminClient, AdminClients, Assignment, Capabilities, NewSubscription, NewUser, RemoteGroupId, RemoteUserId,
    Subscription, User, UserChanges, UserStatus,
};
use relay_hosts::{ClientOptions, HostClient};
use relay_testkit::{FakeGroup, FakeHost, Personality};

/// An id that no host has come to.
pub(crate) const NOWHERE: i64 = 999_999_999;

const ADMIN_KEY: &str = "admin-00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// What the variables are called, after their common beginning.
const PREFIX: &str = "RELAY_TEST_SUB2API_";

pub(crate) struct World {
    pub(crate) admin: AdminClient,
    pub(crate) host: Host,
    pub(crate) clients: AdminClients,
    /// What the host can do, found out when the world began.
    pub(crate) capabilities: Capabilities,
    /// Which of the known versions it behaves as, when that is known beforehand.
    pub(crate) version: Option<Personality>,
    /// A subscription group.
    pub(crate) group: RemoteGroupId,
    /// A standard group, when there is one to test with.
    pub(crate) standard_group: Option<RemoteGroupId>,
    /// An administrator's e-mail and password, when given.
    pub(crate) admin_login: Option<(String, Secret)>,
    made: Mutex<Vec<RemoteUserId>>,
    _double: Option<FakeHost>,
}

impl World {
    pub(crate) async fn double(version: Personality) -> Self {
        let double = FakeHost::builder()
            .personality(version)
            .admin_key(ADMIN_KEY)
            .group(FakeGroup::new(7, "pool"))
            .group(FakeGroup::new(8, "standard").standard())
            .start()
            .await;
        let host = host(&double.base_url(), ADMIN_KEY);
        let mut world = Self::new(host, Some(version), RemoteGroupId(7), Some(double)).await;
        world.standard_group = Some(RemoteGroupId(8));
        world.admin_login = Some(("admin@fake.example".to_owned(), Secret::new("password-of-admin")));
        world
    }

    /// The host that the environment names; otherwise what is missing.
    pub(crate) async fn real() -> Result<Self, String> {
        let optional = |name: &str| std::env::var(format!("{PREFIX}{name}")).ok().filter(|value| !value.is_empty());
        let required = |name: &str| optional(name).ok_or_else(|| format!("{PREFIX}{name} is not set"));
        let number = |name: &str, text: String| {
            text.parse().map(RemoteGroupId).map_err(|_| format!("{PREFIX}{name} is not a group's id"))
        };
        let host = host(&required("URL")?, &required("ADMIN_KEY")?);
        let group = number("GROUP", required("GROUP")?)?;
        let version = match optional("VERSION").as_deref() {
            None => None,
            Some("S") => Some(Personality::S),
            Some("N") => Some(Personality::N),
            Some(_) => return Err(format!("{PREFIX}VERSION is neither S nor N")),
        };
        let mut world = Self::new(host, version, group, None).await;
        world.standard_group = optional("STANDARD_GROUP").map(|text| number("STANDARD_GROUP", text)).transpose()?;
        world.admin_login = optional("ADMIN_EMAIL").zip(optional("ADMIN_PASSWORD").map(|text| Secret::new(&text)));
        Ok(world)
    }

    async fn new(host: Host, version: Option<Personality>, group: RemoteGroupId, double: Option<FakeHost>) -> Self {
        let clients = AdminClients::new(HostClient::new(ClientOptions::default()).expect("a client"));
        let admin = clients.of(&host);
        let capabilities = admin.probe(None, Timestamp::now()).await.expect("it is a sub2api host");
        Self {
            admin,
            host,
            clients,
            capabilities,
            version,
            group,
            standard_group: None,
            admin_login: None,
            made: Mutex::default(),
            _double: double,
        }
    }

    /// Another client of the same host, with another access.
    pub(crate) fn client_with(&self, admin: Option<AdminAccess>) -> AdminClient {
        let id = HostId::new(&unique("other")).expect("a slug");
        self.clients.of(&Host { id, admin, ..self.host.clone() })
    }

    /// A fresh user with his password.
    pub(crate) async fn new_user(&self) -> (User, Secret) {
        let new = new_user(&format!("{}@relay.example", unique("relay-conformance")));
        let user = self.admin.create_user(&new).await.expect("a user can be made");
        self.remember(user.id);
        (user, new.password)
    }

    /// A fresh user with a living subscription.
    pub(crate) async fn subscribed_user(&self) -> (User, Secret, Subscription) {
        let (user, password) = self.new_user().await;
        let subscription = made(self.admin.assign(&self.subscription_of(user.id)).await.expect("it can be assigned"));
        (user, password, subscription)
    }

    pub(crate) fn subscription_of(&self, user: RemoteUserId) -> NewSubscription {
        let notes = "made by a test of Relay Manager".to_owned();
        NewSubscription { user_id: user, group_id: self.group, validity_days: 30, notes }
    }

    /// Notes that a test made this user.
    pub(crate) fn remember(&self, user: RemoteUserId) {
        self.made.lock().expect("unpoisoned").push(user);
    }

    /// Switches off what was made: no version lets a user be taken away without a trace.
    pub(crate) async fn leave(&self) {
        let made = std::mem::take(&mut *self.made.lock().expect("unpoisoned"));
        let off = UserChanges { status: Some(UserStatus::Disabled), ..UserChanges::default() };
        for user in made {
            for subscription in self.admin.user_subscriptions(user).await.unwrap_or_default() {
                let _ = self.admin.revoke(subscription.id).await;
            }
            let _ = self.admin.update_user(user, &off).await;
        }
    }
}

pub(crate) fn new_user(email: &str) -> NewUser {
    NewUser {
        email: email.to_owned(),
        password: Secret::new(&unique("password")),
        username: "conformance".to_owned(),
        notes: "made by a test of Relay Manager".to_owned(),
        concurrency: NonZeroU32::new(3).expect("three"),
    }
}

/// The subscription of an assignment that was made.
#[track_caller]
pub(crate) fn made(assignment: Assignment) -> Subscription {
    match assignment {
        Assignment::Subscription(subscription) => *subscription,
        Assignment::Exists(conflict) => panic!("there is one already: {conflict:?}"),
    }
}

/// Unlike anything that was or will be on the host.
pub(crate) fn unique(what: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{what}-{:x}-{:x}-{count}", Timestamp::now().as_microsecond(), std::process::id())
}

pub(crate) fn key_access(key: &str) -> AdminAccess {
    AdminAccess::Key(StoredSecret { secret: Secret::new(key), source: SecretSource::Value })
}

fn host(url: &str, admin_key: &str) -> Host {
    Host {
        id: HostId::new("under-test").expect("a slug"),
        kind: HostKind::Sub2api,
        base_url: BaseUrl::parse(url).expect("a URL"),
        allow_private: true,
        enabled: true,
        admin: Some(key_access(admin_key)),
        gateway_key: None,
        ask_usage: true,
    }
}

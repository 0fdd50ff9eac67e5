//! A store with channels, a notifier and a sender over it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use relay_domain::{Clock, ManualClock};
use relay_hosts::{ClientOptions, HostClient};
use relay_notify::{Event, Kind, Notifier, Phase, Raise as _, Sender, Severity, Transport, channel};
use relay_store::notification::{Delivery, DeliveryFilter};
use relay_store::{Keyring, MasterKey, NotificationStore, SqliteStore, open_sqlite};
use serde_json::{Map, Value};

pub(crate) struct Rig {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) notifier: Notifier,
    pub(crate) sender: Sender,
    _directory: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with_time_limit(Duration::from_secs(15)).await
    }

    pub(crate) async fn with_time_limit(limit: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keyring = Arc::new(Keyring::new(&MasterKey::from_bytes([3; 32])));
        let store = Arc::new(open_sqlite(&directory.path().join("relay.db"), keyring).await.unwrap());
        let clock = Arc::new(ManualClock::new("2026-11-26T12:00:00Z".parse().unwrap()));
        let transport = Transport::new(HostClient::new(ClientOptions::default()).unwrap()).at_most(limit);
        Self {
            notifier: Notifier::new(Arc::clone(&store) as _, Arc::clone(&clock) as _),
            sender: Sender::new(Arc::clone(&store) as _, transport, Arc::clone(&clock) as _),
            store,
            clock,
            _directory: directory,
        }
    }

    /// Adds a channel with that id.
    pub(crate) async fn channel(&self, id: &str, settings: Value) {
        let mut members = object(settings);
        members.insert("id".into(), id.into());
        relay_notify::Channel::read(members.clone()).unwrap();
        assert!(self.store.add_notification_channel(&channel::record(members, self.now())).await.unwrap());
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    pub(crate) async fn raise(&self, kind: Kind, phase: Phase, severity: Severity) {
        let (since, at) = (self.now(), self.now());
        let event = Event { kind, phase, severity, subject: "tokyo-1".into(), facts: Map::new(), since, at };
        self.notifier.raise(event).await.unwrap();
    }

    pub(crate) async fn down(&self) {
        self.raise(Kind::HostDown, Phase::Firing, Severity::Critical).await;
    }

    pub(crate) async fn up(&self) {
        self.raise(Kind::HostDown, Phase::Recovered, Severity::Critical).await;
    }

    pub(crate) async fn send(&self) -> usize {
        self.sender.send_due().await.unwrap()
    }

    /// The log, oldest first.
    pub(crate) async fn deliveries(&self) -> Vec<Delivery> {
        let mut found = self.store.deliveries(&DeliveryFilter::default(), None, 100).await.unwrap();
        found.reverse();
        found
    }

    /// The log in short: `phase/state/attempts`.
    pub(crate) async fn log(&self) -> String {
        let found = self.deliveries().await;
        let words = found.iter().map(|one| format!("{}/{}/{}", one.message.phase, one.state, one.attempts));
        words.collect::<Vec<_>>().join(" ")
    }
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("an object") };
    members
}

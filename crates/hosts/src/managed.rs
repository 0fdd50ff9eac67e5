//! What the request path asks about managed keys (spec §9), in plain types: it
//! cannot know how such a key comes to be, and whoever makes them cannot know the
//! request path.
//!
//! A key serves a [`Wanted`]: one user of one host in one of its groups.
//! [`ManagedKeys::look_up`] is asked for every candidate of every plan, so it does no
//! IO and waits for nobody; [`ManagedKeys::obtain`] is what a request does once about a
//! key that is not there yet; [`ManagedKeys::report`] is how it tells that a
//! gateway no longer takes one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use relay_domain::{HostId, Secret, Timestamp};

use crate::endpoint::{self, UnsendableKey};

/// Whose key is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted<'a> {
    /// The host.
    pub host: &'a HostId,
    /// The subscription user: an e-mail address, or the host's id of a user.
    pub user: &'a str,
    /// The shadow group: its id on the host, or its name there.
    pub group: &'a str,
}

/// Where managed keys come from.
pub trait ManagedKeys: Send + Sync {
    /// What there is right now. Answers from memory.
    fn look_up(&self, wanted: Wanted<'_>, now: Timestamp) -> Lookup;

    /// Obtains a key that [`ManagedKeys::look_up`] called cold, waiting at most `limit`. The work
    /// is done once however many wait, and goes on when they stop waiting or are dropped.
    fn obtain<'a>(&'a self, wanted: Wanted<'a>, limit: Duration) -> Obtaining<'a>;

    /// Tells what a gateway said about a key. A key that is no longer in use is nobody's concern any more.
    fn report(&self, key: &ManagedKey, said: GatewaySaid, now: Timestamp);
}

/// A key being obtained.
pub type Obtaining<'a> = Pin<Box<dyn Future<Output = Result<Arc<ManagedKey>, Unobtainable>> + Send + 'a>>;

/// What is known of a key right now.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// It is there.
    Ready(Arc<ManagedKey>),
    /// It may be had by [`ManagedKeys::obtain`].
    Cold,
    /// It cannot be had now.
    Refused(Refused),
}

/// Why a key cannot be had, and until when asking again is no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: Why,
    /// When it may be tried again; `None`: when somebody has changed something.
    pub until: Option<Timestamp>,
}

/// Why a key cannot be had. Details are for operators, by the admin API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The host is not in the fleet, or is disabled.
    NoHost,
    /// The host has no admin access, or not a good one.
    NoAccess,
    /// The group cannot be told, is switched off, or takes no subscriptions.
    Group,
    /// The user cannot be told, is switched off, or its address is taken.
    User,
    /// The subscription is suspended, or is not ours to renew.
    Subscription,
    /// Only a person can make the key, and none has.
    Key,
    /// Only a person can lift what is in the way.
    Barrier,
    /// An operator took the access away.
    Revoked,
    /// Everything is there and the gateway refuses it all the same.
    Rejected,
    /// What the subscription may cost is used up.
    Quota,
    /// The host fails or is too busy.
    Host,
    /// The store fails, or a stored key cannot be decrypted.
    Store,
    /// A fault of ours broke the work on it off; it is tried again.
    Internal,
}

impl Why {
    /// Its name on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoHost => "no_host",
            Self::NoAccess => "no_access",
            Self::Group => "group",
            Self::User => "user",
            Self::Subscription => "subscription",
            Self::Key => "key",
            Self::Barrier => "barrier",
            Self::Revoked => "revoked",
            Self::Rejected => "rejected",
            Self::Quota => "quota",
            Self::Host => "host",
            Self::Store => "store",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHost => "the host is not served",
            Self::NoAccess => "the host's admin API does not let us in",
            Self::Group => "the group on the host cannot be used",
            Self::User => "the user on the host cannot be used",
            Self::Subscription => "the subscription on the host cannot be used",
            Self::Key => "the host wants the key to be made by hand",
            Self::Barrier => "a person has to let us in at the host",
            Self::Revoked => "the access was revoked",
            Self::Rejected => "the host refuses the key",
            Self::Quota => "the quota on the host is used up",
            Self::Host => "the host's admin API fails",
            Self::Store => "the key cannot be read from the store",
            Self::Internal => "a fault of Relay Manager broke the work on the key off",
        })
    }
}

/// A key was not obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unobtainable {
    /// It cannot be had.
    Refused(Refused),
    /// Not within the limit; it is still worked on.
    NotInTime,
    /// The process ends.
    ShuttingDown,
}

/// What a gateway said about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewaySaid {
    /// It does not take the key, or finds no living subscription behind it. Hosts say the second also when
    /// their database fails, so both mean no more than that somebody should look.
    Refused,
    /// What the subscription or key may cost is used up, until then when that is known.
    QuotaExhausted {
        /// When it may be used again.
        until: Option<Timestamp>,
    },
}

/// A key as it is sent, and how records name it.
#[derive(Clone)]
pub struct ManagedKey {
    /// The host that takes it.
    pub host: HostId,
    /// The subscription user, as it was asked for.
    pub user: Arc<str>,
    /// The host's id of the group.
    pub group_id: i64,
    /// Which issue of the key this is.
    pub generation: u32,
    /// The host's id of the user (`managed_user_id`).
    pub user_id: Arc<str>,
    /// Names the host's user whatever key is sent: for responses that only the user who made
    /// them can continue.
    pub identity: Arc<str>,
    /// `sha256:` and the digest of the key.
    pub fingerprint: Arc<str>,
    /// `Authorization`, marked sensitive.
    pub authorization: HeaderValue,
    /// The key, to be looked for in what must not show it.
    pub secret: Secret,
}

impl fmt::Debug for ManagedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManagedKey({}/{}/{}#{})", self.host, self.user, self.group_id, self.generation)
    }
}

impl ManagedKey {
    /// Makes a key ready to be sent.
    ///
    /// # Errors
    /// When no header can carry it.
    pub fn new(
        host: HostId,
        user: Arc<str>,
        group_id: i64,
        generation: u32,
        user_id: i64,
        secret: Secret,
    ) -> Result<Self, UnsendableKey> {
        Ok(Self {
            host,
            user,
            group_id,
            generation,
            user_id: user_id.to_string().into(),
            identity: format!("user:{user_id}").into(),
            fingerprint: endpoint::fingerprint(&secret),
            authorization: endpoint::bearer(&secret)?,
            secret,
        })
    }
}

/// Without managed keys: every look-up is refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoManagedKeys;

impl ManagedKeys for NoManagedKeys {
    fn look_up(&self, _: Wanted<'_>, _: Timestamp) -> Lookup {
        Lookup::Refused(Refused { why: Why::NoHost, until: None })
    }

    fn obtain<'a>(&'a self, _: Wanted<'a>, _: Duration) -> Obtaining<'a> {
        Box::pin(std::future::ready(Err(Unobtainable::Refused(Refused { why: Why::NoHost, until: None }))))
    }

    fn report(&self, _: &ManagedKey, _: GatewaySaid, _: Timestamp) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_managed_key_shows_nothing_of_the_key() {
        let host = HostId::new("tokyo-1").unwrap();
        let key = ManagedKey::new(host, "a@relay.example".into(), 7, 2, 41, Secret::new("sk-canary-1")).unwrap();
        assert_eq!(format!("{key:?}"), "ManagedKey(tokyo-1/a@relay.example/7#2)");
        assert!(!format!("{:?}", key.authorization).contains("canary"));
        assert_eq!((&*key.user_id, &*key.identity), ("41", "user:41"));
    }
}

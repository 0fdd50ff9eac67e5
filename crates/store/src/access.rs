//! Managed access as it is recorded (spec §9): grants, the issues of their keys,
//! and the users that we made for them.
//!
//! Each step towards a grant is written here before it is made on the host, so
//! that whoever finds the record after a crash knows what may have happened.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use relay_domain::{HostId, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ResourceKind;

/// A word of the database that no part of this version writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a word that this version knows")]
pub struct UnknownWord;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// The name used on every wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text { $($word => Ok(Self::$variant),)* _ => Err(UnknownWord) }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What is meant to be.
    Want {
        /// Access.
        Granted = "granted",
        /// None any more.
        Revoked = "revoked",
    }
}

words! {
    /// How far it is.
    GrantState {
        /// Worked on, or waiting to be; there is no key yet.
        Pending = "pending",
        /// There is a key.
        Ready = "ready",
        /// It cannot be had; the problem says why.
        Refused = "refused",
        /// It was taken away.
        Revoked = "revoked",
    }
}

words! {
    /// The step that was begun last and is not known to have ended.
    Step {
        /// None is open.
        Idle = "idle",
        /// The user is made.
        User = "user",
        /// The user's password is set.
        Password = "password",
        /// The subscription is assigned.
        Subscription = "subscription",
        /// The subscription is extended, from `extending_from`.
        Extension = "extension",
        /// The key is made.
        Key = "key",
        /// Old keys are deleted.
        Retirement = "retirement",
        /// Keys and subscription are taken away.
        Revocation = "revocation",
    }
}

words! {
    /// Where an issue of a key is in its life.
    KeyState {
        /// Written down; it may have been made on the host.
        Begun = "begun",
        /// In use.
        Live = "live",
        /// Replaced; it goes on for what still uses it.
        Retiring = "retiring",
        /// Gone.
        Retired = "retired",
    }
}

/// Names a grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantName {
    /// The host.
    pub host: HostId,
    /// The subscription user: an e-mail address, or the host's id of a user.
    pub user: Arc<str>,
    /// The host's id of the group.
    pub group_id: i64,
}

impl fmt::Display for GrantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.host, self.user, self.group_id)
    }
}

/// Why a grant is not what it is meant to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = GrantProblem)]
pub struct Problem {
    /// One of a fixed set of names.
    pub code: String,
    /// In words, without secrets.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// Access of one user of one host to one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Number of the record, for paging; 0 before it was recorded.
    pub id: i64,
    /// Whose.
    pub name: GrantName,
    /// What is meant to be.
    pub want: Want,
    /// How far it is.
    pub state: GrantState,
    /// The step that is open.
    pub step: Step,
    /// Where the host was when the key was obtained; a key goes nowhere else.
    pub base_url: String,
    /// The host's id of the user.
    pub user_id: Option<i64>,
    /// The host's id of the subscription.
    pub subscription_id: Option<i64>,
    /// Whether the subscription carries our tag, and so may be changed.
    pub subscription_made: bool,
    /// The subscription's end.
    pub expires_at: Option<Timestamp>,
    /// The end from which an extension was begun: a later one shows that it was made.
    pub extending_from: Option<Timestamp>,
    /// The issue of the key that is in use, or is made next.
    pub generation: u32,
    /// The issue that is meant to be in use.
    pub wanted_generation: u32,
    /// Whether the issues before the wanted one are known to others, and get no overlap.
    pub leaked: bool,
    /// Failures in a row.
    pub failures: u32,
    /// Why it is not what it is meant to be.
    pub problem: Option<Problem>,
    /// When to look at it next.
    pub due_at: Option<Timestamp>,
    /// When it was first asked for.
    pub recorded_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Grant {
    /// A grant that was just asked for.
    pub fn new(name: GrantName, now: Timestamp) -> Self {
        Self {
            id: 0,
            name,
            want: Want::Granted,
            state: GrantState::Pending,
            step: Step::Idle,
            base_url: String::new(),
            user_id: None,
            subscription_id: None,
            subscription_made: false,
            expires_at: None,
            extending_from: None,
            generation: 1,
            wanted_generation: 1,
            leaked: false,
            failures: 0,
            problem: None,
            due_at: Some(now),
            recorded_at: now,
            updated_at: now,
        }
    }
}

/// One issue of a grant's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// Which issue.
    pub generation: u32,
    /// Where it is in its life.
    pub state: KeyState,
    /// Whether we made it; else it was made by hand and adopted, and is never changed.
    pub made: bool,
    /// The host's id of it.
    pub remote_id: Option<i64>,
    /// The key; sealed in the store, and gone once it is retired.
    pub secret: Option<Secret>,
    /// `sha256:` and the digest of the key.
    pub fingerprint: Arc<str>,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When it goes, once it was replaced.
    pub retire_at: Option<Timestamp>,
}

/// A user that we made on a host, or began to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUser {
    /// The host.
    pub host: HostId,
    /// The subscription user.
    pub user: Arc<str>,
    /// The password; sealed in the store.
    pub password: Secret,
    /// Which password of this user it is.
    pub password_generation: u32,
    /// Which one it is meant to be.
    pub wanted_password_generation: u32,
    /// Whether the host is known to have it.
    pub password_set: bool,
    /// When this last changed.
    pub updated_at: Timestamp,
}

/// Which grants; an absent field admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantFilter {
    /// On this host.
    pub host: Option<HostId>,
    /// Of this subscription user.
    pub user: Option<String>,
    /// Of this group.
    pub group_id: Option<i64>,
    /// In this state.
    pub state: Option<GrantState>,
}

/// How many grants are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct GrantCounts {
    /// Worked on, or waiting to be.
    pub pending: u64,
    /// With a key.
    pub ready: u64,
    /// That cannot be had.
    pub refused: u64,
    /// Taken away.
    pub revoked: u64,
    /// Of all of these: still to be rotated or revoked.
    pub changing: u64,
}

impl GrantCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.pending + self.ready + self.refused + self.revoked
    }
}

/// What changes about a grant, written as one.
#[derive(Clone, Copy, Debug)]
pub struct AccessChange<'a> {
    /// The grant as it is now; its `id` is ignored.
    pub grant: &'a Grant,
    /// Issues of its key that are new or changed.
    pub keys: &'a [AccessKey],
    /// Objects on the host that are known now, or with `None` no longer there.
    pub resources: &'a [(ResourceKind, String, Option<i64>)],
}

/// What a host said of a key's quota.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageRecord {
    /// Whose key.
    pub name: GrantName,
    /// When.
    pub observed_at: Timestamp,
    /// What.
    pub document: serde_json::Value,
}

//! The admin and user API of a sub2api host: typed calls over every version,
//! with one place for its wire shapes.
//!
//! [`AdminClients`] hands out an [`AdminClient`] per host. It calls as the
//! administrator (by admin key or login), with a gateway key, or, as a
//! [`UserClient`], as one of the host's users.
//!
//! What is promised for every call: it is bounded in time and size and follows
//! no redirect; it is never repeated, but for a session that has lapsed, which
//! the host refuses before it does anything; it stays within the host's limits of
//! calls a minute, for which it may wait its turn (10 s at most, on top of the call's own
//! time, as a login is); reads tolerate unknown and missing fields; writes hold only
//! what the oldest known version takes. What only a person can lift
//! ([`Barrier`]) is reported and never got around. Secrets come and go as
//! [`Secret`](relay_domain::Secret) and are in no error and no `Debug`.
//!
//! Dropping the future of a call abandons it; a write may have been done then,
//! as after [`AdminError::may_have_happened`].

mod accounts;
mod auth;
mod call;
mod capabilities;
mod client;
mod clients;
pub mod codes;
mod envelope;
mod error;
mod gateway_key;
mod groups;
mod id;
mod keys;
mod ops;
mod pace;
mod paging;
mod probe;
mod refusal;
mod settings;
mod subscriptions;
mod transport;
mod usage;
mod users;

pub use accounts::{Account, AccountFilter};
pub use auth::UserClient;
pub use call::IdempotencyKey;
pub use capabilities::{AssignSemantics, Capabilities, Obstacle, SelfService, Support};
pub use client::AdminClient;
pub use clients::AdminClients;
pub use error::{AdminError, Barrier, Fault};
pub use gateway_key::{KeyBilling, KeyQuota, KeySubscription, KeyUsage, KeyWindow};
pub use groups::{Group, GroupCapacity, GroupStatus};
pub use id::{RemoteAccountId, RemoteGroupId, RemoteKeyId, RemoteSubscriptionId, RemoteUserId};
pub use keys::{CustomKey, CustomKeyError, HostKey, KeyChanges, KeyStatus, NewKey};
pub use ops::{Availability, Load, OpsAvailability, OpsConcurrency};
pub use paging::Page;
pub use refusal::Refusal;
pub use settings::{Compliance, PublicSettings};
pub use subscriptions::{
    Assignment, AssignmentConflict, NewSubscription, Subscription, SubscriptionFilter, SubscriptionStatus,
};
pub use usage::{UsageFilter, UsageRow};
pub use users::{NewUser, User, UserChanges, UserStatus};

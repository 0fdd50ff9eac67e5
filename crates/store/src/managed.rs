//! Managed resources: objects on hosts that we know by identity (spec §1).

use std::fmt;
use std::str::FromStr;

use relay_domain::{HostId, Timestamp};

/// The type of an object on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResourceKind {
    /// A (shadow) group.
    Group,
    /// A user.
    User,
    /// A user's subscription to a group.
    Subscription,
    /// A gateway key.
    Key,
}

/// The text names no type of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be group, user, subscription or key")]
pub struct UnknownResourceKind;

impl ResourceKind {
    /// The name used on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::User => "user",
            Self::Subscription => "subscription",
            Self::Key => "key",
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ResourceKind {
    type Err = UnknownResourceKind;

    fn from_str(text: &str) -> Result<Self, UnknownResourceKind> {
        [Self::Group, Self::User, Self::Subscription, Self::Key]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(UnknownResourceKind)
    }
}

/// What is known about one object on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedResource {
    /// Number of the record, for paging; an update keeps it.
    pub id: i64,
    /// The host it is on.
    pub host: HostId,
    /// Its type.
    pub kind: ResourceKind,
    /// Its name, exactly as the host spells it.
    pub name: String,
    /// The host's id for it.
    pub remote_id: String,
    /// When it was first recorded.
    pub recorded_at: Timestamp,
    /// When it was last recorded.
    pub updated_at: Timestamp,
}

/// Which managed resources to list; an absent field admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceFilter {
    /// Only those on this host.
    pub host: Option<HostId>,
    /// Only those of this type.
    pub kind: Option<ResourceKind>,
    /// Only those with exactly this name.
    pub name: Option<String>,
}

//! Numbers by which a host knows its objects. Newtypes, so that a user's and a
//! group's cannot change places; text of them is what `remote_id` of a managed
//! resource holds.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! remote_id {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

remote_id! {
    /// A group of a host.
    RemoteGroupId
    /// A user of a host.
    RemoteUserId
    /// A subscription of a host.
    RemoteSubscriptionId
    /// A gateway key of a host.
    RemoteKeyId
    /// An upstream account of a host.
    RemoteAccountId
}

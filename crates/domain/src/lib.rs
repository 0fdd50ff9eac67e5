//! The nouns of Relay Manager (spec §1): ids, hosts, groups, routes, consumer
//! keys, secrets and time.
//!
//! Nothing here does IO, reads a clock or serializes itself: each edge (fleet
//! file, database, JSON API) has wire types of its own.
#![forbid(unsafe_code)]

pub mod base_url;
pub mod clock;
pub mod fleet;
pub mod group;
pub mod host;
pub mod id;
pub mod key;
pub mod limits;
pub mod model;
pub mod money;
pub mod route;
pub mod scope;
pub mod secret;

pub use base_url::{BaseUrl, BaseUrlError};
pub use clock::{Clock, ManualClock, SystemClock};
pub use fleet::{Fleet, Generation};
pub use group::{Failback, Group, OnDisconnect, Sticky};
pub use host::{AdminAccess, Host, HostKind};
pub use id::{GroupId, HostId, IdError, KeyId, RouteId};
pub use jiff::Timestamp;
pub use key::{ConsumerKey, IpNet, KeyHash, KeyOrigin, PreviousSecret};
pub use limits::{Amount, Budget, Limits, Period};
pub use model::{ModelPattern, ModelPatternError};
pub use money::{DecimalError, Money, Ratio};
pub use route::{CredentialMode, Route, RouteCost};
pub use scope::Scope;
pub use secret::{Secret, SecretSource, StoredSecret};

//! The fleet: one published generation of hosts, groups, routes and keys.

use crate::{ConsumerKey, Group, Host, Route};

/// Number of a published version of the fleet; 0 is the empty one of a new installation.
pub type Generation = u64;

/// Everything a generation publishes. Whoever builds one has checked that ids
/// are unique and references resolve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fleet {
    /// Which version this is.
    pub generation: Generation,
    /// Upstream deployments.
    pub hosts: Vec<Host>,
    /// Pools given to customers.
    pub groups: Vec<Group>,
    /// Ways from a pool's model to a host.
    pub routes: Vec<Route>,
    /// Who may call.
    pub keys: Vec<ConsumerKey>,
}

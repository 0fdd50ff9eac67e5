//! What operators do with a host as a whole: probe it, compare it with what is
//! meant to be on it, watch what it costs, and reconcile its bill with our log.
//!
//! Nothing here writes to a host. What is to be mended there by us is left to
//! [`crate::managed`], which changes only what carries our tag.

mod drift;
mod key_quotas;
mod mapping;
mod models;
mod objects;
mod probe;
mod progress;
mod quota;
mod reconcile;
mod results;
mod sync;
mod trial;
pub(crate) mod watch;

use std::sync::Arc;

use relay_domain::{Host, HostId};
use relay_hosts::admin::AdminError;
use relay_store::StoreError;

pub use drift::Drift;
pub(crate) use key_quotas::KeyLooks;
pub use models::{ModelChange, ModelSync};
pub use probe::HostCapabilities;
pub use progress::WorkProgress;
pub(crate) use progress::WorkUnderWay;
pub use reconcile::{Difference, JoinedBy, Reconciled, Sums, Unjoined};
pub use results::{HostOutcome, HostResult};
pub use sync::Synced;
pub use trial::{HostTrial, TrialFault};
pub use watch::{WatchSettings, Watched};

use crate::Control;
use crate::edit::EditError;
use crate::managed::is_managed;

/// What was asked of a host cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// There is none of that id.
    #[error("there is no host \"{0}\"")]
    Unknown(String),
    /// It has no admin API, or no access to it is configured.
    #[error("host \"{0}\" has no admin API that lets us in: it needs kind = \"sub2api\" and admin_key or login")]
    NoAccess(HostId),
    /// Its admin API failed.
    #[error("the admin API of host \"{host}\" failed: {error}; {}", error.remedy())]
    Admin {
        /// The host.
        host: HostId,
        /// Why.
        error: AdminError,
    },
    /// The group to be synced into, or of the host, is not there.
    #[error("{0}")]
    NotFound(String),
    /// Our log cannot be read.
    #[error("the decision log cannot be read: {0}")]
    Log(String),
    /// The fleet could not be changed.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Control {
    /// A host of the fleet whose admin API lets us in.
    fn reached(&self, id: &str) -> Result<Arc<Host>, HostError> {
        let unknown = || HostError::Unknown(id.to_owned());
        let id = HostId::new(id).map_err(|_| unknown())?;
        let hosts = self.parts.managed.hosts();
        let host = hosts.host(&id).ok_or_else(unknown)?;
        if is_managed(&host) { Ok(host) } else { Err(HostError::NoAccess(id)) }
    }
}

fn admin(host: &Host) -> impl Fn(AdminError) -> HostError + '_ {
    |error| HostError::Admin { host: host.id.clone(), error }
}

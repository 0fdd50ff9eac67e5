//! Adding one host to the fleet: the fleet in force with one `[[host]]` more.

use serde_json::{Map, Value};

use crate::Control;
use crate::fleet_document::{Fault, Faults, FleetDocument};
use crate::publication::{Applied, ApplyError};

/// A host was added.
#[derive(Debug)]
pub struct AddedHost {
    /// The generation that has it, and what it changed.
    pub applied: Applied,
}

/// A host was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddHostError {
    /// There is one of that id.
    #[error("there is a host \"{0}\"")]
    Exists(String),
    /// Its fields have faults, or it could not be published.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

impl Control {
    /// Publishes the fleet in force with this host beside the others.
    ///
    /// # Errors
    /// See [`AddHostError`].
    pub async fn add_host(&self, host: Map<String, Value>, actor: &str) -> Result<AddedHost, AddHostError> {
        let id = host.get("host_id").and_then(Value::as_str).unwrap_or_default().trim();
        if self.snapshot().host(id).is_some() {
            return Err(AddHostError::Exists(id.to_owned()));
        }
        let mut document = FleetDocument::from_toml(&self.export()).map_err(ApplyError::Faults)?;
        let place = document.push("host", Value::Object(host));
        let applied = self.apply(&document, actor).await.map_err(|error| about_the_host(error, place))?;
        Ok(AddedHost { applied })
    }
}

/// Faults name the entry by its place in the document, which whoever adds a host does not see.
fn about_the_host(error: ApplyError, place: usize) -> ApplyError {
    let ApplyError::Faults(Faults(faults)) = error else { return error };
    let prefix = format!("host[{place}].");
    let told = faults.into_iter().map(|fault| Fault {
        path: fault.path.strip_prefix(&prefix).map_or(fault.path.clone(), str::to_owned),
        ..fault
    });
    ApplyError::Faults(Faults(told.collect()))
}

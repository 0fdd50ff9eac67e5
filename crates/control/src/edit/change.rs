//! The one way in which the fleet in force becomes another: under the lock on publishing, made
//! again when another process has published meanwhile.

use std::collections::HashSet;

use relay_domain::Secret;
use relay_store::{PublishError, generate_consumer_key};

use super::document::Edited;
use super::{Edit, EditError, Entry};
use crate::Control;
use crate::audit::Act;
use crate::control::InForce;
use crate::diff::diff;
use crate::fleet_document::{Finding, NoReferences, ReadFleet, Reading, findings};
use crate::publication::Applied;

/// Another process may publish at the same moment; then the change is made again on top of that.
const TRIES: u32 = 5;

impl Control {
    /// Publishes what `make` makes of the fleet in force, unless that changes nothing; and what else it made.
    pub(crate) async fn change<T>(
        &self,
        act: &Act<'_>,
        make: impl Fn(&InForce) -> Result<(ReadFleet, T), EditError>,
    ) -> Result<(Applied, T), EditError> {
        let _one_at_a_time = self.publishing.lock().await;
        let mut tries = 0;
        loop {
            let in_force = self.in_force.load_full();
            let (made, other) = make(&in_force)?;
            let diff = diff(&in_force.fleet, &made.fleet);
            if diff.is_empty() {
                return Ok((Applied::unchanged(in_force.fleet.generation, made.findings), other));
            }
            tries += 1;
            match self.publish(&in_force, made.fleet, &diff, act).await {
                Ok(generation) => {
                    return Ok((Applied::published(generation, diff, made.generated, made.findings), other));
                }
                Err(PublishError::Conflict { .. }) if tries < TRIES => {
                    let fleet = self.parts.store.fleet().await?;
                    self.put_in_force(InForce::new(fleet, &self.parts.health));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The fleet in force with the edits made.
    pub(crate) fn edited(&self, in_force: &InForce, edits: &[Edit]) -> Result<ReadFleet, EditError> {
        let keyring = &*self.parts.keyring;
        let entry = |edit: &Edit| Entry::find(&in_force.snapshot, edit.noun, &edit.id, keyring);
        for edit in edits {
            if let Some(Entry { version: current, .. }) = entry(edit)
                && !edit.expected.admits(&current)
            {
                return Err(EditError::Outdated { noun: edit.noun, id: edit.id.clone(), current });
            }
        }
        let reading = Reading {
            current: &in_force.fleet,
            resolver: &NoReferences,
            hash_key: &|secret: &Secret| keyring.hash_key(secret.expose()),
            generate_key: &generate_consumer_key,
            now: self.now(),
        };
        let mut edited = Edited::new(in_force, edits, entry)?.read(edits, &reading)?;
        let known: HashSet<Finding> = findings(&in_force.fleet, reading.now).into_iter().collect();
        // What was so before is not what this change should be asked about.
        edited.findings.retain(|finding| !known.contains(finding));
        Ok(edited)
    }
}

//! What edits would do to recent traffic, before they are made: `plan` for who changes one entry at a time.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use relay_domain::Route;
use relay_routing::Snapshot;

use super::{Edit, EditError, Noun};
use crate::Control;
use crate::blast_radius::ReplayWindow;
use crate::catalog;
use crate::fleet_document::{DeadRoute, Finding, dead_routes};
use crate::page::QueryError;
use crate::replay::{BlastRadius, World};

/// What edits would do to the traffic of a window.
#[derive(Clone, Debug)]
pub struct Weighed {
    /// Absent when nothing would change.
    pub blast_radius: Option<BlastRadius>,
    /// Whether a request of the window went where something would change, or would go there: without, the blast radius
    /// says nothing.
    pub is_in_traffic: bool,
    /// Enabled routes that could serve nothing, and can now.
    pub dead_routes: Vec<DeadRoute>,
    /// Routes whose model their host does not show.
    pub findings: Vec<Finding>,
}

/// Edits were not weighed.
#[derive(Debug, thiserror::Error)]
pub enum WeighError {
    /// They could not be made.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The log or the store could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl Control {
    /// What [`Control::edit`] would have done to the traffic of a window; nothing is changed.
    ///
    /// # Errors
    /// See [`WeighError`]. A dropped future ends the replay.
    pub async fn weigh_edit(&self, edits: &[Edit], window: ReplayWindow) -> Result<Weighed, WeighError> {
        let in_force = self.in_force.load_full();
        let fleet = self.edited(&in_force, edits)?.fleet;
        let now = self.now();
        let of_route = |dead: &DeadRoute| (dead.route_id.clone(), dead.reason.clone());
        let before: HashSet<_> = dead_routes(&in_force.fleet, now).iter().map(of_route).collect();
        let mut dead = dead_routes(&fleet, now);
        dead.retain(|dead| !before.contains(&of_route(dead)));
        let records = self.host_records(&[&fleet.hosts]).await.map_err(QueryError::from)?;
        let known: HashSet<Finding> = catalog::findings(&in_force.fleet, &records).into_iter().collect();
        let mut findings = catalog::findings(&fleet, &records);
        findings.retain(|finding| !known.contains(finding));
        let differs = !crate::diff::diff(&in_force.fleet, &fleet).is_empty();
        let blast_radius = if differs {
            let proposed = World::well(Arc::new(Snapshot::build(&fleet)));
            let worlds = [World::well(Arc::clone(&in_force.snapshot)), proposed];
            Some(self.replay(worlds, window, Arc::new(|_| ())).await?)
        } else {
            None
        };
        let is_in_traffic = blast_radius.as_ref().is_some_and(|radius| {
            edits.iter().any(|edit| is_used(edit, &radius.used_routes, [&in_force.fleet.routes, &fleet.routes]))
        });
        Ok(Weighed { blast_radius, is_in_traffic, dead_routes: dead, findings })
    }
}

/// Whether a route that an edit concerns served something. Which keys did is not told: one of theirs might have.
fn is_used(edit: &Edit, used: &BTreeSet<String>, routes: [&Vec<Route>; 2]) -> bool {
    let concerned = |route: &&Route| match edit.noun {
        Noun::Route => route.id.as_str() == edit.id,
        Noun::Host => route.host.as_str() == edit.id,
        Noun::Group => route.group.as_str() == edit.id,
        Noun::Key => true,
    };
    routes.into_iter().flatten().filter(concerned).any(|route| used.contains(route.id.as_str()))
}

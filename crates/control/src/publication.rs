//! Publishing a fleet document: validated whole, written in one transaction,
//! handed to the data plane before the answer (spec §8).

use std::sync::Arc;

use relay_domain::{Fleet, Generation, Secret};
use relay_routing::Snapshot;
pub use relay_store::PublishError;
use relay_store::{Publication, StoreError, generate_consumer_key};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Control;
use crate::audit::{self, Act};
use crate::blast_radius::{OnProgress, ReplayWindow};
use crate::catalog;
use crate::control::InForce;
use crate::diff::{Diff, diff};
use crate::expected::Expected;
use crate::fleet_document::{
    DeadRoute, Faults, Finding, FleetDocument, GeneratedKey, ReadFleet, Reading, SecretResolver, dead_routes, export,
    read, warnings,
};
use crate::page::QueryError;
use crate::replay::{BlastRadius, World};

/// A consumer key that was made by an apply. This is the only time it is shown.
#[derive(Clone, Serialize, ToSchema)]
pub struct NewKey {
    /// Which key.
    pub key_id: String,
    /// The secret to hand to the consumer.
    pub key: String,
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewKey({})", self.key_id)
    }
}

/// What an apply did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Applied {
    /// The generation in force now.
    #[schema(value_type = u64)]
    pub generation: Generation,
    /// Whether that is a new one; an apply that changes nothing publishes nothing.
    pub published: bool,
    /// What changed.
    pub diff: Diff,
    /// Keys that were made.
    pub generated_keys: Vec<NewKey>,
    /// What is legal and probably not meant, in a line each.
    pub warnings: Vec<String>,
    /// The same with remedies, and notes beside the warnings.
    pub findings: Vec<Finding>,
}

impl Applied {
    /// Nothing differs, so nothing was published.
    pub(crate) fn unchanged(generation: Generation, findings: Vec<Finding>) -> Self {
        Self {
            generation,
            published: false,
            diff: Diff::default(),
            generated_keys: Vec::new(),
            warnings: warnings(&findings),
            findings,
        }
    }

    /// A new generation.
    pub(crate) fn published(
        generation: Generation,
        diff: Diff,
        generated: Vec<GeneratedKey>,
        findings: Vec<Finding>,
    ) -> Self {
        let shown = |key: GeneratedKey| NewKey { key_id: key.key_id, key: key.secret.expose().to_owned() };
        let generated_keys = generated.into_iter().map(shown).collect();
        Self { generation, published: true, diff, generated_keys, warnings: warnings(&findings), findings }
    }
}

/// What an apply would do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Planned {
    /// The generation in force.
    #[schema(value_type = u64)]
    pub generation: Generation,
    /// Whether an apply would publish.
    pub changes: bool,
    /// What would change.
    pub diff: Diff,
    /// Ids of the keys that would be made.
    pub generated_keys: Vec<String>,
    /// What is legal and probably not meant, in a line each.
    pub warnings: Vec<String>,
    /// The same with remedies, and notes beside the warnings.
    pub findings: Vec<Finding>,
    /// Enabled routes that could serve nothing.
    pub dead_routes: Vec<DeadRoute>,
    /// What it would do to recent traffic; null when nothing would change, or nobody asks.
    pub blast_radius: Option<BlastRadius>,
}

/// A plan was not made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The document has faults.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// The log or the store could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// A document was not applied. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The document has faults.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// The fleet is not of an expected generation.
    #[error("the fleet is of generation {current} by now; look at what it changed and repeat this on top of it")]
    Outdated {
        /// The generation in force.
        current: Generation,
    },
    /// It could not be published: somebody else did, or the store failed.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl Control {
    /// Publishes a document as a new generation, unless it changes nothing. When
    /// this returns, new requests are served from it; those in flight keep theirs.
    ///
    /// # Errors
    /// See [`ApplyError`]. A dropped future may have published; the next read tells.
    pub async fn apply(&self, document: &FleetDocument, actor: &str) -> Result<Applied, ApplyError> {
        self.apply_expecting(&Expected::default(), document, actor).await
    }

    /// [`Control::apply`], only over an expected generation.
    ///
    /// # Errors
    /// As [`Control::apply`].
    pub async fn apply_expecting(
        &self,
        expected: &Expected,
        document: &FleetDocument,
        actor: &str,
    ) -> Result<Applied, ApplyError> {
        self.apply_as(expected, document, actor, &*self.parts.resolver).await
    }

    /// [`Control::apply`] with secret references looked up by `resolver`.
    ///
    /// # Errors
    /// As [`Control::apply`].
    pub async fn apply_with(
        &self,
        document: &FleetDocument,
        actor: &str,
        resolver: &dyn SecretResolver,
    ) -> Result<Applied, ApplyError> {
        self.apply_as(&Expected::default(), document, actor, resolver).await
    }

    async fn apply_as(
        &self,
        expected: &Expected,
        document: &FleetDocument,
        actor: &str,
        resolver: &dyn SecretResolver,
    ) -> Result<Applied, ApplyError> {
        let _one_at_a_time = self.publishing.lock().await;
        let in_force = self.in_force.load_full();
        let current = in_force.fleet.generation;
        if !expected.admits(&current.to_string()) {
            return Err(ApplyError::Outdated { current });
        }
        let ReadFleet { fleet, generated, findings } = self.read(document, &in_force, resolver)?;
        let diff = diff(&in_force.fleet, &fleet);
        if diff.is_empty() {
            return Ok(Applied::unchanged(current, findings));
        }
        let act = Act { actor, action: "publish".to_owned(), summary: diff.summary() };
        let generation = self.publish(&in_force, fleet, &diff, &act).await?;
        Ok(Applied::published(generation, diff, generated, findings))
    }

    /// Reads a document as [`Control::apply`] does, for its faults alone.
    ///
    /// # Errors
    /// All faults.
    pub fn check(&self, document: &FleetDocument) -> Result<(), Faults> {
        self.read(document, &self.in_force.load_full(), &*self.parts.resolver).map(drop)
    }

    /// What [`Control::apply`] would do; nothing is changed. With a window, also what it would do to the traffic of then.
    ///
    /// # Errors
    /// See [`PlanError`]. A dropped future ends the replay.
    pub async fn plan(
        &self,
        document: &FleetDocument,
        window: Option<ReplayWindow>,
        on_progress: OnProgress,
    ) -> Result<Planned, PlanError> {
        let in_force = self.in_force.load_full();
        let read = self.read(document, &in_force, &*self.parts.resolver)?;
        let mut planned = self.planned(&in_force, &read);
        let records = self.host_records(&[&read.fleet.hosts]).await.map_err(QueryError::from)?;
        planned.findings.extend(catalog::findings(&read.fleet, &records));
        planned.warnings = warnings(&planned.findings);
        if let Some(window) = window.filter(|_| planned.changes) {
            let proposed = World::well(Arc::new(Snapshot::build(&read.fleet)));
            let worlds = [World::well(Arc::clone(&in_force.snapshot)), proposed];
            planned.blast_radius = Some(self.replay(worlds, window, on_progress).await?);
        }
        Ok(planned)
    }

    /// What publishing `read` over the fleet in force would do, without a look at traffic.
    pub(crate) fn planned(&self, in_force: &InForce, read: &ReadFleet) -> Planned {
        let diff = diff(&in_force.fleet, &read.fleet);
        Planned {
            generation: in_force.fleet.generation,
            changes: !diff.is_empty(),
            diff,
            generated_keys: read.generated.iter().map(|key| key.key_id.clone()).collect(),
            warnings: read.warnings(),
            findings: read.findings.clone(),
            dead_routes: dead_routes(&read.fleet, self.now()),
            blast_radius: None,
        }
    }

    /// The fleet in force as a fleet file.
    pub fn export(&self) -> String {
        export(&self.in_force.load().fleet)
    }

    /// Takes over a generation that another process published; `None` when there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn refresh(&self) -> Result<Option<Generation>, StoreError> {
        let _one_at_a_time = self.publishing.lock().await;
        if self.parts.store.current_generation().await? == self.generation() {
            return Ok(None);
        }
        let fleet = self.parts.store.fleet().await?;
        let generation = fleet.generation;
        self.put_in_force(InForce::new(fleet, &self.parts.health));
        Ok(Some(generation))
    }

    /// Writes `fleet` as the generation after the one in force, and serves from it; the caller
    /// holds the lock on publishing.
    pub(crate) async fn publish(
        &self,
        in_force: &InForce,
        fleet: Fleet,
        diff: &Diff,
        act: &Act<'_>,
    ) -> Result<Generation, PublishError> {
        let Act { actor, action, summary } = act;
        let fleet = Arc::new(fleet);
        let publication = Publication {
            fleet: Arc::clone(&fleet),
            based_on: in_force.fleet.generation,
            actor: (*actor).to_owned(),
            summary: summary.clone(),
            diff: serde_json::to_value(diff).unwrap_or_default(),
            at: self.now(),
            action: action.clone(),
            subjects: audit::subjects(diff),
            details: Some(audit::before_and_after(diff, &in_force.fleet, &fleet)),
        };
        let generation = self.parts.store.publish(publication).await?;
        // The store has let go of it, so nothing is copied.
        let fleet = Fleet { generation, ..Arc::unwrap_or_clone(fleet) };
        self.put_in_force(InForce::new(fleet, &self.parts.health));
        tracing::info!(generation, actor, summary = diff.summary(), "published a fleet");
        Ok(generation)
    }

    pub(crate) fn put_in_force(&self, in_force: InForce) {
        let (snapshot, health) = (Arc::clone(&in_force.snapshot), Arc::clone(&in_force.health));
        self.parts.managed.put_hosts(&in_force.fleet.hosts);
        self.in_force.store(Arc::new(in_force));
        (self.parts.publish)(snapshot, health);
    }

    fn read(
        &self,
        document: &FleetDocument,
        in_force: &InForce,
        resolver: &dyn SecretResolver,
    ) -> Result<ReadFleet, Faults> {
        let keyring = &self.parts.keyring;
        let reading = Reading {
            current: &in_force.fleet,
            resolver,
            hash_key: &|secret: &Secret| keyring.hash_key(secret.expose()),
            generate_key: &generate_consumer_key,
            now: self.now(),
        };
        read(document, &reading)
    }
}

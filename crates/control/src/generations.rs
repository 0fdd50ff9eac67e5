//! What differs between published generations, and going back to one.

use relay_domain::{Fleet, Generation};
use relay_store::{PublishError, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Control;
use crate::audit::Act;
use crate::diff::{Diff, diff};
use crate::expected::Expected;

/// What differs between two generations.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = GenerationDifference)]
pub struct Difference {
    /// The one that is compared with.
    #[schema(value_type = u64)]
    pub from: Generation,
    /// The one that is compared.
    #[schema(value_type = u64)]
    pub to: Generation,
    /// What `to` has that `from` has not, and the other way round.
    pub diff: Diff,
}

/// What going back did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RolledBack {
    /// The generation in force now: a new one, with the fleet of the old.
    #[schema(value_type = u64)]
    pub generation: Generation,
    /// Whether it was published; when nothing differs, nothing is.
    pub published: bool,
    /// What changed.
    pub diff: Diff,
}

/// There is no going there.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// It was never published.
    #[error("there is no generation {0}")]
    Unknown(Generation),
    /// Only its record is left: whole fleets are forgotten with the decisions that refer to them.
    #[error("the fleet of generation {0} is forgotten; only its record is left")]
    Forgotten(Generation),
    /// The fleet is not of an expected generation.
    #[error("the fleet is of generation {current} by now; look at what it changed and repeat this on top of it")]
    Outdated {
        /// The generation in force.
        current: Generation,
    },
    /// It could not be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl From<StoreError> for GenerationError {
    fn from(error: StoreError) -> Self {
        Self::Publish(error.into())
    }
}

impl Control {
    /// What differs between two generations; without `to` the one in force.
    ///
    /// # Errors
    /// See [`GenerationError`].
    pub async fn difference(&self, from: Generation, to: Option<Generation>) -> Result<Difference, GenerationError> {
        let old = self.fleet_of(from).await?;
        let new = match to {
            Some(number) => self.fleet_of(number).await?,
            None => self.in_force.load().fleet.clone(),
        };
        Ok(Difference { from, to: new.generation, diff: diff(&old, &new) })
    }

    /// Publishes the fleet of an old generation as a new one: hosts, groups, routes and keys as they were, with their
    /// secrets. A key that was removed or rotated since works again as it did then.
    ///
    /// # Errors
    /// See [`GenerationError`]. A dropped future may have published; the next read tells.
    pub async fn roll_back(&self, to: Generation, actor: &str) -> Result<RolledBack, GenerationError> {
        self.roll_back_expecting(&Expected::default(), to, actor).await
    }

    /// [`Control::roll_back`], only from an expected generation.
    ///
    /// # Errors
    /// As [`Control::roll_back`].
    pub async fn roll_back_expecting(
        &self,
        expected: &Expected,
        to: Generation,
        actor: &str,
    ) -> Result<RolledBack, GenerationError> {
        let _one_at_a_time = self.publishing.lock().await;
        let fleet = self.fleet_of(to).await?;
        let in_force = self.in_force.load_full();
        let current = in_force.fleet.generation;
        if !expected.admits(&current.to_string()) {
            return Err(GenerationError::Outdated { current });
        }
        let diff = diff(&in_force.fleet, &fleet);
        if diff.is_empty() {
            return Ok(RolledBack { generation: in_force.fleet.generation, published: false, diff });
        }
        let summary = format!("went back to generation {to}: {}", diff.summary());
        let act = Act { actor, action: "generations.rollback".to_owned(), summary };
        let generation = self.publish(&in_force, fleet, &diff, &act).await?;
        Ok(RolledBack { generation, published: true, diff })
    }

    pub(crate) async fn fleet_of(&self, number: Generation) -> Result<Fleet, GenerationError> {
        if let Some(fleet) = self.parts.store.fleet_at(number).await? {
            return Ok(fleet);
        }
        let known = self.generation_record(number).await?.is_some();
        Err(if known { GenerationError::Forgotten(number) } else { GenerationError::Unknown(number) })
    }
}

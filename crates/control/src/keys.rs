//! Consumer keys, one at a time: made, changed, rotated and removed over the API.
//! Each act is a generation like any other: validated, written with its audit entry, and in
//! force when the answer is given (spec §8).
//!
//! A key made here is kept apart from the fleet file (`origin = "api"`): a file that
//! does not name it leaves it alone.

use std::time::Duration;

use relay_domain::{ConsumerKey, Fleet, Generation, KeyOrigin, PreviousSecret, Secret, SecretSource};
use relay_store::{PublishError, StoreError, generate_consumer_key};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::Control;
use crate::control::InForce;
use crate::diff::diff;
use crate::fleet_document::{Faults, NoSecrets, Reading, read_key};
use crate::view::{self, Fields};

/// How long both secrets are good after a rotation when nobody says.
pub const DEFAULT_OVERLAP: Duration = Duration::from_hours(24);

/// Another process may publish at the same moment; then the change is made again on top of that.
const TRIES: u32 = 5;

/// A key with a secret that is shown this once.
#[derive(Clone, Serialize)]
pub struct IssuedKey {
    /// Which key.
    pub key_id: String,
    /// The secret to hand to the consumer.
    pub key: String,
    /// Until when the secret before it is good too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_secret_until: Option<String>,
    /// The generation that it came with.
    pub generation: Generation,
}

impl std::fmt::Debug for IssuedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IssuedKey({})", self.key_id)
    }
}

/// A key was not changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no such key.
    #[error("there is no key \"{0}\"")]
    Unknown(String),
    /// There is one of this id already.
    #[error("there is a key \"{0}\" already; choose another key_id, or change that one")]
    Exists(String),
    /// Its secret is kept where the fleet file says, so it can only be changed there.
    #[error("the secret of key \"{0}\" comes from {1}; change it there and apply the fleet file again")]
    SecretElsewhere(String, String),
    /// That field is not set this way.
    #[error("{field} {why}")]
    Fixed {
        /// Which.
        field: &'static str,
        /// What to do instead.
        why: &'static str,
    },
    /// What is asked for has faults.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// It could not be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl From<StoreError> for KeyError {
    fn from(error: StoreError) -> Self {
        Self::Publish(error.into())
    }
}

impl Control {
    /// Makes a key from the fields of the fleet file's `[[key]]`; without `key_id` it is given one.
    /// The secret is shown in the answer and nowhere else.
    ///
    /// # Errors
    /// See [`KeyError`]. A dropped future may have made it; the next list tells.
    pub async fn create_key(&self, mut fields: Fields, actor: &str) -> Result<IssuedKey, KeyError> {
        let given = match fields.get("secret") {
            None | Some(Value::Null) => None,
            Some(Value::String(secret)) => Some(Secret::new(secret)),
            Some(_) => return Err(KeyError::Fixed { field: "secret", why: "must be text, or left out to be made" }),
        };
        fields.entry("key_id").or_insert_with(|| new_key_id().into());
        fields.entry("origin").or_insert_with(|| KeyOrigin::Api.as_str().into());
        let made = self.change(actor, |fleet| {
            let (key, generated) = self.read_fields(&fields, fleet)?;
            if fleet.keys.iter().any(|other| other.id == key.id) {
                return Err(KeyError::Exists(key.id.to_string()));
            }
            let id = key.id.to_string();
            fleet.keys.push(key);
            Ok((id, generated.map(|generated| generated.secret)))
        });
        let ((key_id, generated), generation) = made.await?;
        let key = generated.or(given).map(|secret| secret.expose().to_owned()).unwrap_or_default();
        Ok(IssuedKey { key_id, key, previous_secret_until: None, generation })
    }

    /// Changes the named fields of a key, as a JSON merge patch does: `null` is as if the field had
    /// been left out. Neither its id nor its secret can be changed so.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub async fn update_key(&self, id: &str, patch: Fields, actor: &str) -> Result<Fields, KeyError> {
        if patch.contains_key("key_id") {
            return Err(KeyError::Fixed { field: "key_id", why: "cannot be changed; make another key" });
        }
        if patch.contains_key("secret") {
            return Err(KeyError::Fixed { field: "secret", why: "cannot be changed here; rotate the key" });
        }
        let changed = self.change(actor, |fleet| {
            let place = place(fleet, id)?;
            let mut fields = document_fields(&fleet.keys[place]);
            fields.extend(patch.clone());
            let (key, _) = self.read_fields(&fields, fleet)?;
            let shown = view::key(&key);
            fleet.keys[place] = key;
            Ok(shown)
        });
        Ok(changed.await?.0)
    }

    /// Gives a key a new secret; the present one is good for `overlap` more. A secret before
    /// that one ends at once: there are never more than two.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub async fn rotate_key(&self, id: &str, overlap: Duration, actor: &str) -> Result<IssuedKey, KeyError> {
        let rotated = self.change(actor, |fleet| {
            let place = place(fleet, id)?;
            let key = &mut fleet.keys[place];
            match &key.source {
                SecretSource::Env(name) => {
                    return Err(KeyError::SecretElsewhere(id.into(), format!("variable {name}")));
                }
                SecretSource::File(path) => return Err(KeyError::SecretElsewhere(id.into(), format!("file {path}"))),
                SecretSource::Value => {}
            }
            let secret = generate_consumer_key();
            let until = self.now().saturating_add(overlap).unwrap_or(relay_domain::Timestamp::MAX);
            key.previous = (!overlap.is_zero()).then_some(PreviousSecret { hash: key.hash, until });
            key.hash = self.parts.keyring.hash_key(secret.expose());
            Ok((secret, key.previous.map(|previous| previous.until.to_string())))
        });
        let ((secret, previous_secret_until), generation) = rotated.await?;
        Ok(IssuedKey { key_id: id.to_owned(), key: secret.expose().to_owned(), previous_secret_until, generation })
    }

    /// Removes a key; its decisions and roll-ups stay.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub async fn delete_key(&self, id: &str, actor: &str) -> Result<(), KeyError> {
        let removed = self.change(actor, |fleet| {
            let place = place(fleet, id)?;
            fleet.keys.remove(place);
            Ok(())
        });
        removed.await.map(|((), _)| ())
    }

    /// Publishes what `edit` makes of the fleet in force; the generation in force afterwards.
    async fn change<T>(
        &self,
        actor: &str,
        edit: impl Fn(&mut Fleet) -> Result<T, KeyError>,
    ) -> Result<(T, Generation), KeyError> {
        let _one_at_a_time = self.publishing.lock().await;
        let mut tries = 0;
        loop {
            let in_force = self.in_force.load_full();
            let mut fleet = in_force.fleet.clone();
            let made = edit(&mut fleet)?;
            let diff = diff(&in_force.fleet, &fleet);
            if diff.is_empty() {
                return Ok((made, in_force.fleet.generation));
            }
            tries += 1;
            match self.publish(&in_force, fleet, &diff, actor).await {
                Ok(generation) => return Ok((made, generation)),
                Err(PublishError::Conflict { .. }) if tries < TRIES => {
                    let fleet = self.parts.store.fleet().await?;
                    self.put_in_force(InForce::new(fleet, &self.parts.health));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn read_fields(
        &self,
        fields: &Fields,
        fleet: &Fleet,
    ) -> Result<(ConsumerKey, Option<crate::fleet_document::GeneratedKey>), KeyError> {
        let keyring = &self.parts.keyring;
        let reading = Reading {
            current: fleet,
            // No variable or file of the server is read because a call names it.
            resolver: &NoSecrets,
            hash_key: &|secret: &Secret| keyring.hash_key(secret.expose()),
            generate_key: &generate_consumer_key,
            now: self.now(),
        };
        Ok(read_key(fields, &reading)?)
    }
}

fn place(fleet: &Fleet, id: &str) -> Result<usize, KeyError> {
    fleet.keys.iter().position(|key| key.id.as_str() == id).ok_or_else(|| KeyError::Unknown(id.to_owned()))
}

/// A key as the document would write it: its secret is left out, which means "as stored".
fn document_fields(key: &ConsumerKey) -> Map<String, Value> {
    let mut fields = view::key(key);
    fields.remove("secret");
    fields.remove("previous_secret_until");
    fields
}

/// An id that no one else has, for a key without a name of its own.
fn new_key_id() -> String {
    format!("key-{}", uuid::Uuid::now_v7().simple())
}

//! Consumer keys, where they are more than an entry of the fleet: a secret that is shown once, and
//! its rotation. What else is done with a key is an [`edit`](crate::edit) like any other.
//!
//! A key made here is kept apart from the fleet file (`origin = "api"`): a file that
//! does not name it leaves it alone.

use std::time::Duration;

use relay_domain::{Generation, PreviousSecret, SecretSource, Timestamp};
use relay_store::generate_consumer_key;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::Control;
use crate::audit::Act;
use crate::edit::{Edit, EditError, Noun};
use crate::fleet_document::ReadFleet;
use crate::view::Fields;

/// How long both secrets are good after a rotation when nobody says.
pub const DEFAULT_OVERLAP: Duration = Duration::from_hours(24);

/// A key with a secret that is shown this once.
#[derive(Clone, Serialize, ToSchema)]
pub struct IssuedKey {
    /// Which key.
    pub key_id: String,
    /// The secret to hand to the consumer.
    pub key: String,
    /// Until when the secret before it is good too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub previous_secret_until: Option<String>,
    /// The generation that it came with.
    #[schema(value_type = u64)]
    pub generation: Generation,
}

impl std::fmt::Debug for IssuedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IssuedKey({})", self.key_id)
    }
}

impl Control {
    /// Makes a key from the fields of the fleet file's `[[key]]`; without `key_id` it is given one.
    /// The secret is shown in the answer and nowhere else.
    ///
    /// # Errors
    /// See [`EditError`]. A dropped future may have made it; the next list tells.
    pub async fn create_key(&self, fields: Fields, actor: &str) -> Result<IssuedKey, EditError> {
        let given = match fields.get("secret") {
            Some(Value::Object(reference)) => reference.get("value").cloned(),
            secret => secret.cloned(),
        };
        let edit = Edit::create(Noun::Key, fields);
        let made = self.edit(std::slice::from_ref(&edit), actor).await?;
        let generated = made.generated_keys.into_iter().next().map(|made| made.key);
        let given = given.as_ref().and_then(Value::as_str).map(|secret| secret.trim().to_owned());
        let key = generated.or(given).unwrap_or_default();
        let (key_id, generation) = (edit.id().to_owned(), made.generation);
        Ok(IssuedKey { key_id, key, previous_secret_until: None, generation })
    }

    /// Gives a key a new secret; the present one is good for `overlap` more. A secret before
    /// that one ends at once: there are never more than two.
    ///
    /// # Errors
    /// See [`EditError`].
    pub async fn rotate_key(&self, id: &str, overlap: Duration, actor: &str) -> Result<IssuedKey, EditError> {
        let act = Act { actor, action: "keys.rotate".to_owned(), summary: format!("rotated key \"{id}\"") };
        let rotated = self.change(&act, |in_force| {
            let mut fleet = in_force.fleet.clone();
            let unknown = || EditError::Unknown { noun: Noun::Key, id: id.to_owned() };
            let key = fleet.keys.iter_mut().find(|key| key.id.as_str() == id).ok_or_else(unknown)?;
            match &key.source {
                SecretSource::Env(name) => {
                    return Err(EditError::SecretElsewhere(id.into(), format!("variable {name}")));
                }
                SecretSource::File(path) => return Err(EditError::SecretElsewhere(id.into(), format!("file {path}"))),
                SecretSource::Value => {}
            }
            let secret = generate_consumer_key();
            let until = self.now().saturating_add(overlap).unwrap_or(Timestamp::MAX);
            key.previous = (!overlap.is_zero()).then_some(PreviousSecret { hash: key.hash, until });
            key.hash = self.parts.keyring.hash_key(secret.expose());
            let until = key.previous.map(|previous| previous.until.to_string());
            Ok((ReadFleet { fleet, generated: Vec::new(), findings: Vec::new() }, (secret, until)))
        });
        let (applied, (secret, previous_secret_until)) = rotated.await?;
        let (key, generation) = (secret.expose().to_owned(), applied.generation);
        Ok(IssuedKey { key_id: id.to_owned(), key, previous_secret_until, generation })
    }
}

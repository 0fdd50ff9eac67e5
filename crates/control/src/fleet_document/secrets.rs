//! Where a fleet document's secrets come from: the environment, files, or the
//! document itself.

use std::io::Read;
use std::path::{Path, PathBuf};

use relay_domain::{Secret, SecretSource, StoredSecret};
use serde_json::{Map, Value};

use super::entry::Entry;
use super::{Expected, Wrong};

/// Environment variables that are the process's own; handing their value to a
/// host would give the master key away.
const OWN_VARIABLES: &str = "RELAY_MANAGER_";

/// Largest secret file read, in bytes.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Why a reference has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// The variable is not set, or the file is not there.
    #[error("is not there")]
    Missing,
    /// It is there and may not be used.
    #[error("{0}")]
    Refused(&'static str),
    /// Nothing is read because a document names it; its value has to come along.
    #[error("is named without its value")]
    Unsent,
    /// It is there and cannot be read.
    #[error("cannot be read ({0})")]
    Unreadable(String),
}

/// Looks up what secret references name.
pub trait SecretResolver: Send + Sync {
    /// The value of an environment variable.
    fn env(&self, name: &str) -> Result<Secret, Unresolved>;
    /// The trimmed content of a file.
    fn file(&self, path: &str) -> Result<Secret, Unresolved>;
}

/// This process's environment and files.
#[derive(Clone, Debug, Default)]
pub struct ProcessSecrets {
    base: Option<PathBuf>,
    denied: Vec<PathBuf>,
}

impl ProcessSecrets {
    /// Relative file references start from `base` instead of the working directory.
    #[must_use]
    pub fn relative_to(mut self, base: impl Into<PathBuf>) -> Self {
        self.base = Some(base.into());
        self
    }

    /// Files under `directory` (the data directory with its master key) are refused.
    #[must_use]
    pub fn deny(mut self, directory: impl AsRef<Path>) -> Self {
        let directory = directory.as_ref();
        self.denied.push(directory.canonicalize().unwrap_or_else(|_| directory.to_owned()));
        self
    }
}

impl SecretResolver for ProcessSecrets {
    fn env(&self, name: &str) -> Result<Secret, Unresolved> {
        if name.to_ascii_uppercase().starts_with(OWN_VARIABLES) {
            return Err(Unresolved::Refused("belongs to relay-manager itself and is not handed out"));
        }
        match std::env::var(name) {
            Ok(value) => Ok(Secret::new(&value)),
            Err(std::env::VarError::NotPresent) => Err(Unresolved::Missing),
            Err(std::env::VarError::NotUnicode(_)) => Err(Unresolved::Unreadable("not UTF-8".to_owned())),
        }
    }

    fn file(&self, path: &str) -> Result<Secret, Unresolved> {
        let path = self.base.as_ref().map_or_else(|| PathBuf::from(path), |base| base.join(path));
        let unreadable = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => Unresolved::Missing,
            kind => Unresolved::Unreadable(kind.to_string()),
        };
        let path = path.canonicalize().map_err(unreadable)?;
        if self.denied.iter().any(|directory| path.starts_with(directory)) {
            return Err(Unresolved::Refused("is in relay-manager's own data directory"));
        }
        if !path.metadata().map_err(unreadable)?.is_file() {
            return Err(Unresolved::Unreadable("not a regular file".to_owned()));
        }
        let mut content = String::new();
        let file = std::fs::File::open(&path).map_err(unreadable)?;
        file.take(MAX_SECRET_BYTES + 1).read_to_string(&mut content).map_err(unreadable)?;
        if content.len() as u64 > MAX_SECRET_BYTES {
            return Err(Unresolved::Unreadable("larger than 64 KiB".to_owned()));
        }
        Ok(Secret::new(&content))
    }
}

/// Resolves nothing: for documents whose references were all resolved elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSecrets;

impl SecretResolver for NoSecrets {
    fn env(&self, _: &str) -> Result<Secret, Unresolved> {
        Err(Unresolved::Missing)
    }

    fn file(&self, _: &str) -> Result<Secret, Unresolved> {
        Err(Unresolved::Missing)
    }
}

/// Reads nothing: for what callers of the API send, since naming a variable or a file must not
/// make the server read it.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReferences;

impl SecretResolver for NoReferences {
    fn env(&self, _: &str) -> Result<Secret, Unresolved> {
        Err(Unresolved::Unsent)
    }

    fn file(&self, _: &str) -> Result<Secret, Unresolved> {
        Err(Unresolved::Unsent)
    }
}

/// What a secret will be used for, which decides what it may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Sent or received in a header: visible ASCII only.
    Header,
    /// Sent in a JSON body.
    Body,
}

/// A secret field as it was written.
pub(super) enum Written {
    /// Not there.
    Absent,
    /// There, with a fault that has been noted.
    Faulty,
    /// `{ keep = true }`: what is stored stays.
    Keep,
    /// A value and its origin.
    Given(StoredSecret),
}

/// Reads the secret field `field` of `entry`.
pub(super) fn read(entry: &mut Entry<'_>, field: &'static str, resolver: &dyn SecretResolver, used: Use) -> Written {
    let Some(value) = entry.value(field) else { return Written::Absent };
    let given = match value {
        Value::String(literal) => Some((Secret::new(literal), SecretSource::Value)),
        Value::Object(reference) if reference.get("keep") == Some(&Value::Bool(true)) && reference.len() == 1 => {
            return Written::Keep;
        }
        Value::Object(reference) => read_reference(entry, field, reference, resolver),
        other => {
            entry.wrong_type(field, other, Expected::Secret);
            None
        }
    };
    let Some((secret, source)) = given else { return Written::Faulty };
    if secret.expose().is_empty() {
        entry.fault(field, Wrong::EmptySecret(source));
        return Written::Faulty;
    }
    if used == Use::Header && !secret.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        entry.fault(field, Wrong::UnsendableSecret(source));
        return Written::Faulty;
    }
    Written::Given(StoredSecret { secret, source })
}

fn read_reference(
    entry: &mut Entry<'_>,
    field: &'static str,
    reference: &Map<String, Value>,
    resolver: &dyn SecretResolver,
) -> Option<(Secret, SecretSource)> {
    let text = |name: &str| reference.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let is_known = |name: &String| matches!(name.as_str(), "env" | "file" | "value");
    let source = match (text("env"), text("file")) {
        _ if !reference.keys().all(is_known) => {
            entry.fault(field, Wrong::ReferenceFields(reference.keys().cloned().collect()));
            return None;
        }
        (Some(name), None) => SecretSource::Env(name.to_owned()),
        (None, Some(path)) => SecretSource::File(path.to_owned()),
        (Some(_), Some(_)) => {
            entry.fault(field, Wrong::TwoReferences);
            return None;
        }
        (None, None) => {
            entry.fault(field, Wrong::NoReference);
            return None;
        }
    };
    if let Some(value) = text("value") {
        return Some((Secret::new(value), source));
    }
    let resolved = match &source {
        SecretSource::File(path) => resolver.file(path),
        SecretSource::Env(name) => resolver.env(name),
        SecretSource::Value => Err(Unresolved::Missing),
    };
    match resolved {
        Ok(secret) => Some((secret, source)),
        Err(why) => {
            entry.fault(field, Wrong::Unresolved(source, why));
            None
        }
    }
}

/// Puts the values that `resolver` can see beside their references, so that a
/// document can be sent to a server that cannot see them. What is missing
/// here is left for the server.
pub(super) fn inline(value: &mut Value, resolver: &dyn SecretResolver) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| inline(item, resolver)),
        Value::Object(fields) => {
            let resolved = match (fields.get("env"), fields.get("file")) {
                (Some(Value::String(name)), None) => resolver.env(name.trim()).ok(),
                (None, Some(Value::String(path))) => resolver.file(path.trim()).ok(),
                _ => return fields.values_mut().for_each(|field| inline(field, resolver)),
            };
            if let (Some(secret), false) = (resolved, fields.contains_key("value")) {
                fields.insert("value".to_owned(), Value::String(secret.expose().to_owned()));
            }
        }
        _ => {}
    }
}

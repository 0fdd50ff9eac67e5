//! What `host`, `group` and `route` have in common when they change one entry: fields as `name=value`, and a change that
//! is shown, as the server plans it, before it is made.

use std::path::Path;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use http::Method;
use relay_control::fleet_document::{ProcessSecrets, SecretResolver as _};
use serde_json::{Map, Value, json};

use super::Exit;
use super::api::Api;
use super::fleet::{changes, findings};
use super::nouns::Noun;
use crate::client::{Client, ClientError};
use crate::output::{Output, text_out};

/// How a change is asked for.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// Only show what would change; exits 3 when something would
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    api: Api,
}

/// What can be done to an entry that is there.
#[derive(Debug, Subcommand)]
pub(crate) enum ChangeCommand {
    /// Change fields, such as: set tokyo-1 enabled=false gateway_key=env:TOKYO1_KEY; what is not named stays
    Set {
        /// Its id
        id: String,
        /// Fields of docs/fleet-file.md; `name=` takes one away, a dot leads into a table (sticky.ttl=30m). A secret is
        /// best given as `env:NAME`, `file:PATH` or `@PATH`, which are read here
        #[arg(value_name = "NAME=VALUE", required = true)]
        fields: Vec<String>,
        #[command(flatten)]
        asked: Asked,
    },
    /// Take one into service again
    Enable {
        /// Its id
        id: String,
        #[command(flatten)]
        asked: Asked,
    },
    /// Take one out of service; it stays configured
    Disable {
        /// Its id
        id: String,
        #[command(flatten)]
        asked: Asked,
    },
    /// Remove one
    Remove {
        /// Its id
        id: String,
        /// Remove what refers to it too; --dry-run shows what that is
        #[arg(long)]
        cascade: bool,
        #[command(flatten)]
        asked: Asked,
    },
}

pub(super) async fn run(noun: &Noun, command: ChangeCommand, output: Output) -> anyhow::Result<Exit> {
    match command {
        ChangeCommand::Set { id, fields, asked } => {
            patch(noun, &id, &read_fields(&fields)?.into(), asked, output).await
        }
        ChangeCommand::Enable { id, asked } => patch(noun, &id, &json!({ "enabled": true }), asked, output).await,
        ChangeCommand::Disable { id, asked } => patch(noun, &id, &json!({ "enabled": false }), asked, output).await,
        ChangeCommand::Remove { id, cascade, asked } => {
            let query = if cascade { vec!["cascade=true"] } else { Vec::new() };
            let change = Change { method: Method::DELETE, path: noun.entry(&id), query, body: None };
            make(noun, &id, change, asked, output).await
        }
    }
}

/// `PATCH` of one entry.
pub(super) async fn patch(noun: &Noun, id: &str, patch: &Value, asked: Asked, output: Output) -> anyhow::Result<Exit> {
    let change = Change { method: Method::PATCH, path: noun.entry(id), query: Vec::new(), body: Some(patch) };
    make(noun, id, change, asked, output).await
}

/// `POST` of a new entry.
pub(super) async fn create(
    noun: &Noun,
    id: &str,
    fields: &Value,
    asked: Asked,
    output: Output,
) -> anyhow::Result<Exit> {
    let path = format!("/api/v1/{}", noun.path);
    make(noun, id, Change { method: Method::POST, path, query: Vec::new(), body: Some(fields) }, asked, output).await
}

/// `POST` of an act on one entry.
pub(super) async fn act(noun: &Noun, id: &str, act: &str, asked: Asked, output: Output) -> anyhow::Result<Exit> {
    let path = format!("{}/{act}", noun.entry(id));
    make(noun, id, Change { method: Method::POST, path, query: Vec::new(), body: None }, asked, output).await
}

struct Change<'a> {
    method: Method,
    path: String,
    query: Vec<&'static str>,
    body: Option<&'a Value>,
}

impl Change<'_> {
    async fn send(&self, client: &Client, dry_run: bool) -> Result<(Value, Option<u64>), ClientError> {
        let mut query = self.query.clone();
        query.extend(dry_run.then_some("dry_run=true"));
        let mark = if query.is_empty() { "" } else { "?" };
        client.change(self.method.clone(), &format!("{}{mark}{}", self.path, query.join("&")), self.body).await
    }
}

async fn make(noun: &Noun, id: &str, change: Change<'_>, asked: Asked, output: Output) -> anyhow::Result<Exit> {
    let client = asked.api.client()?;
    if asked.dry_run || !output.json {
        let (planned, _) = change.send(&client, true).await.map_err(|error| told(noun, id, error))?;
        let is_pending = planned["changes"] == true;
        let shown = format!("{}{}", changes(&planned["diff"]), findings(&planned));
        if asked.dry_run || !is_pending {
            output.value(&planned, || {
                if is_pending { format!("{shown}nothing was changed") } else { format!("{shown}nothing to change") }
            })?;
            return Ok(if is_pending { Exit::ChangesPending } else { Exit::Done });
        }
        text_out(&shown)?;
    }
    let (made, generation) = change.send(&client, false).await.map_err(|error| told(noun, id, error))?;
    let generation = generation.or_else(|| made["generation"].as_u64());
    output.value(&made, || match generation {
        Some(generation) => format!("generation {generation} is in force"),
        None => "done".to_owned(),
    })?;
    Ok(Exit::Done)
}

/// The error with the next step in the words of this command.
fn told(noun: &Noun, id: &str, error: ClientError) -> anyhow::Error {
    let one = noun.one;
    let ClientError::Failed(failed) = &error else { return error.into() };
    let details = &failed.body["error"]["details"];
    let Some(by) = details["referred_to_by"].as_array() else { return error.into() };
    let names: Vec<String> = by
        .iter()
        .map(|name| {
            format!("{} {}", name["noun"].as_str().unwrap_or_default(), name["id"].as_str().unwrap_or_default())
        })
        .collect();
    let message = format!(
        "{one} {id} is needed by {}; remove that first, or pass --cascade (with --dry-run to see what would go)",
        names.join(", ")
    );
    anyhow::Error::new(error).context(message)
}

/// Fields whose value is a secret.
const SECRETS: [&str; 3] = ["admin_key", "gateway_key", "password"];

/// Fields whose value is no text.
const FLAGS: [&str; 4] = ["enabled", "allow_private", "ask_usage", "retry_on_timeout"];
const NUMBERS: [&str; 6] = ["priority", "weight", "rpm", "tpm", "tpd", "concurrency"];

/// `name=value` of each argument as the API wants it.
pub(super) fn read_fields(arguments: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut fields = Map::new();
    for argument in arguments {
        let Some((path, text)) = argument.split_once('=') else {
            bail!("{argument} is not a field; write it as name=value");
        };
        let names: Vec<&str> = path.trim().split('.').collect();
        let name = names.last().copied().unwrap_or_default();
        put(&mut fields, &names, value(name, text.trim()).with_context(|| path.to_owned())?);
    }
    Ok(fields)
}

fn put(fields: &mut Map<String, Value>, names: &[&str], value: Value) {
    match names {
        [] => {}
        [name] => drop(fields.insert((*name).to_owned(), value)),
        [table, rest @ ..] => {
            let table = fields.entry(*table).or_insert_with(|| json!({}));
            if let Value::Object(inner) = table {
                put(inner, rest, value);
            }
        }
    }
}

/// Text that is no such value goes to the server as it is, which says what it wants.
fn value(name: &str, text: &str) -> anyhow::Result<Value> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    if SECRETS.contains(&name) {
        return secret(text);
    }
    if let Some(file) = text.strip_prefix('@') {
        return Ok(std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?.trim().into());
    }
    if FLAGS.contains(&name) {
        return Ok(text.parse().map_or_else(|_| text.into(), Value::Bool));
    }
    if NUMBERS.contains(&name) {
        return Ok(text.parse::<u64>().map_or_else(|_| text.into(), Value::from));
    }
    if text.starts_with(['[', '{']) {
        return serde_json::from_str(text).context("is not JSON; write a list as [\"a\", \"b\"]");
    }
    Ok(text.into())
}

/// A secret: `env:NAME` and `file:PATH` go along with their value, so that an export writes the reference.
pub(super) fn secret(text: &str) -> anyhow::Result<Value> {
    let here = ProcessSecrets::default();
    let (kind, name, found) = if let Some(name) = text.strip_prefix("env:") {
        ("env", name, here.env(name))
    } else if let Some(path) = text.strip_prefix("file:") {
        ("file", path, here.file(path))
    } else if let Some(path) = text.strip_prefix('@') {
        let text = std::fs::read_to_string(Path::new(path)).with_context(|| format!("cannot read {path}"))?;
        return Ok(text.trim().into());
    } else {
        return Ok(text.into());
    };
    let found = found.with_context(|| format!("{name} cannot be used: it is read here, where the command runs"))?;
    Ok(json!({ kind: name, "value": found.expose() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> anyhow::Result<Value> {
        read_fields(&arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).map(Value::Object)
    }

    #[test]
    fn fields_are_read_as_the_api_wants_them() {
        let fields = read(&[
            "weight=50",
            "enabled=false",
            "name=5",
            "sticky.ttl=30m",
            "sticky.scope=user",
            "limits.rpm=7",
            "limits.tpm=",
            "price_ratio=0.85",
            "budgets=[{\"tokens\": 5, \"period\": \"day\"}]",
            "base_url=https://a.example/x?y=z",
            "shadow_model=",
            "priority=first",
        ]);
        let expected = json!({
            "weight": 50, "enabled": false, "name": "5", "sticky": {"ttl": "30m", "scope": "user"},
            "limits": {"rpm": 7, "tpm": null}, "price_ratio": "0.85", "budgets": [{"tokens": 5, "period": "day"}],
            "base_url": "https://a.example/x?y=z", "shadow_model": null, "priority": "first",
        });
        assert_eq!(fields.unwrap(), expected);
        assert!(read(&["weight"]).is_err() && read(&["budgets=[1"]).is_err());
    }

    #[test]
    fn a_secret_is_read_here_and_its_reference_goes_along() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        std::fs::write(&file, "sk-1\n").unwrap();
        let path = file.display().to_string();
        assert_eq!(secret(&format!("file:{path}")).unwrap(), json!({"file": path, "value": "sk-1"}));
        assert_eq!(secret(&format!("@{path}")).unwrap(), "sk-1");
        assert_eq!(secret("sk-2").unwrap(), "sk-2");
        assert!(secret("env:RELAY_MANAGER_MASTER_KEY").is_err(), "never one of our own");
        assert!(secret("file:/nowhere/at/all").is_err());
        assert_eq!(read(&["login.password=pass"]).unwrap(), json!({"login": {"password": "pass"}}));
    }
}

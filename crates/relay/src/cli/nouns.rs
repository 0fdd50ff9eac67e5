//! `host`, `group`, `route`, `key`: list them, show one. How they change is in `edit` and `keys`.

use clap::Subcommand;
use serde_json::Value;

use super::Exit;
use super::api::{Api, Page};
use crate::client::encode;
use crate::output::{self, Output};

/// What can be asked about a noun.
#[derive(Debug, Subcommand)]
pub(crate) enum NounCommand {
    /// List them
    List {
        #[command(flatten)]
        page: Page,
        #[command(flatten)]
        api: Api,
    },
    /// Show one
    Show {
        /// Its id
        id: String,
        #[command(flatten)]
        api: Api,
    },
}

/// A noun of the admin API and the columns of its table.
pub(crate) struct Noun {
    /// Below `/api/v1`.
    pub(super) path: &'static str,
    /// One of them.
    pub(super) one: &'static str,
    /// The command that makes one.
    add: &'static str,
    /// Title and field.
    columns: &'static [(&'static str, &'static str)],
}

impl Noun {
    /// Where one of them is in the admin API.
    pub(super) fn entry(&self, id: &str) -> String {
        format!("/api/v1/{}/{}", self.path, encode(id))
    }
}

pub(crate) const HOST: Noun = Noun {
    path: "hosts",
    one: "host",
    add: "relay-manager host add",
    columns: &[
        ("host", "host_id"),
        ("kind", "kind"),
        ("base url", "base_url"),
        ("enabled", "enabled"),
        ("private", "allow_private"),
    ],
};
pub(crate) const GROUP: Noun = Noun {
    path: "groups",
    one: "group",
    add: "relay-manager group create",
    columns: &[
        ("group", "logical_group_id"),
        ("enabled", "enabled"),
        ("sticky", "sticky.scope"),
        ("ttl", "sticky.ttl"),
        ("failback", "failback"),
    ],
};
pub(crate) const ROUTE: Noun = Noun {
    path: "routes",
    one: "route",
    add: "relay-manager route create",
    columns: &[
        ("route", "route_id"),
        ("group", "logical_group_id"),
        ("model", "public_model"),
        ("host", "shadow_host_id"),
        ("shadow group", "shadow_group_id"),
        ("shadow model", "shadow_model"),
        ("priority", "priority"),
        ("weight", "weight"),
        ("credential", "credential"),
        ("enabled", "enabled"),
    ],
};
pub(crate) const KEY: Noun = Noun {
    path: "keys",
    one: "key",
    add: "relay-manager key create",
    columns: &[
        ("key", "key_id"),
        ("label", "label"),
        ("origin", "origin"),
        ("groups", "logical_groups"),
        ("enabled", "enabled"),
        ("expires", "expires_at"),
        ("rpm", "limits.rpm"),
        ("concurrency", "limits.concurrency"),
    ],
};

pub(super) async fn run(noun: &Noun, command: NounCommand, output: Output) -> anyhow::Result<Exit> {
    match command {
        NounCommand::List { page, api } => list(noun, &page, api, output).await,
        NounCommand::Show { id, api } => show(noun, &id, api, output).await,
    }
}

async fn list(noun: &Noun, page: &Page, api: Api, output: Output) -> anyhow::Result<Exit> {
    let list = api.client()?.page(&format!("/api/v1/{}", noun.path), page, &[]).await?;
    output.value(&list.to_json(), || {
        if list.items.is_empty() {
            return format!(
                "no {}; `relay-manager apply -f fleet.toml` adds them, or one at a time `{}`",
                noun.path, noun.add
            );
        }
        let titles: Vec<_> = noun.columns.iter().map(|(title, _)| *title).collect();
        let row = |item: &Value| noun.columns.iter().map(|(_, name)| output::cell(item, name)).collect();
        format!("{}{}", output::table(&titles, list.items.iter().map(row)), list.more())
    })?;
    Ok(Exit::Done)
}

async fn show(noun: &Noun, id: &str, api: Api, output: Output) -> anyhow::Result<Exit> {
    let value = api.client()?.get(&noun.entry(id)).await?;
    output.value(&value, || flat_facts(&value))?;
    Ok(Exit::Done)
}

/// Every field of an object, nested ones by dotted names.
pub(super) fn flat_facts(value: &Value) -> String {
    let mut facts = Vec::new();
    flatten("", value, &mut facts);
    let facts: Vec<_> = facts.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    output::facts(&facts)
}

fn flatten(prefix: &str, value: &Value, facts: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&name, value, facts);
            }
        }
        value => facts.push((prefix.to_owned(), output::plain(value))),
    }
}

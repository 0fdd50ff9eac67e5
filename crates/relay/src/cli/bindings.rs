//! `bindings`: which conversation is kept where; and forgetting it.

use anyhow::bail;
use clap::Subcommand;
use serde_json::Value;

use super::Exit;
use super::api::{Api, Page};
use super::nouns::flat_facts;
use crate::client::{encode, with_query};
use crate::output::{self, Output, field};

/// What can be asked about bindings.
#[derive(Debug, Subcommand)]
pub(crate) enum BindingsCommand {
    /// List them by sticky key
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        page: Page,
        #[command(flatten)]
        api: Api,
    },
    /// Show one
    Get {
        /// Its sticky key, as decisions show it
        sticky_key: String,
        #[command(flatten)]
        api: Api,
    },
    /// Forget those that match; the next request of each conversation is routed afresh
    Purge {
        #[command(flatten)]
        filter: Filter,
        /// Forget every binding there is
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        api: Api,
    },
}

/// Which bindings; all that is given must match.
#[derive(Debug, clap::Args)]
pub(crate) struct Filter {
    /// Of this consumer (key id)
    #[arg(long, value_name = "KEY")]
    consumer: Option<String>,
    /// For this logical group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// For this public model
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// To this route
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// To this host
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// This one
    #[arg(long, value_name = "KEY")]
    sticky_key: Option<String>,
}

impl Filter {
    fn query(self) -> [(&'static str, Option<String>); 6] {
        [
            ("consumer", self.consumer),
            ("logical_group_id", self.group),
            ("public_model", self.model),
            ("route_id", self.route),
            ("host_id", self.host),
            ("sticky_key", self.sticky_key),
        ]
    }
}

const COLUMNS: [(&str, &str); 8] = [
    ("sticky key", "sticky_key"),
    ("consumer", "consumer"),
    ("group", "logical_group_id"),
    ("model", "public_model"),
    ("scope", "scope"),
    ("route", "route_id"),
    ("host", "host_id"),
    ("expires", "expires_at"),
];

pub(super) async fn run(command: BindingsCommand, output: Output) -> anyhow::Result<Exit> {
    match command {
        BindingsCommand::List { filter, page, api } => {
            let list = api.client()?.page("/api/v1/bindings", &page, &filter.query()).await?;
            output.value(&list.to_json(), || {
                if list.items.is_empty() {
                    return "no bindings".to_owned();
                }
                let row = |item: &Value| COLUMNS.iter().map(|(_, name)| output::cell(item, name)).collect();
                let titles = COLUMNS.map(|(title, _)| title);
                format!("{}{}", output::table(&titles, list.items.iter().map(row)), list.more())
            })?;
        }
        BindingsCommand::Get { sticky_key, api } => {
            let value = api.client()?.get(&format!("/api/v1/bindings/{}", encode(&sticky_key))).await?;
            output.value(&value, || flat_facts(&value))?;
        }
        BindingsCommand::Purge { filter, all, api } => {
            let query = filter.query();
            if !all && query.iter().all(|(_, value)| value.is_none()) {
                bail!("nothing says which bindings; narrow it by --route, --host, --group …, or pass --all");
            }
            let purged = api.client()?.delete(&with_query("/api/v1/bindings", &query)).await?;
            output.value(&purged, || format!("purged {} bindings", field(&purged, "purged")))?;
        }
    }
    Ok(Exit::Done)
}

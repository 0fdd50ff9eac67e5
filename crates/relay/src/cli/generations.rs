//! `generations`: what was published, when, by whom; what differs, and going back.

use clap::Subcommand;
use serde_json::{Value, json};

use super::Exit;
use super::api::{Api, Page};
use super::fleet::changes;
use crate::output::{self, Output};

/// What can be asked about generations.
#[derive(Debug, Subcommand)]
pub(crate) enum GenerationsCommand {
    /// List them, newest first
    List {
        #[command(flatten)]
        page: Page,
        #[command(flatten)]
        api: Api,
    },
    /// Show what a generation changed, when, and who published it
    Show {
        /// Its number
        generation: u64,
        #[command(flatten)]
        api: Api,
    },
    /// Show what changed since a generation
    Diff {
        /// The older one
        from: u64,
        /// The newer one; left out: the one in force
        to: Option<u64>,
        #[command(flatten)]
        api: Api,
    },
    /// Publish the fleet of an old generation as a new one, keys and secrets as they were
    Rollback {
        /// Its number
        generation: u64,
        #[command(flatten)]
        api: Api,
    },
}

pub(super) async fn run(command: GenerationsCommand, output: Output) -> anyhow::Result<Exit> {
    match command {
        GenerationsCommand::List { page, api } => list(api, &page, output).await?,
        GenerationsCommand::Show { generation, api } => {
            let shown = api.client()?.get(&format!("/api/v1/generations/{generation}")).await?;
            output.value(&shown, || {
                let told = |name: &str| output::cell(&shown, name);
                let head = format!("generation {}, published {} by {}", told("generation"), told("at"), told("actor"));
                format!("{head}\n{}", changes(&shown["diff"]))
            })?;
        }
        GenerationsCommand::Diff { from, to, api } => {
            let to = to.map_or_else(String::new, |to| format!("?to={to}"));
            let shown = api.client()?.get(&format!("/api/v1/generations/{from}/diff{to}")).await?;
            output.value(&shown, || match changes(&shown["diff"]) {
                text if text.is_empty() => "nothing differs".to_owned(),
                text => text,
            })?;
        }
        GenerationsCommand::Rollback { generation, api } => {
            let path = format!("/api/v1/generations/{generation}/rollback");
            let done = api.client()?.post(&path, &json!({})).await?;
            output.value(&done, || {
                let number = output::field(&done, "generation");
                if done["published"] == true {
                    format!("{}\npublished as generation {number}", changes(&done["diff"]))
                } else {
                    format!("nothing differs from generation {number}, which is in force")
                }
            })?;
        }
    }
    Ok(Exit::Done)
}

async fn list(api: Api, page: &Page, output: Output) -> anyhow::Result<()> {
    let list = api.client()?.page("/api/v1/generations", page, &[]).await?;
    output.value(&list.to_json(), || {
        let row = |item: &Value| COLUMNS.iter().map(|(_, name)| output::cell(item, name)).collect();
        format!("{}{}", output::table(&COLUMNS.map(|(title, _)| title), list.items.iter().map(row)), list.more())
    })?;
    Ok(())
}

const COLUMNS: [(&str, &str); 4] =
    [("generation", "generation"), ("published", "at"), ("by", "actor"), ("what", "summary")];

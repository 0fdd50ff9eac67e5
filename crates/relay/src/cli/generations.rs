//! `generations`: what was published, when, by whom.

use clap::Subcommand;
use serde_json::Value;

use super::Exit;
use super::api::{Api, Page};
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
}

pub(super) async fn run(command: GenerationsCommand, output: Output) -> anyhow::Result<Exit> {
    let GenerationsCommand::List { page, api } = command;
    let list = api.client()?.page("/api/v1/generations", &page, &[]).await?;
    output.value(&list.to_json(), || {
        let row = |item: &Value| COLUMNS.iter().map(|(_, name)| output::cell(item, name)).collect();
        format!("{}{}", output::table(&COLUMNS.map(|(title, _)| title), list.items.iter().map(row)), list.more())
    })?;
    Ok(Exit::Done)
}

const COLUMNS: [(&str, &str); 4] =
    [("generation", "generation"), ("published", "at"), ("by", "actor"), ("what", "summary")];

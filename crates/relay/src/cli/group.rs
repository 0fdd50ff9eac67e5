//! `group`: logical groups.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::Exit;
use super::edit::{self, Asked, ChangeCommand};
use super::nouns::{self, GROUP, NounCommand};
use crate::output::Output;

/// What can be done with groups.
#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    #[command(flatten)]
    Noun(NounCommand),
    /// Make a group, such as: create gpt sticky.ttl=30m limits.rpm=6000
    Create(CreateArgs),
    #[command(flatten)]
    Change(ChangeCommand),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Its id, which customers write before a model: gpt/gpt-5
    id: String,
    /// Fields of docs/fleet-file.md; a dot leads into a table
    #[arg(value_name = "NAME=VALUE")]
    fields: Vec<String>,
    #[command(flatten)]
    asked: Asked,
}

pub(super) async fn run(command: GroupCommand, output: Output) -> anyhow::Result<Exit> {
    match command {
        GroupCommand::Noun(command) => nouns::run(&GROUP, command, output).await,
        GroupCommand::Change(command) => edit::run(&GROUP, command, output).await,
        GroupCommand::Create(CreateArgs { id, fields, asked }) => {
            let mut group: Map<String, Value> = edit::read_fields(&fields)?;
            group.insert("logical_group_id".to_owned(), id.as_str().into());
            edit::create(&GROUP, &id, &group.into(), asked, output).await
        }
    }
}

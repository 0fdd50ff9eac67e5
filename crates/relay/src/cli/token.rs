//! `token`: who may use the admin API.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Exit;
use super::api::{Api, Page};
use crate::client::encode;
use crate::output::{self, Output, field};

const TOKENS: &str = "/api/v1/tokens";

/// What can be done with admin tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// List them; the tokens themselves are not kept
    List {
        #[command(flatten)]
        page: Page,
        #[command(flatten)]
        api: Api,
    },
    /// Make one; it is shown this once
    Create(CreateArgs),
    /// Remove one: whoever has it is refused from now on
    Delete {
        /// Its number
        id: i64,
        #[command(flatten)]
        api: Api,
    },
    /// Show whose the token in use is, and what it may do
    Whoami {
        #[command(flatten)]
        api: Api,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Whose it is: the actor in the audit trail
    label: String,
    /// viewer (look), operator (act on traffic) or admin (change everything)
    #[arg(long)]
    role: String,
    #[command(flatten)]
    api: Api,
}

pub(super) async fn run(command: TokenCommand, output: Output) -> anyhow::Result<Exit> {
    match command {
        TokenCommand::List { page, api } => {
            let list = api.client()?.page(TOKENS, &page, &[]).await?;
            output.value(&list.to_json(), || {
                let columns = ["token_id", "label", "role", "created_at"];
                let row = |item: &Value| columns.iter().map(|name| output::cell(item, name)).collect();
                let titles = ["token", "label", "role", "created"];
                format!("{}{}", output::table(&titles, list.items.iter().map(row)), list.more())
            })?;
        }
        TokenCommand::Create(CreateArgs { label, role, api }) => {
            let made = api.client()?.post(TOKENS, &json!({ "label": label, "role": role })).await?;
            output.value(&made, || {
                format!("token of {} ({role}), shown this once: {}", field(&made, "label"), field(&made, "token"))
            })?;
        }
        TokenCommand::Delete { id, api } => {
            api.client()?.delete(&format!("{TOKENS}/{}", encode(&id.to_string()))).await?;
            output.value(&json!({ "deleted": id }), || format!("token {id} is refused from now on"))?;
        }
        TokenCommand::Whoami { api } => {
            let me = api.client()?.get("/api/v1/whoami").await?;
            output.value(&me, || format!("{} ({})", field(&me, "label"), field(&me, "role")))?;
        }
    }
    Ok(Exit::Done)
}

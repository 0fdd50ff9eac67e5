//! `resolve`: the resolve action (spec §3) from the shell.

use serde_json::{Map, Value};

use super::Exit;
use super::api::Api;
use super::nouns::flat_facts;
use crate::output::Output;

/// The fields of the action.
#[derive(Debug, clap::Args)]
pub(crate) struct ResolveArgs {
    /// Logical group
    #[arg(long, value_name = "GROUP")]
    group: String,
    /// Public model
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// What stickiness is keyed by
    #[arg(long, value_name = "SCOPE", default_value = "none", value_parser = ["user", "conversation", "none"])]
    scope: String,
    /// Id of the user or conversation
    #[arg(long, value_name = "ID", required_if_eq_any = [("scope", "user"), ("scope", "conversation")])]
    subject: Option<String>,
    /// Logged as the user
    #[arg(long, value_name = "KEY")]
    user_key: Option<String>,
    /// Logged as the conversation
    #[arg(long, value_name = "KEY")]
    conversation_key: Option<String>,
    /// Id of the request; one is made when it is left out
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// Return only when the decision is on disk
    #[arg(long)]
    sync: bool,
    #[command(flatten)]
    api: Api,
}

pub(super) async fn run(args: ResolveArgs, output: Output) -> anyhow::Result<Exit> {
    let fields = [
        ("request_id", args.request_id),
        ("logical_group_id", Some(args.group)),
        ("public_model", Some(args.model)),
        ("scope", Some(args.scope)),
        ("subject_id", args.subject),
        ("user_key", args.user_key),
        ("conversation_key", args.conversation_key),
    ];
    let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))));
    let mut body: Map<String, Value> = given.collect();
    if args.sync {
        body.insert("sync".to_owned(), Value::Bool(true));
    }
    let resolved = args.api.client()?.post("/api/v1/resolve-route", &Value::Object(body)).await?;
    output.value(&resolved, || flat_facts(&resolved))?;
    Ok(Exit::Done)
}

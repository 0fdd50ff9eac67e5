//! `route`: ways from a group's model to a host.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::Exit;
use super::edit::{self, Asked, ChangeCommand};
use super::nouns::{self, NounCommand, ROUTE};
use crate::output::Output;

/// What can be done with routes.
#[derive(Debug, Subcommand)]
pub(crate) enum RouteCommand {
    #[command(flatten)]
    Noun(NounCommand),
    /// Make a route, such as: create gpt-tokyo --group gpt --model gpt-5 --host tokyo-1 --weight 50
    Create(CreateArgs),
    /// Send no new conversations over a route; those that are bound to it stay
    Drain {
        /// Its id
        id: String,
        #[command(flatten)]
        asked: Asked,
    },
    #[command(flatten)]
    Change(ChangeCommand),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Its id
    id: String,
    /// The group that it belongs to
    #[arg(long)]
    group: Option<String>,
    /// The model that customers ask for: a name, or a prefix such as gpt-5*
    #[arg(long)]
    model: Option<String>,
    /// The host that serves it
    #[arg(long)]
    host: Option<String>,
    /// The group on the host, by id or name
    #[arg(long, value_name = "GROUP")]
    shadow_group: Option<String>,
    /// The model's name on the host; the same when left out
    #[arg(long, value_name = "MODEL")]
    shadow_model: Option<String>,
    /// Tier: lower is tried first
    #[arg(long, value_name = "N")]
    priority: Option<u64>,
    /// Share inside the tier
    #[arg(long, value_name = "N")]
    weight: Option<u64>,
    /// `host_key`, managed or caller
    #[arg(long)]
    credential: Option<String>,
    /// Other fields of docs/fleet-file.md
    #[arg(value_name = "NAME=VALUE")]
    fields: Vec<String>,
    #[command(flatten)]
    asked: Asked,
}

pub(super) async fn run(command: RouteCommand, output: Output) -> anyhow::Result<Exit> {
    match command {
        RouteCommand::Noun(command) => nouns::run(&ROUTE, command, output).await,
        RouteCommand::Change(command) => edit::run(&ROUTE, command, output).await,
        RouteCommand::Drain { id, asked } => edit::patch(&ROUTE, &id, &json!({ "weight": 0 }), asked, output).await,
        RouteCommand::Create(args) => create(args, output).await,
    }
}

async fn create(args: CreateArgs, output: Output) -> anyhow::Result<Exit> {
    let given = [
        ("route_id", Some(Value::from(args.id.as_str()))),
        ("logical_group_id", args.group.map(Value::from)),
        ("public_model", args.model.map(Value::from)),
        ("shadow_host_id", args.host.map(Value::from)),
        ("shadow_group_id", args.shadow_group.map(Value::from)),
        ("shadow_model", args.shadow_model.map(Value::from)),
        ("priority", args.priority.map(Value::from)),
        ("weight", args.weight.map(Value::from)),
        ("credential", args.credential.map(Value::from)),
    ];
    let mut route: Map<String, Value> = edit::read_fields(&args.fields)?;
    route.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    edit::create(&ROUTE, &args.id, &route.into(), args.asked, output).await
}

//! `access`: what of managed access there is, obtaining it, taking it away.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{Api, Page};
use super::{Exit, nouns};
use crate::client::{Client, encode, with_query};
use crate::output::{self, Output, cell};
use crate::progress::Progress;

/// Grants change faster than a person reads.
const LEAST_PAUSE: Duration = Duration::from_millis(200);

/// The states of which every grant has one.
const STATES: [&str; 4] = ["pending", "ready", "refused", "revoked"];

/// What can be asked about managed access.
#[derive(Debug, Subcommand)]
pub(crate) enum AccessCommand {
    /// Obtain access: of one user to one group of a host, or everything that the fleet needs
    Ensure(EnsureArgs),
    /// Show one grant with the issues of its key, or list them
    Show(ShowArgs),
    /// Take access away: no request gets the key any more, and it is deleted on the host
    Revoke {
        #[command(flatten)]
        grant: Grant,
        #[command(flatten)]
        api: Api,
    },
}

/// One grant.
#[derive(Debug, Args)]
pub(crate) struct Grant {
    /// The host
    host: String,
    /// The subscription user: an e-mail address, or the host's id of a user
    user: String,
    /// The group on the host: its id or name
    group: String,
}

impl Grant {
    fn path(&self) -> String {
        format!("/api/v1/access/{}/{}/{}", encode(&self.host), encode(&self.user), encode(&self.group))
    }
}

#[derive(Debug, Args)]
pub(crate) struct EnsureArgs {
    /// The host; without a user: everything that the fleet needs there
    host: Option<String>,
    /// The subscription user: an e-mail address, or the host's id of a user
    #[arg(requires = "group")]
    user: Option<String>,
    /// The group on the host: its id or name
    group: Option<String>,
    /// Return once it is asked for
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    api: Api,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The host
    host: Option<String>,
    /// The subscription user
    user: Option<String>,
    /// The group on the host: its id or name
    group: Option<String>,
    /// Only those that are `pending`, `ready`, `refused` or `revoked`
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    page: Page,
    #[command(flatten)]
    api: Api,
}

const COLUMNS: [(&str, &str); 8] = [
    ("host", "host_id"),
    ("user", "subscription_user"),
    ("group", "group_id"),
    ("state", "state"),
    ("key", "generation"),
    ("ends", "expires_at"),
    ("problem", "problem.code"),
    ("next look", "due_at"),
];

pub(super) async fn run(command: AccessCommand, output: Output) -> anyhow::Result<Exit> {
    match command {
        AccessCommand::Ensure(args) => ensure(args, output).await,
        AccessCommand::Show(args) => show(args, output).await,
        AccessCommand::Revoke { grant, api } => {
            let view = api.client()?.delete(&grant.path()).await?;
            tell(&view, output)?;
            Ok(if view["state"] == "revoked" { Exit::Done } else { Exit::Failed })
        }
    }
}

async fn ensure(args: EnsureArgs, output: Output) -> anyhow::Result<Exit> {
    let EnsureArgs { host, user, group, no_wait, api } = args;
    let client = api.client()?;
    if let (Some(host), Some(user), Some(group)) = (&host, user, group) {
        let grant = Grant { host: host.clone(), user, group };
        let view = client.put(&grant.path(), &json!({})).await?;
        tell(&view, output)?;
        return Ok(if view["state"] == "ready" { Exit::Done } else { Exit::Failed });
    }
    let mut body = json!({});
    if let Some(host) = &host {
        body["host_id"] = host.as_str().into();
    }
    let asked = client.post("/api/v1/access-ensure", &body).await?;
    if asked["wanted"] == 0 {
        client.must_have(&nouns::HOST, host.as_deref()).await?;
    }
    output.value(&asked, || {
        let faults =
            asked["faults"].as_array().into_iter().flatten().map(|fault| format!("\n  {}", output::plain(fault)));
        format!("{} grants are needed, {} of them new{}", asked["wanted"], asked["new"], faults.collect::<String>())
    })?;
    if no_wait {
        return Ok(Exit::Done);
    }
    watch(&client, host.as_deref(), output).await
}

/// Shows how far the work is until none is left, and then how it is; what cannot be had is left to be looked at.
pub(super) async fn watch(client: &Client, host: Option<&str>, output: Output) -> anyhow::Result<Exit> {
    let progress = Progress::start(output, "obtaining");
    let mut seen: Option<String> = None;
    loop {
        // The server answers when something has changed since.
        let filters = [("host_id", host.map(str::to_owned)), ("changed_since", seen)];
        let counts = client.get(&with_query("/api/v1/access-counts", &filters)).await?;
        let Counts { open, total, refused } = Counts::of(&counts);
        progress.at(total - open, total);
        progress.say(&in_words(&counts));
        if open == 0 {
            drop(progress);
            output.event(&counts, || in_words(&counts))?;
            return Ok(if refused == 0 { Exit::Done } else { Exit::Failed });
        }
        seen = Some(output::plain(&counts["change"]));
        tokio::time::sleep(LEAST_PAUSE).await;
    }
}

/// What of the counts decides how far the work is.
struct Counts {
    open: u64,
    total: u64,
    refused: u64,
}

impl Counts {
    fn of(counts: &Value) -> Self {
        let count = |name: &str| counts[name].as_u64().unwrap_or_default();
        let total = STATES.map(count).iter().sum();
        Self { open: (count("pending") + count("changing")).min(total), total, refused: count("refused") }
    }
}

fn in_words(counts: &Value) -> String {
    let count = |name: &str| counts[name].as_u64().unwrap_or_default();
    format!(
        "{} of {} ready, {} pending, {} changing, {} refused, {} revoked",
        count("ready"),
        Counts::of(counts).total,
        count("pending"),
        count("changing"),
        count("refused"),
        count("revoked")
    )
}

async fn show(args: ShowArgs, output: Output) -> anyhow::Result<Exit> {
    let client = args.api.client()?;
    if let (Some(host), Some(user), Some(group)) = (&args.host, &args.user, &args.group) {
        let grant = Grant { host: host.clone(), user: user.clone(), group: group.clone() };
        tell(&client.get(&grant.path()).await?, output)?;
        return Ok(Exit::Done);
    }
    let filters = [("host_id", args.host.clone()), ("subscription_user", args.user), ("state", args.state)];
    let list = client.page("/api/v1/access", &args.page, &filters).await?;
    if list.items.is_empty() {
        client.must_have(&nouns::HOST, args.host.as_deref()).await?;
    }
    output.value(&list.to_json(), || {
        if list.items.is_empty() {
            return "no grants; `relay-manager access ensure` asks for what the fleet needs".to_owned();
        }
        let row = |item: &Value| COLUMNS.iter().map(|(_, name)| cell(item, name)).collect();
        format!("{}{}", output::table(&COLUMNS.map(|(title, _)| title), list.items.iter().map(row)), list.more())
    })?;
    Ok(Exit::Done)
}

fn tell(view: &Value, output: Output) -> std::io::Result<()> {
    output.value(view, || nouns::flat_facts(view))
}

//! `host`: the fleet's hosts, and what is done with one as a whole.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::api::Api;
use super::edit::{self, Asked, ChangeCommand};
use super::nouns::{self, NounCommand};
use super::{Exit, access};
use crate::client::{Client, encode};
use crate::output::{self, Output};
use crate::progress::Progress;

/// How often it is looked at how far long work is; only where a person sees it.
const LOOK: Duration = Duration::from_millis(300);

/// What can be done with hosts.
#[derive(Debug, Subcommand)]
pub(crate) enum HostCommand {
    #[command(flatten)]
    Noun(NounCommand),
    /// Add a host to the fleet
    Add(AddArgs),
    /// Send no new conversations to a host; those that are bound to it stay
    Drain {
        /// Its id
        id: String,
        #[command(flatten)]
        asked: Asked,
    },
    #[command(flatten)]
    Change(ChangeCommand),
    /// Find out what a host can do, and record it
    Probe(HostArgs),
    /// Look at groups, models, subscriptions and keys, and tell how they differ from what is meant to be
    Sync(SyncArgs),
    /// Join the decision log with the host's bill
    Reconcile(ReconcileArgs),
    /// Exchange every managed key of a host
    Rotate(RotateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    /// The host
    id: String,
    #[command(flatten)]
    api: Api,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Its id
    id: String,
    /// Scheme, authority and an optional path prefix
    #[arg(long, value_name = "URL")]
    base_url: String,
    /// `sub2api` or `openai`
    #[arg(long, default_value = "sub2api")]
    kind: String,
    /// Name of an environment variable that holds the admin key; it is read here
    #[arg(long, value_name = "VARIABLE", conflicts_with = "admin_key_file")]
    admin_key_env: Option<String>,
    /// File that holds the admin key; it is read here
    #[arg(long, value_name = "FILE")]
    admin_key_file: Option<String>,
    /// Name of an environment variable that holds the gateway key; it is read here
    #[arg(long, value_name = "VARIABLE", conflicts_with = "gateway_key_file")]
    gateway_key_env: Option<String>,
    /// File that holds the gateway key; it is read here
    #[arg(long, value_name = "FILE")]
    gateway_key_file: Option<String>,
    /// The host may be at a loopback or private address
    #[arg(long)]
    allow_private: bool,
    /// Other fields of docs/fleet-file.md, such as login.email=ops@example.com login.password=@file
    #[arg(value_name = "NAME=VALUE")]
    fields: Vec<String>,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// The host
    id: String,
    /// Then show which models of this group on the host have no route
    #[arg(long, value_name = "SHADOW GROUP", requires = "into")]
    models: Option<String>,
    /// … in this logical group
    #[arg(long, value_name = "LOGICAL GROUP")]
    into: Option<String>,
    /// … and publish routes for them
    #[arg(long, requires = "models")]
    apply: bool,
    #[command(flatten)]
    api: Api,
}

#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// The host
    id: String,
    /// From this time on, such as 2026-11-26T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: String,
    #[command(flatten)]
    api: Api,
}

#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The host; `--all` for every host
    #[arg(required_unless_present = "all")]
    id: Option<String>,
    /// Every managed key of the fleet
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// The keys are in wrong hands: no overlap, and new passwords of users that Relay Manager made
    #[arg(long)]
    leaked: bool,
    /// Return once it is asked for
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    api: Api,
}

pub(super) async fn run(command: HostCommand, output: Output) -> anyhow::Result<Exit> {
    match command {
        HostCommand::Noun(NounCommand::Show { id, api }) => show(&id, api, output).await,
        HostCommand::Noun(command) => nouns::run(&nouns::HOST, command, output).await,
        HostCommand::Add(args) => add(args, output).await,
        HostCommand::Drain { id, asked } => edit::act(&nouns::HOST, &id, "drain", asked, output).await,
        HostCommand::Change(command) => edit::run(&nouns::HOST, command, output).await,
        HostCommand::Probe(HostArgs { id, api }) => {
            let found = api.client()?.post(&path(&id, "probe"), &json!({})).await?;
            output.value(&found, || nouns::flat_facts(&found))?;
            Ok(if found["capabilities"]["obstacle"].is_null() { Exit::Done } else { Exit::Failed })
        }
        HostCommand::Sync(args) => sync(args, output).await,
        HostCommand::Reconcile(args) => reconcile(args, output).await,
        HostCommand::Rotate(args) => rotate(args, output).await,
    }
}

fn path(id: &str, what: &str) -> String {
    format!("/api/v1/hosts/{}/{what}", encode(id))
}

/// The host with what it can do.
async fn show(id: &str, api: Api, output: Output) -> anyhow::Result<Exit> {
    let client = api.client()?;
    let mut host = client.get(&nouns::HOST.entry(id)).await?;
    let known = client.get(&path(id, "capabilities")).await?;
    host["capabilities"] = known["capabilities"].clone();
    output.value(&host, || nouns::flat_facts(&host))?;
    Ok(Exit::Done)
}

async fn add(args: AddArgs, output: Output) -> anyhow::Result<Exit> {
    let mut host: Map<String, Value> = edit::read_fields(&args.fields)?;
    host.insert("host_id".to_owned(), args.id.as_str().into());
    host.insert("kind".to_owned(), args.kind.into());
    host.insert("base_url".to_owned(), args.base_url.into());
    if args.allow_private {
        host.insert("allow_private".to_owned(), true.into());
    }
    for (field, kind, name) in [
        ("admin_key", "env", args.admin_key_env),
        ("admin_key", "file", args.admin_key_file),
        ("gateway_key", "env", args.gateway_key_env),
        ("gateway_key", "file", args.gateway_key_file),
    ] {
        if let Some(name) = name {
            host.insert(field.to_owned(), edit::secret(&format!("{kind}:{name}"))?);
        }
    }
    edit::create(&nouns::HOST, &args.id, &host.into(), args.asked, output).await
}

async fn sync(args: SyncArgs, output: Output) -> anyhow::Result<Exit> {
    let client = args.api.client()?;
    let synced = long_work(&client, &args.id, "sync", &json!({}), output).await?;
    let (Some(shadow), Some(logical)) = (args.models, args.into) else {
        output.value(&synced, || drift(&synced))?;
        return Ok(if list(&synced, "drift").is_empty() { Exit::Done } else { Exit::Failed });
    };
    let request = json!({ "shadow_group_id": shadow, "logical_group_id": logical, "apply": args.apply });
    let models = client.post(&path(&args.id, "models"), &request).await?;
    output.value(&models, || changes(&models))?;
    let is_pending = !args.apply && !list(&models, "added").is_empty();
    Ok(if is_pending { Exit::ChangesPending } else { Exit::Done })
}

/// Asks for work that takes as long as the host does, and shows meanwhile how far it is.
async fn long_work(client: &Client, id: &str, work: &str, body: &Value, output: Output) -> anyhow::Result<Value> {
    let progress = Progress::start(output, work);
    let (doing, looking) = (path(id, work), path(id, "progress"));
    let mut done = std::pin::pin!(client.post_patiently(&doing, body));
    loop {
        let look = async {
            tokio::time::sleep(LOOK).await;
            client.get(&looking).await
        };
        let seen = tokio::select! {
            done = &mut done => return Ok(done?),
            seen = look, if progress.is_shown() => seen,
        };
        // That it cannot be seen how far it is says nothing about the work.
        let Ok(seen) = seen else { continue };
        if let Some(item) = list(&seen, "items").iter().find(|item| item["work"] == work) {
            let number = |name: &str| item[name].as_u64().unwrap_or_default();
            progress.at(number("done"), number("total"));
            progress.say(&format!("{work}: {}", output::plain(&item["stage"])));
        }
    }
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn drift(synced: &Value) -> String {
    let seen = format!(
        "{} groups, {} models, {} subscriptions, {} keys seen; {} grants are ensured anew",
        synced["groups"], synced["models"], synced["subscriptions"], synced["keys"], synced["ensured"]
    );
    let problems = list(synced, "problems").iter();
    let problems = problems.fold(String::new(), |told, it| told + "\nnot seen: " + &output::plain(it));
    if list(synced, "drift").is_empty() {
        return format!("{seen}\nall is as it is meant to be{problems}");
    }
    let row =
        |item: &Value| ["kind", "subject", "message", "remedy"].iter().map(|name| output::cell(item, name)).collect();
    let table = output::table(&["what", "of", "how it is", "what to do"], list(synced, "drift").iter().map(row));
    format!("{seen}{problems}\n\n{table}")
}

fn changes(models: &Value) -> String {
    let rows =
        [("new", "added"), ("routed", "present"), ("not listed", "gone")].into_iter().flat_map(|(word, name)| {
            list(models, name).iter().map(move |item| {
                let cells = ["public_model", "shadow_model", "route_id"].map(|name| output::cell(item, name));
                std::iter::once(word.to_owned()).chain(cells).collect::<Vec<_>>()
            })
        });
    let table = output::table(&["", "model", "on the host", "route"], rows);
    match models["generation"].as_u64() {
        Some(generation) => format!("{table}\n\npublished as generation {generation}"),
        None => format!("{table}\n\nnothing was changed; --apply publishes routes for the new ones"),
    }
}

async fn reconcile(args: ReconcileArgs, output: Output) -> anyhow::Result<Exit> {
    let client = args.api.client()?;
    let found = long_work(&client, &args.id, "reconcile", &json!({ "since": args.since }), output).await?;
    output.value(&found, || told(&found))?;
    let count = |name: &str| found[name].as_u64().unwrap_or_default();
    let is_whole = ["missing_on_host", "missing_here", "double", "differing"].iter().all(|name| count(name) == 0);
    Ok(if is_whole && has_same_sums(&found["unjoined"]) { Exit::Done } else { Exit::Failed })
}

/// Whether what has no name adds up to the same on both sides. What it cost the host alone knows.
fn has_same_sums(unjoined: &Value) -> bool {
    ["requests", "input_tokens", "output_tokens"].iter().all(|name| unjoined["ours"][name] == unjoined["theirs"][name])
}

/// How the two sides could be compared, plainly: what was not joined proves less.
fn how_joined(found: &Value) -> String {
    let by = match found["joined_by"].as_str() {
        _ if found["theirs"]["requests"] == 0 => "the host has billed nothing to keys of ours in that time",
        Some("client_request_id") => "joined by the host's X-Client-Request-ID",
        Some("upstream_request_id") => "joined by the upstream's x-request-id, which this older host hands on",
        _ => {
            "this host names no request on its bill: only the sums can be compared, request by request nothing can be said"
        }
    };
    let unjoined = &found["unjoined"];
    let (ours, theirs) = (&unjoined["ours"]["requests"], &unjoined["theirs"]["requests"]);
    if ours == 0 && theirs == 0 {
        return by.to_owned();
    }
    let verdict = if has_same_sums(unjoined) { "requests and tokens add up to the same" } else { "they do NOT add up" };
    format!("{by}\nwithout a name, compared by sums alone: {ours} of ours, {theirs} of theirs; {verdict}")
}

fn told(found: &Value) -> String {
    let side = |name: &str| {
        let sums = &found[name];
        vec![
            name.to_owned(),
            output::plain(&sums["requests"]),
            output::plain(&sums["input_tokens"]),
            output::plain(&sums["output_tokens"]),
            format!("{:.6}", sums["cost_usd"].as_f64().unwrap_or_default()),
        ]
    };
    let sums = output::table(&["", "requests", "input", "output", "USD"], ["ours", "theirs"].map(side));
    let how = how_joined(found);
    if found["can_be_joined"] != true {
        return format!("{sums}\n\n{how}");
    }
    let counts = format!(
        "{} the same, {} missing on the host, {} missing here, {} double, {} with other numbers; {:.6} USD unexplained",
        found["matched"],
        found["missing_on_host"],
        found["missing_here"],
        found["double"],
        found["differing"],
        found["unexplained_usd"].as_f64().unwrap_or_default()
    );
    let row = |item: &Value| {
        ["kind", "request_id", "host_request_id", "message"].iter().map(|name| output::cell(item, name)).collect()
    };
    if list(found, "differences").is_empty() {
        return format!("{sums}\n\n{how}\n{counts}");
    }
    let differences = output::table(&["what", "our id", "host's id", ""], list(found, "differences").iter().map(row));
    format!("{sums}\n\n{how}\n{counts}\n\n{differences}")
}

async fn rotate(args: RotateArgs, output: Output) -> anyhow::Result<Exit> {
    let client = args.api.client()?;
    let mut body = json!({ "leaked": args.leaked });
    if let Some(id) = &args.id {
        body["host_id"] = id.as_str().into();
    }
    let asked = client.post("/api/v1/access-rotate", &body).await?;
    if asked["grants"] == 0 {
        client.must_have(&nouns::HOST, args.id.as_deref()).await?;
    }
    output.value(&asked, || format!("new keys are asked for {} grants", asked["grants"]))?;
    if args.no_wait {
        return Ok(Exit::Done);
    }
    access::watch(&client, args.id.as_deref(), output).await
}

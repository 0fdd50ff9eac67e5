//! `notify`: where operators are told of what goes wrong, and what was sent.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::Exit;
use super::api::{Api, Page};
use super::nouns::flat_facts;
use crate::client::encode;
use crate::output::{self, Output, field};

const CHANNELS: &str = "/api/v1/notifications/channels";
const DELIVERIES: &str = "/api/v1/notifications/deliveries";

/// What can be done about notifications.
#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Where they go
    #[command(subcommand)]
    Channel(ChannelCommand),
    /// What was sent and is to be sent, newest first
    Deliveries(DeliveriesArgs),
}

/// What can be done about channels.
#[derive(Debug, Subcommand)]
pub(crate) enum ChannelCommand {
    /// List them
    List {
        #[command(flatten)]
        page: Page,
        #[command(flatten)]
        api: Api,
    },
    /// Show one, without its secrets
    Show {
        /// Its id
        id: String,
        #[command(flatten)]
        api: Api,
    },
    /// Add one, such as: add ops type=dingtalk url=@url.txt secret=@secret.txt language=zh-CN
    Add(SettingsArgs),
    /// Change settings; `name=` takes one back to its default
    Set(SettingsArgs),
    /// Send a test message now; exits 1 when the service does not take it
    Test {
        /// Its id
        id: String,
        #[command(flatten)]
        api: Api,
    },
    /// Remove one; what was still to be sent to it is not
    Delete {
        /// Its id
        id: String,
        #[command(flatten)]
        api: Api,
    },
}

/// A channel and its settings.
#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    /// Its id
    id: String,
    /// Settings of docs/notifications.md; lists with commas, quiet_hours as 23:00-08:00; `@file` is what the file holds
    #[arg(value_name = "NAME=VALUE", required = true)]
    settings: Vec<String>,
    #[command(flatten)]
    api: Api,
}

/// Which deliveries.
#[derive(Debug, Args)]
pub(crate) struct DeliveriesArgs {
    /// To this channel
    #[arg(long, value_name = "ID")]
    channel: Option<String>,
    /// Of this kind of event, such as host_down
    #[arg(long)]
    kind: Option<String>,
    /// pending, delivered, failed or superseded
    #[arg(long)]
    state: Option<String>,
    #[command(flatten)]
    page: Page,
    #[command(flatten)]
    api: Api,
}

const CHANNEL_COLUMNS: [(&str, &str); 6] = [
    ("channel", "id"),
    ("type", "type"),
    ("enabled", "enabled"),
    ("events", "events"),
    ("min severity", "min_severity"),
    ("language", "language"),
];

const DELIVERY_COLUMNS: [(&str, &str); 8] = [
    ("at", "created_at"),
    ("channel", "channel_id"),
    ("event", "kind"),
    ("subject", "subject"),
    ("phase", "phase"),
    ("state", "state"),
    ("tries", "attempts"),
    ("error", "last_error"),
];

pub(super) async fn run(command: NotifyCommand, output: Output) -> anyhow::Result<Exit> {
    match command {
        NotifyCommand::Channel(command) => channel(command, output).await,
        NotifyCommand::Deliveries(args) => deliveries(args, output).await,
    }
}

async fn channel(command: ChannelCommand, output: Output) -> anyhow::Result<Exit> {
    match command {
        ChannelCommand::List { page, api } => {
            let list = api.client()?.page(CHANNELS, &page, &[]).await?;
            output.value(&list.to_json(), || {
                if list.items.is_empty() {
                    return "no channels; `relay-manager notify channel add` adds one".to_owned();
                }
                format!("{}{}", table(&CHANNEL_COLUMNS, &list.items), list.more())
            })?;
        }
        ChannelCommand::Show { id, api } => {
            let shown = api.client()?.get(&path(&id)).await?;
            output.value(&shown, || flat_facts(&shown))?;
        }
        ChannelCommand::Add(args) => {
            let mut settings = read_settings(&args.settings)?;
            settings.insert("id".into(), args.id.as_str().into());
            let added = args.api.client()?.post(CHANNELS, &Value::Object(settings)).await?;
            output.value(&added, || {
                format!("{}\n\ntry it: relay-manager notify channel test {}", flat_facts(&added), args.id)
            })?;
        }
        ChannelCommand::Set(args) => {
            let changes = Value::Object(read_settings(&args.settings)?);
            let changed = args.api.client()?.patch(&path(&args.id), &changes).await?;
            output.value(&changed, || flat_facts(&changed))?;
        }
        ChannelCommand::Test { id, api } => {
            let tested = api.client()?.post(&format!("{}/test", path(&id)), &json!({})).await?;
            let delivered = tested["delivered"] == true;
            output.value(&tested, || {
                let error = field(&tested, "error");
                if delivered { format!("{id} took the test message") } else { format!("{id} did not take it: {error}") }
            })?;
            return Ok(if delivered { Exit::Done } else { Exit::Failed });
        }
        ChannelCommand::Delete { id, api } => {
            api.client()?.delete(&path(&id)).await?;
            output.value(&json!({ "deleted": id }), || format!("deleted {id}"))?;
        }
    }
    Ok(Exit::Done)
}

async fn deliveries(args: DeliveriesArgs, output: Output) -> anyhow::Result<Exit> {
    let filters = [("channel_id", args.channel), ("kind", args.kind), ("state", args.state)];
    let list = args.api.client()?.page(DELIVERIES, &args.page, &filters).await?;
    output.value(&list.to_json(), || {
        if list.items.is_empty() {
            return "no deliveries".to_owned();
        }
        format!("{}{}", table(&DELIVERY_COLUMNS, &list.items), list.more())
    })?;
    Ok(Exit::Done)
}

fn path(id: &str) -> String {
    format!("{CHANNELS}/{}", encode(id))
}

fn table(columns: &[(&str, &str)], items: &[Value]) -> String {
    let titles: Vec<_> = columns.iter().map(|(title, _)| *title).collect();
    let row = |item: &Value| columns.iter().map(|(_, name)| output::cell(item, name)).collect();
    output::table(&titles, items.iter().map(row))
}

/// `name=value` of each argument as the API wants it.
fn read_settings(arguments: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut settings = Map::new();
    for argument in arguments {
        let Some((name, text)) = argument.split_once('=') else {
            bail!("{argument} is not a setting; write it as name=value");
        };
        let text = match text.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file).with_context(|| format!("cannot read {file} for {name}"))?,
            None => text.to_owned(),
        };
        settings.insert(name.to_owned(), value(name, text.trim()));
    }
    Ok(settings)
}

/// Text that is no such value goes to the server as it is, which says what it wants.
fn value(name: &str, text: &str) -> Value {
    match name {
        _ if text.is_empty() => Value::Null,
        "enabled" | "allow_private" => text.parse().map_or_else(|_| text.into(), Value::Bool),
        "smtp_port" => text.parse::<u16>().map_or_else(|_| text.into(), Value::from),
        "events" | "to" => text.split(',').map(str::trim).collect(),
        "quiet_hours" => match text.split_once('-') {
            Some((from, to)) => json!({ "from": from.trim(), "to": to.trim() }),
            None => text.into(),
        },
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_the_api_wants_them() {
        let read = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(|text| (*text).to_owned()).collect();
            read_settings(&arguments).map(Value::Object)
        };
        let settings = read(&[
            "type=telegram",
            "chat_id=-1001234567890",
            "allow_private=true",
            "events=host_down, panic_mode",
            "quiet_hours=23:00-08:00",
            "smtp_port=587",
            "min_severity=",
            "url=https://a.example/send?key=x=y",
        ]);
        let expected = json!({
            "type": "telegram", "chat_id": "-1001234567890", "allow_private": true, "events": ["host_down", "panic_mode"],
            "quiet_hours": {"from": "23:00", "to": "08:00"}, "smtp_port": 587, "min_severity": null,
            "url": "https://a.example/send?key=x=y",
        });
        assert_eq!(settings.unwrap(), expected);
        assert!(read(&["secret"]).is_err());
        assert!(read(&["secret=@/nowhere/at/all"]).unwrap_err().to_string().contains("cannot read /nowhere/at/all"));
    }

    #[test]
    fn a_file_keeps_a_secret_off_the_command_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        std::fs::write(&file, "SEC1\n").unwrap();
        let settings = read_settings(&[format!("secret=@{}", file.display())]).unwrap();
        assert_eq!(settings["secret"], "SEC1");
    }
}

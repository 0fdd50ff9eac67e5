//! `decisions`: the decision log, newest first; or as it grows, with `--follow`.

use std::time::Duration;

use serde_json::Value;

use super::Exit;
use super::api::{Api, Page};
use crate::client::{Client, ClientError, Event, with_query};
use crate::output::{self, Output};

/// Pause before a server that went away is asked again.
const COME_BACK: Duration = Duration::from_secs(1);

/// Which decisions.
#[derive(Debug, clap::Args)]
pub(crate) struct DecisionsArgs {
    /// Of this consumer (key id)
    #[arg(long, value_name = "KEY")]
    consumer: Option<String>,
    /// For this logical group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// For this public model
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Served by this route
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// Served by this host
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Ended so: complete, failed, client_gone, truncated, error_in_stream, idle_cut, resolved, interrupted, open
    #[arg(long, value_name = "VERDICT")]
    verdict: Option<String>,
    /// Of this binding (`sticky_key`)
    #[arg(long, value_name = "KEY")]
    sticky_key: Option<String>,
    /// Arrived at this time or later: 2026-10-01T12:00:00Z, or an age such as 15m
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<relay_domain::Timestamp>,
    /// Arrived before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<relay_domain::Timestamp>,
    /// Show decisions as they end, until interrupted; goes on where it was when the server comes back
    #[arg(long, short, conflicts_with_all = ["limit", "cursor", "until"])]
    follow: bool,
    #[command(flatten)]
    page: Page,
    #[command(flatten)]
    api: Api,
}

/// A timestamp, or an age counted back from now.
fn time(text: &str) -> Result<relay_domain::Timestamp, String> {
    use relay_domain::Clock as _;
    if let Ok(age) = humantime::parse_duration(text) {
        return Ok(relay_domain::SystemClock.now() - age);
    }
    text.parse().map_err(|_| "write a time as 2026-10-01T12:00:00Z, or an age as 15m".to_owned())
}

const COLUMNS: [(&str, &str); 11] = [
    ("time", "at"),
    ("request", "request_id"),
    ("consumer", "consumer"),
    ("group", "logical_group_id"),
    ("model", "public_model"),
    ("route", "route_id"),
    ("host", "host_id"),
    ("sticky", "sticky_action"),
    ("verdict", "verdict"),
    ("status", "client_status"),
    ("ms", "latency_us"),
];

pub(super) async fn run(args: DecisionsArgs, output: Output) -> anyhow::Result<Exit> {
    let filters = [
        ("consumer", args.consumer),
        ("logical_group_id", args.group),
        ("public_model", args.model),
        ("route_id", args.route),
        ("host_id", args.host),
        ("verdict", args.verdict),
        ("sticky_key", args.sticky_key),
        ("from", args.since.map(|time| time.to_string())),
        ("to", args.until.map(|time| time.to_string())),
    ];
    let client = args.api.client()?;
    if args.follow {
        return follow(&client, &with_query("/api/v1/decisions/stream", &filters), output).await;
    }
    let list = client.page("/api/v1/decisions", &args.page, &filters).await?;
    output.value(&list.to_json(), || {
        if list.items.is_empty() && list.next_cursor.is_null() {
            return "no decisions".to_owned();
        }
        let rows = list.items.iter().map(|item| COLUMNS.iter().map(|(_, name)| cell(item, name)).collect());
        format!("{}{}", output::table(&COLUMNS.map(|(title, _)| title), rows), list.more())
    })?;
    Ok(Exit::Done)
}

/// Shows decisions as they end. What the server repeats when it is asked again is left out.
///
/// # Errors
/// When the server refuses; one that cannot be reached is asked again, once it was reached.
async fn follow(client: &Client, path: &str, output: Output) -> anyhow::Result<Exit> {
    let mut events = client.events(path, None).await?;
    let mut shown = Shown::default();
    loop {
        while let Some(event) = events.next().await {
            shown.show(&event, output)?;
        }
        events = loop {
            tokio::time::sleep(COME_BACK).await;
            match client.events(path, shown.last.as_deref()).await {
                Ok(events) => break events,
                Err(ClientError::Unreachable { .. } | ClientError::Timeout { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        };
    }
}

/// What was shown last.
#[derive(Default)]
struct Shown {
    last: Option<String>,
    recent: std::collections::VecDeque<String>,
}

impl Shown {
    /// Ids that are remembered: a reconnect repeats a second, and 500 decisions at most.
    const REMEMBERED: usize = 500;

    fn show(&mut self, event: &Event, output: Output) -> std::io::Result<()> {
        let is_repeated = event.name == "decision" && self.recent.contains(&event.id);
        self.last = Some(event.id.clone());
        if is_repeated {
            return Ok(());
        }
        if event.name == "lagged" {
            output::line_err("some decisions are left out: they ended faster than they were read");
            return Ok(());
        }
        self.recent.push_back(event.id.clone());
        if self.recent.len() > Self::REMEMBERED {
            self.recent.pop_front();
        }
        output.event(&event.data, || COLUMNS.map(|(_, name)| cell(&event.data, name)).join("  "))
    }
}

fn cell(item: &Value, name: &str) -> String {
    match name {
        "latency_us" => super::explain::milliseconds(&item[name]),
        name => output::cell(item, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_is_shown_once() {
        let mut shown = Shown::default();
        for id in ["1-1", "2-2", "1-1"] {
            let event = Event { name: "decision".into(), id: id.into(), data: Value::Null };
            shown.show(&event, Output { json: true }).unwrap();
        }
        assert_eq!(shown.recent, ["1-1", "2-2"]);
        assert_eq!(shown.last.as_deref(), Some("1-1"), "where the server says it is");
    }

    #[test]
    fn a_time_is_a_timestamp_or_an_age() {
        assert!(time("2026-10-01T12:00:00Z").is_ok());
        assert!(time("15m").is_ok_and(|then| then < time("1m").unwrap()));
        assert!(time("yesterday").is_err());
    }
}

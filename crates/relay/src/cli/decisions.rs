//! `decisions`: the decision log, newest first.

use serde_json::Value;

use super::Exit;
use super::api::{Api, Page};
use crate::output::{self, Output};

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
    let list = args.api.client()?.page("/api/v1/decisions", &args.page, &filters).await?;
    output.value(&list.to_json(), || {
        if list.items.is_empty() && list.next_cursor.is_null() {
            return "no decisions".to_owned();
        }
        let rows = list.items.iter().map(|item| COLUMNS.iter().map(|(_, name)| cell(item, name)).collect());
        format!("{}{}", output::table(&COLUMNS.map(|(title, _)| title), rows), list.more())
    })?;
    Ok(Exit::Done)
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
    fn a_time_is_a_timestamp_or_an_age() {
        assert!(time("2026-10-01T12:00:00Z").is_ok());
        assert!(time("15m").is_ok_and(|then| then < time("1m").unwrap()));
        assert!(time("yesterday").is_err());
    }
}

//! `health`: how the fleet is, and clearing what is left alone.

use std::iter;

use clap::Args;
use serde_json::{Value, json};

use super::api::Api;
use super::{Exit, nouns};
use crate::output::{self, Output, bold, cell, field};

/// What is asked about the fleet's health.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Only this host and its routes
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Only this route and its host
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// Only what is not well
    #[arg(long)]
    troubled: bool,
    /// Let what is left alone be tried again, one after the other (see --host and --route)
    #[arg(long)]
    clear: bool,
    /// With --clear: all of it now
    #[arg(long, requires = "clear")]
    at_once: bool,
    #[command(flatten)]
    api: Api,
}

const HOSTS: [(&str, &str); 6] = [
    ("host", "host_id"),
    ("state", "state"),
    ("by", "opened_by"),
    ("class", "class"),
    ("since", "since"),
    ("back", "expected_back"),
];

pub(super) async fn run(args: HealthArgs, output: Output) -> anyhow::Result<Exit> {
    let client = args.api.client()?;
    if args.clear {
        let selection = json!({ "route_id": args.route, "host_id": args.host, "at_once": args.at_once });
        let cleared = client.post("/api/v1/health/clear-cooldowns", &selection).await?;
        output.value(&cleared, || {
            let count = |name: &str| cleared[name].as_array().map_or(0, Vec::len);
            format!("cleared {} routes and {} hosts", count("routes"), count("hosts"))
        })?;
        return Ok(Exit::Done);
    }
    let troubled = args.troubled.then(|| "true".to_owned());
    let query = [("host_id", args.host.clone()), ("route_id", args.route.clone()), ("troubled", troubled)];
    let health = client.all_of(&["hosts", "routes"], "/api/v1/health", &query).await?;
    for (noun, id) in [(&nouns::HOST, args.host), (&nouns::ROUTE, args.route)] {
        if health[noun.path].as_array().is_none_or(Vec::is_empty) {
            client.must_have(noun, id.as_deref()).await?;
        }
    }
    output.value(&health, || show(&health))?;
    Ok(if health["status"] == "ok" { Exit::Done } else { Exit::Failed })
}

fn show(health: &Value) -> String {
    let items = |name: &str| health[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let host = |item: &Value| HOSTS.iter().map(|(_, name)| time_or_cell(item, name)).collect();
    let hosts = output::table(&HOSTS.map(|(title, _)| title), items("hosts").iter().map(host));
    let titles = ["route", "host", "state", "why", "back", "ok 5m", "failed", "ttft p50", "p99"];
    let routes = output::table(&titles, items("routes").iter().map(route));
    let status =
        iter::once(format!("server {}, generation {}", bold(&field(health, "status")), field(health, "generation")));
    let reasons = items("reasons").iter().map(|reason| format!("  {}", output::plain(reason)));
    let status = status.chain(reasons).collect::<Vec<_>>().join("\n");
    let probes = format!(
        "probes: {} after {} s idle; {} of {} completions today",
        field(health, "probes.mode"),
        field(health, "probes.idle_seconds"),
        field(health, "probes.completions_today"),
        field(health, "probes.completions_per_day"),
    );
    format!("{status}\n\n{hosts}\n\n{routes}\n\n{probes}")
}

fn route(item: &Value) -> Vec<String> {
    let millis = |name: &str| match field(item, name) {
        known if known.is_empty() => known,
        // Out of a histogram, whose buckets are up to a quarter wide.
        known => format!("≈{known} ms"),
    };
    let limited = item["credentials"].as_array().and_then(|list| list.first());
    let flags = item["flags"].as_array().into_iter().flatten().map(|flag| field(flag, "flag"));
    let why = [field(item, "class"), limited.map(|key| format!("key {}", field(key, "reason"))).unwrap_or_default()];
    let why: Vec<String> = why.into_iter().chain(flags).filter(|text| !text.is_empty()).collect();
    let back = match limited {
        Some(key) if item["expected_back"].is_null() => time_or_cell(key, "expected_back"),
        _ => time_or_cell(item, "expected_back"),
    };
    vec![
        field(item, "route_id"),
        field(item, "host_id"),
        field(item, "state"),
        why.join(", "),
        back,
        field(item, "succeeded"),
        field(item, "failed"),
        millis("ttft_ms_p50"),
        millis("ttft_ms_p99"),
    ]
}

/// Times to the second.
fn time_or_cell(item: &Value, name: &str) -> String {
    match name {
        "since" | "expected_back" => {
            let moved = json!({ "at": item[name] });
            cell(&moved, "at")
        }
        _ => cell(item, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_out_of_a_histogram_are_said_to_be_about_right() {
        let told = route(&json!({ "route_id": "r", "ttft_ms_p50": 640, "ttft_ms_p99": null }));
        assert_eq!(told[7..], ["≈640 ms", ""]);
    }
}

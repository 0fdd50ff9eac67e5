//! `usage`: what was used and what it cost.

use clap::{Args, ValueEnum};
use relay_domain::Money;
use serde_json::Value;

use super::Exit;
use super::api::Api;
use crate::client::with_query;
use crate::output::{self, Output, field};

/// What is asked about usage.
#[derive(Debug, Args)]
pub(crate) struct UsageArgs {
    /// What the lines differ in: consumer, group, model, route, host, hour, day; several with commas
    #[arg(long, value_name = "WHAT", default_value = "consumer,model")]
    by: String,
    /// From this hour on; the beginning of the month of `--to` when left out
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Up to this hour; now when left out
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only of this consumer (key id)
    #[arg(long, value_name = "KEY")]
    consumer: Option<String>,
    /// Only of this logical group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Only of this public model
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Only over this route
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// Only on this host
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// How to write it (--json is the same as json)
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    api: Api,
}

/// How usage is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For spreadsheets
    Csv,
    /// For programs
    Json,
}

const PATH: &str = "/api/v1/usage";

const DIMENSIONS: [&str; 7] = ["day", "hour", "consumer", "logical_group_id", "public_model", "route_id", "host_id"];

pub(super) async fn run(args: UsageArgs, output: Output) -> anyhow::Result<Exit> {
    let client = args.api.client()?;
    let csv = args.format == Format::Csv && !output.json;
    let query = [
        ("by", Some(args.by).filter(|by| !by.trim().is_empty())),
        ("from", args.from),
        ("to", args.to),
        ("consumer", args.consumer),
        ("logical_group_id", args.group),
        ("public_model", args.model),
        ("route_id", args.route),
        ("host_id", args.host),
        ("format", csv.then(|| "csv".to_owned())),
    ];
    if csv {
        output::text_out(&client.get_text(&with_query(PATH, &query), "text/csv").await?)?;
        return Ok(Exit::Done);
    }
    let usage = client.all(PATH, &query).await?;
    let output = Output { json: output.json || args.format == Format::Json };
    output.value(&usage, || table(&usage))?;
    Ok(Exit::Done)
}

fn table(usage: &Value) -> String {
    let items = usage["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(first) = items.first() else { return "nothing was used in this time".to_owned() };
    let by: Vec<&str> = DIMENSIONS.into_iter().filter(|name| first.get(name).is_some()).collect();
    let sums = ["requests", "failed", "input", "cached", "hits", "output", "price", "cost", "margin", "cache saved"];
    let titles: Vec<&str> = by.iter().copied().chain(sums).collect();
    let row = |item: &Value| {
        let count = |name: &str| field(item, name);
        let money = |name: &str| Money::from_nanos(item[name].as_i64().unwrap_or(0)).to_string();
        let hits = item["cache_hit_permille"].as_i64().map(|share| format!("{}.{} %", share / 10, share % 10));
        let sums = [
            count("requests"),
            count("failed"),
            count("input_tokens"),
            count("cached_input_tokens"),
            hits.unwrap_or_default(),
            count("output_tokens"),
            money("price_nanos"),
            money("cost_nanos"),
            money("margin_nanos"),
            money("cache_saved_nanos"),
        ];
        by.iter().map(|name| field(item, name)).chain(sums).collect()
    };
    let span = format!("from {} to {}", field(usage, "from"), field(usage, "to"));
    format!("{span}\n\n{}{}", output::table(&titles, items.iter().map(row)), unpriced(items))
}

/// The line below a table whose money is not all of it.
fn unpriced(items: &[Value]) -> String {
    let sum = |name: &str| -> i64 { items.iter().filter_map(|item| item[name].as_i64()).sum() };
    let without = sum("with_usage") - sum("priced");
    if without <= 0 {
        return String::new();
    }
    format!(
        "\n\n{without} requests are without a price; `relay-manager prices` shows the table, `prices` in the \
             configuration adds to it"
    )
}

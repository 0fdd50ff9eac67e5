//! `prices`: the price table of a running server.

use clap::Args;
use serde_json::Value;

use super::Exit;
use super::api::Api;
use crate::output::{self, Output, field};

/// What is asked about prices.
#[derive(Debug, Args)]
pub(crate) struct PricesArgs {
    /// Only models whose names begin so
    model: Option<String>,
    #[command(flatten)]
    api: Api,
}

const COLUMNS: [(&str, &str); 10] = [
    ("model", "model"),
    ("input", "input"),
    ("cached", "cached_input"),
    ("cache write", "cache_write"),
    ("output", "output"),
    ("above input", "above_input"),
    ("from", "from"),
    ("table", "table"),
    ("checked", "checked"),
    ("source", "source"),
];

pub(super) async fn run(args: PricesArgs, output: Output) -> anyhow::Result<Exit> {
    let prices = args.api.client()?.all("/api/v1/prices", &[("model", args.model)]).await?;
    output.value(&prices, || {
        let row = |item: &Value| COLUMNS.iter().map(|(_, name)| field(item, name)).collect();
        let items = prices["items"].as_array().into_iter().flatten();
        format!(
            "for a million tokens, in the unit of the table (US dollars as shipped)\n\n{}",
            output::table(&COLUMNS.map(|(title, _)| title), items.map(row))
        )
    })?;
    Ok(Exit::Done)
}

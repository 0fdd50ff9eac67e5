//! `explain`: why a request went where it went, in the order it was decided.

use serde_json::Value;

use super::Exit;
use super::api::Api;
use crate::client::encode;
use crate::output::{Output, printable};

/// Which request.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// Id of the request: the X-Request-ID of its answer
    request_id: String,
    #[command(flatten)]
    api: Api,
}

pub(super) async fn run(args: ExplainArgs, output: Output) -> anyhow::Result<Exit> {
    let path = format!("/api/v1/decisions/{}/explain", encode(&args.request_id));
    let explained = match args.api.client()?.get(&path).await {
        Err(error) if error.is_not_found() => anyhow::bail!(
            "there is no decision {}; ids are the X-Request-ID of answers, and `relay-manager decisions` lists the latest",
            args.request_id
        ),
        explained => explained?,
    };
    output.value(&explained, || printable(explained["text"].as_str().unwrap_or_default()))?;
    Ok(Exit::Done)
}

/// Microseconds as milliseconds with one place; nothing when unknown.
pub(super) fn milliseconds(us: &Value) -> String {
    us.as_u64().map(|us| format!("{}.{}", us / 1000, us % 1000 / 100)).unwrap_or_default()
}

//! `simulate`: what recent traffic would do if a host were down or slow.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::Exit;
use super::api::Api;
use super::replay::{self, WindowArgs};
use crate::client::with_query;
use crate::output::{Output, plain};

/// Which trouble.
#[derive(Debug, clap::Args)]
pub(crate) struct SimulateArgs {
    /// A host that answers nothing; may be given again
    #[arg(long, value_name = "HOST", required_unless_present = "slow")]
    down: Vec<String>,
    /// A host that answers later, and by how much: osaka=2s; may be given again
    #[arg(long, value_name = "HOST=TIME", value_parser = slow)]
    slow: Vec<(String, Duration)>,
    #[command(flatten)]
    window: WindowArgs,
    #[command(flatten)]
    api: Api,
}

fn slow(text: &str) -> Result<(String, Duration), String> {
    let (host, delay) = text.split_once('=').ok_or("write a host and a time: osaka=2s")?;
    let delay =
        humantime::parse_duration(delay).map_err(|error| format!("{error}; write a host and a time: osaka=2s"))?;
    Ok((host.to_owned(), delay))
}

pub(super) async fn run(args: SimulateArgs, output: Output) -> anyhow::Result<Exit> {
    let slow: Vec<Value> = args
        .slow
        .iter()
        .map(|(host, delay)| json!({ "host_id": host, "ms": u64::try_from(delay.as_millis()).unwrap_or(u64::MAX) }))
        .collect();
    let body = json!({ "down": args.down, "slow": slow });
    let path = with_query("/api/v1/simulate", &args.window.query());
    let simulated = replay::ask(args.api, output, &path, &body).await?;
    output.value(&simulated, || text(&simulated))?;
    Ok(Exit::Done)
}

fn text(simulated: &Value) -> String {
    let mut text = String::new();
    for host in simulated["down"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "{} is taken to be down", plain(host));
    }
    for slow in simulated["slow"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "{} is taken to answer {} ms later", plain(&slow["host_id"]), plain(&slow["ms"]));
    }
    let _ = write!(text, "{}", replay::text(&simulated["blast_radius"]));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_host_is_written_with_its_delay() {
        assert_eq!(slow("osaka=2s"), Ok(("osaka".to_owned(), Duration::from_secs(2))));
        assert!(slow("osaka").is_err() && slow("osaka=soon").is_err());
    }

    #[test]
    fn a_simulation_says_what_it_assumes_first() {
        let simulated = json!({
            "generation": 7, "down": ["tokyo"], "slow": [{"host_id": "osaka", "ms": 2000}],
            "blast_radius": replay::tests::blast_radius(),
        });
        insta::assert_snapshot!(text(&simulated));
    }
}

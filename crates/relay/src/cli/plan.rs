//! `plan`: what `apply` would change, and what that would do to recent traffic (spec §8).

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use super::Exit;
use super::api::Api;
use super::fleet::{changes, findings, read};
use super::replay::{self, WindowArgs};
use crate::client::with_query;
use crate::output::{Output, plain};

/// What the numbers of a replay take for granted (docs/plan.md).
const ASSUMED: &str =
    "recent decisions, planned again as if the change had been made before them and every host had been well:";

/// What to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    /// Fleet file; - reads standard input
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Show the changes alone, without replaying recent decisions
    #[arg(long, conflicts_with_all = ["since", "until", "at_most", "time_limit"])]
    no_replay: bool,
    #[command(flatten)]
    window: WindowArgs,
    #[command(flatten)]
    api: Api,
}

pub(super) async fn run(args: PlanArgs, output: Output) -> anyhow::Result<Exit> {
    let document = read(&args.file)?;
    let mut query = args.window.query();
    query.push(("replay", args.no_replay.then(|| "false".to_owned())));
    let path = with_query("/api/v1/plan", &query);
    let planned = replay::ask(args.api, output, &path, &document).await?;
    output.value(&planned, || text(&planned))?;
    let pending = planned["changes"].as_bool().unwrap_or(true);
    Ok(if pending { Exit::ChangesPending } else { Exit::Done })
}

fn text(planned: &Value) -> String {
    let mut text = changes(&planned["diff"]);
    for key in planned["generated_keys"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "a key would be made for {}", plain(key));
    }
    text.push_str(&findings(planned));
    for route in planned["dead_routes"].as_array().into_iter().flatten() {
        let told = |name: &str| plain(&route[name]);
        let _ = writeln!(
            text,
            "dead: route {} to {} ({})",
            told("route_id"),
            told("host_id"),
            told("reason").replace('_', " ")
        );
    }
    if planned["blast_radius"].is_object() {
        let _ = write!(text, "\n{ASSUMED}\n{}\n", replay::text(&planned["blast_radius"]));
    }
    let generation = plain(&planned["generation"]);
    let _ = if planned["changes"].as_bool().unwrap_or(true) {
        write!(text, "changes are pending against generation {generation}; `relay-manager apply` makes them")
    } else {
        write!(text, "nothing to change; generation {generation} is what the file says")
    };
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_is_changes_findings_dead_routes_and_the_blast_radius() {
        let planned = json!({
            "generation": 7,
            "changes": true,
            "diff": {"added": [], "changed": [{"noun": "host", "id": "tokyo", "fields": [{"field": "enabled", "from": true, "to": false}]}], "removed": []},
            "generated_keys": ["team-b"],
            "warnings": [],
            "findings": [
                {"code": "one_host_tier", "severity": "note", "subject": "group \"gpt\", model \"gpt-5\"", "message": "tier 1 has one host, \"osaka\"", "remedy": "add a route"},
                {"code": "unreachable_route", "severity": "warning", "subject": "route \"gpt-tokyo\"", "message": "host \"tokyo\" is disabled", "remedy": "enable the host"},
            ],
            "dead_routes": [{"route_id": "gpt-tokyo", "host_id": "tokyo", "logical_group_id": "gpt", "public_model": "gpt-5", "reason": "host_disabled"}],
            "blast_radius": replay::tests::blast_radius(),
        });
        insta::assert_snapshot!(text(&planned));
    }

    #[test]
    fn without_changes_there_is_nothing_else_to_tell() {
        let planned = json!({"generation": 7, "changes": false, "diff": {"added": [], "changed": [], "removed": []}, "blast_radius": null});
        assert_eq!(text(&planned), "nothing to change; generation 7 is what the file says");
    }
}

//! What `plan` and `simulate` share: the window that is replayed, progress meanwhile, and the blast radius in words.

use std::fmt::Write as _;

use serde_json::Value;

use super::api::Api;
use crate::client::ClientError;
use crate::output::{self, Output, plain};
use crate::progress::Progress;

/// Rows of a table of hosts; the JSON has all.
const MOST_ROWS: usize = 20;

/// Which decisions are replayed.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct WindowArgs {
    /// Replay decisions from this time on: an age such as 24h, or 2026-11-26T00:00:00Z [default: 24h]
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// … and before this time [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Of more decisions replay the newest so many [default: 1000000]
    #[arg(long, value_name = "N")]
    at_most: Option<u64>,
    /// End after so long with what there is [default: 5s]
    #[arg(long, value_name = "TIME")]
    time_limit: Option<String>,
}

impl WindowArgs {
    pub(super) fn query(self) -> Vec<(&'static str, Option<String>)> {
        vec![
            ("since", self.since),
            ("until", self.until),
            ("at_most", self.at_most.map(|count| count.to_string())),
            ("time_limit", self.time_limit),
        ]
    }
}

/// Asks for a replay, and shows on a terminal how far it is.
pub(super) async fn ask(api: Api, output: Output, path: &str, body: &Value) -> Result<Value, ClientError> {
    let progress = Progress::start(output, "replaying recent decisions");
    api.client()?.post_watched(path, body, |done, total| progress.at(done, total)).await
}

/// The blast radius in words.
pub(super) fn text(blast: &Value) -> String {
    let mut text = covered(blast);
    if blast["traffic"]["requests"] == 0 {
        text.push_str("no traffic: nothing can be said of what would move\n");
        return text;
    }
    traffic(blast, &mut text);
    refused(blast, &mut text);
    conversations(blast, &mut text);
    cost(blast, &mut text);
    latency(blast, &mut text);
    for over in list(&blast["capacity"]) {
        let told = |path: &str| output::field(over, path);
        let what = if over["what"] == "rpm" { "requests a minute" } else { "requests at once" };
        let _ = writeln!(
            text,
            "capacity: {} group {} admits {} {what}; it had {} and would get {}",
            told("host_id"),
            told("shadow_group_id"),
            told("limit"),
            told("peak.before"),
            told("peak.after")
        );
    }
    text
}

fn covered(blast: &Value) -> String {
    let covered = &blast["covered"];
    // To the second: cells of tables know times by their names.
    let cell = |name: &str| output::cell(&serde_json::json!({ "at": covered[name] }), "at");
    let mut text =
        format!("replayed {} decisions from {} to {}", plain(&covered["decisions"]), cell("from"), cell("to"));
    match covered["truncated"].as_str() {
        Some("decisions") => text.push_str(" (the newest; --at-most replays more)"),
        Some("time") => text.push_str(" (the oldest: the time was up; --time-limit gives more, --since asks for less)"),
        _ => {}
    }
    text.push('\n');
    let fidelity = &blast["fidelity"];
    if fidelity["compared"].as_u64().is_some_and(|compared| compared > 0) {
        let _ = writeln!(
            text,
            "the fleet in force, replayed, gives the route of then for {} of them",
            percent(&fidelity["share"])
        );
    }
    text
}

fn traffic(blast: &Value, text: &mut String) {
    let traffic = &blast["traffic"];
    let _ = writeln!(text, "{} of traffic would go elsewhere or nowhere", percent(&traffic["moved_share"]));
    let rows = list(&blast["hosts"]).take(MOST_ROWS).map(|host| {
        let told = |path: &str| output::field(host, path);
        let both = |name: &str| format!("{} -> {}", told(&format!("{name}.before")), told(&format!("{name}.after")));
        let share = &host["share"];
        vec![
            told("host_id"),
            format!("{} -> {}", percent(&share["before"]), percent(&share["after"])),
            both("requests"),
            told("moved_away"),
            told("moved_here"),
            both("peak_concurrency"),
            both("peak_rpm"),
        ]
    });
    let titles = ["host", "share", "requests", "moved away", "moved here", "peak in flight", "peak a minute"];
    let _ = writeln!(text, "{}", output::table(&titles, rows));
    let more = list(&blast["hosts"]).count().saturating_sub(MOST_ROWS);
    if more > 0 {
        let _ = writeln!(text, "and {more} more hosts: see --json");
    }
}

fn refused(blast: &Value, text: &mut String) {
    let traffic = &blast["traffic"];
    let (before, after) = (&traffic["unserved_before"], &traffic["unserved_after"]);
    if after.as_u64() > Some(0) || before.as_u64() > Some(0) {
        let _ = writeln!(text, "not served: {} -> {} requests", plain(before), plain(after));
    }
    for line in list(&blast["refused"]).take(MOST_ROWS) {
        let told = |name: &str| plain(&line[name]);
        let whose = line["consumer"].as_str().map_or_else(|| "operators".to_owned(), |key| format!("key {key}"));
        let (requests, group, model) = (told("requests"), told("logical_group_id"), told("public_model"));
        let reason = told("reason").replace('_', " ");
        let _ = writeln!(text, "  {requests} of {} for {group}/{model}: {reason}", output::printable(&whose));
    }
}

fn conversations(blast: &Value, text: &mut String) {
    let conversations = &blast["conversations"];
    let told = |name: &str| plain(&conversations[name]);
    let (bound, kept, broken) = (told("bound"), told("kept"), told("broken"));
    let _ = writeln!(text, "conversations: {bound} are bound, {kept} would stay, {broken} would break");
    for host in list(&conversations["hosts"]).filter(|host| host["broken"].as_u64() > Some(0)).take(MOST_ROWS) {
        let reasons: Vec<&Value> = list(&host["reasons"]).collect();
        let why = |reason: &&Value| match (plain(&reason["reason"]).replace('_', " "), reasons.len()) {
            (why, 1) => why,
            (why, _) => format!("{} {why}", plain(&reason["conversations"])),
        };
        let reasons: Vec<String> = reasons.iter().map(why).collect();
        let (id, broken, bound) = (plain(&host["host_id"]), plain(&host["broken"]), plain(&host["bound"]));
        let _ = writeln!(text, "  {broken} of {bound} on {id}: {}", reasons.join(", "));
    }
    let lost = conversations["cache_lost_nanos"].as_i64().unwrap_or(0);
    if lost > 0 {
        let _ = writeln!(text, "  filling their prompt caches again costs {} once", money(lost));
    }
}

fn cost(blast: &Value, text: &mut String) {
    let cost = &blast["cost"];
    if cost["priced"].as_u64() == Some(0) {
        return;
    }
    let nanos = |name: &str| cost[name].as_i64().unwrap_or(0);
    let share = match cost["change_share"].as_f64() {
        Some(0.0) => " (the same)".to_owned(),
        Some(share) => format!(" ({}{})", if share < 0.0 { "" } else { "+" }, percent(&cost["change_share"])),
        None => String::new(),
    };
    let (before, after) = (money(nanos("before_nanos")), money(nanos("after_nanos")));
    let _ = writeln!(text, "cost of {} priced requests: {before} -> {after}{share}", plain(&cost["priced"]));
}

fn latency(blast: &Value, text: &mut String) {
    let latency = &blast["latency"];
    let delayed = latency["delayed"].as_u64().unwrap_or(0);
    if delayed == 0 {
        return;
    }
    let told = |path: &str| output::field(latency, path);
    let _ = writeln!(
        text,
        "{delayed} requests would be later: median {} -> {} ms, p99 {} -> {} ms",
        told("p50_ms.before"),
        told("p50_ms.after"),
        told("p99_ms.before"),
        told("p99_ms.after")
    );
    if latency["would_time_out"].as_u64() > Some(0) {
        let _ = writeln!(text, "  {} of them would give no output within 300 s", told("would_time_out"));
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A share as a percentage with one place, or as much as it needs to be no zero.
fn percent(share: &Value) -> String {
    let percent = share.as_f64().unwrap_or(0.0) * 100.0;
    if percent != 0.0 && percent.abs() < 0.1 { format!("{percent:.4} %") } else { format!("{percent:.1} %") }
}

/// Billionths of the unit with four places.
fn money(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let tenthousandths = (nanos.unsigned_abs() + 50_000) / 100_000;
    format!("{sign}{}.{:04}", tenthousandths / 10_000, tenthousandths % 10_000)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(in crate::cli) fn blast_radius() -> Value {
        json!({
            "covered": {"from": "2026-11-25T12:00:00Z", "to": "2026-11-26T12:00:00Z", "decisions": 1000, "truncated": "time", "not_planned": 4},
            "traffic": {"requests": 996, "moved": 598, "moved_share": 0.6004, "unserved_before": 0, "unserved_after": 3},
            "hosts": [
                {"host_id": "osaka", "requests": {"before": 398, "after": 993}, "share": {"before": 0.3996, "after": 0.99699},
                 "moved_away": 0, "moved_here": 595, "tokens": {"before": 1, "after": 2},
                 "peak_concurrency": {"before": 12, "after": 31}, "peak_rpm": {"before": 40, "after": 99}},
                {"host_id": "tokyo", "requests": {"before": 598, "after": 0}, "share": {"before": 0.6004, "after": 0.0},
                 "moved_away": 598, "moved_here": 0, "tokens": {"before": 1, "after": 0},
                 "peak_concurrency": {"before": 19, "after": 0}, "peak_rpm": {"before": 61, "after": 0}},
            ],
            "flows": [],
            "refused": [{"logical_group_id": "gpt", "public_model": "o3", "consumer": "team-a", "reason": "no_eligible_route", "requests": 3}],
            "conversations": {"bound": 50, "kept": 20, "broken": 30, "cache_lost_nanos": 1_234_567_890_i64,
                "hosts": [{"host_id": "tokyo", "bound": 30, "broken": 30, "reasons": [{"reason": "host_disabled", "conversations": 30}]}]},
            "cost": {"priced": 900, "before_nanos": 10_000_000_000_i64, "after_nanos": 9_000_000_000_i64, "change_nanos": -1_000_000_000_i64, "change_share": -0.1},
            "latency": {"p50_ms": {"before": 900, "after": 2900}, "p99_ms": {"before": 9000, "after": 11000}, "delayed": 100, "would_time_out": 1},
            "capacity": [{"host_id": "osaka", "shadow_group_id": "12", "what": "concurrency", "limit": 20, "peak": {"before": 12, "after": 31}, "observed_at": "2026-11-26T11:00:00Z"}],
            "fidelity": {"compared": 996, "same": 990, "share": 0.993_976},
        })
    }

    #[test]
    fn without_traffic_nothing_is_made_up() {
        let blast = json!({
            "covered": {"from": "2026-11-25T12:00:00Z", "to": "2026-11-26T12:00:00Z", "decisions": 0, "truncated": null},
            "traffic": {"requests": 0},
        });
        assert_eq!(
            text(&blast),
            "replayed 0 decisions from 2026-11-25 12:00:00Z to 2026-11-26 12:00:00Z\nno traffic: nothing can be said of what would move\n"
        );
    }

    #[test]
    fn small_shares_are_not_told_as_none_and_money_has_four_places() {
        assert_eq!(percent(&json!(0.5)), "50.0 %");
        assert_eq!(percent(&json!(0.000_012)), "0.0012 %");
        assert_eq!(percent(&json!(0)), "0.0 %");
        assert_eq!(
            (money(1_234_567_890), money(-50_000), money(0)),
            ("1.2346".into(), "-0.0001".into(), "0.0000".into())
        );
    }
}

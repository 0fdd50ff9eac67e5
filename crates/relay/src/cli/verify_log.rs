//! `verify-log`: proves that the decision log is whole, or names what is
//! missing (spec §7). Reads files only; the server may run or not.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use relay_ledger::VerifyReport;

use super::Exit;
use crate::config::DataFlags;
use crate::output::{self, Output, printable};
use crate::progress::Progress;

/// Whose log.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyLogArgs {
    #[command(flatten)]
    data: DataFlags,
}

pub(super) fn run(args: VerifyLogArgs, output: Output) -> anyhow::Result<Exit> {
    let directory = args.data.load()?.log_dir();
    if !directory.is_dir() {
        bail!("there is no decision log in {}; name the server's data directory with --data-dir", directory.display());
    }
    let progress = Progress::start(output, "verifying");
    let verified = relay_ledger::verify_with(&directory, |segment, done, segments| {
        progress.at(done, segments);
        progress.say(segment);
    });
    drop(progress);
    let report = verified.with_context(|| format!("cannot verify the decision log in {}", directory.display()))?;
    let value = serde_json::to_value(&report).context("the report is JSON")?;
    output.value(&value, || in_words(&report))?;
    Ok(if report.is_clean() { Exit::Done } else { Exit::Failed })
}

fn in_words(report: &VerifyReport) -> String {
    let rows = report.segments.iter().map(|segment| {
        vec![
            segment.segment.clone(),
            segment.rows.to_string(),
            segment.outcomes.to_string(),
            segment.interrupted.to_string(),
            segment.open.to_string(),
            segment.faults.to_string(),
        ]
    });
    let mut text = String::new();
    if !report.segments.is_empty() {
        text = output::table(&["segment", "requests", "with outcome", "interrupted", "in flight", "faults"], rows);
        text.push_str("\n\n");
    }
    for row in &report.interrupted {
        let _ = writeln!(text, "interrupted: {} (number {} in {})", printable(&row.request_id), row.seq, row.segment);
    }
    let untold = report.interrupted_count.saturating_sub(report.interrupted.len() as u64);
    if untold > 0 {
        let _ =
            writeln!(text, "interrupted: {untold} more; `relay-manager decisions --verdict interrupted` lists them");
    }
    for fault in &report.faults {
        let _ = writeln!(text, "fault in {}: {}", fault.segment, printable(&fault.what));
    }
    let untold = report.fault_count.saturating_sub(report.faults.len() as u64);
    if untold > 0 {
        let _ = writeln!(text, "and {untold} more faults");
    }
    if report.beside > 0 {
        let _ = writeln!(text, "beside the log: {} requests of a process that handed it over", report.beside);
    }
    let verdict = if report.is_clean() { "nothing is missing" } else { "the log is NOT whole" };
    let _ = write!(
        text,
        "{verdict}: {} requests, {} interrupted, {} in flight, {} faults",
        report.rows, report.interrupted_count, report.open, report.fault_count
    );
    text
}

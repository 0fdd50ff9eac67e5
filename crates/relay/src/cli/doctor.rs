//! `doctor`: one verdict a line; exits 1 when one of them is `fail`.

use serde_json::json;

use super::Exit;
use crate::config::DataFlags;
use crate::doctor::{self, Line, Verdict};
use crate::output::Output;
use crate::progress::Progress;

/// What is looked at.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Only ask whether the server answers and is ready: for health checks of containers
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    data: DataFlags,
}

pub(super) async fn run(args: DoctorArgs, output: Output) -> anyhow::Result<Exit> {
    let config = args.data.load();
    let progress = Progress::start(output, "looking");
    let lines = match config {
        Ok(config) if args.quick => doctor::quick(&config).await,
        config => doctor::examine(config).await,
    };
    drop(progress);
    let worst = doctor::worst(&lines);
    let value = json!({ "verdict": worst.as_str(), "checks": lines.iter().map(Line::to_json).collect::<Vec<_>>() });
    output.value(&value, || lines.iter().map(Line::in_words).collect::<Vec<_>>().join("\n"))?;
    Ok(if worst == Verdict::Fail { Exit::Failed } else { Exit::Done })
}

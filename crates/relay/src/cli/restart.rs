//! `restart`: has the running server of a data directory replaced by a new process of the program that is in its
//! place by now, without refusing or cutting anything. What a service manager's reload runs.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::Exit;
use crate::config::DataFlags;
use crate::data_dir::{self, Listening, take_restart_failure};
use crate::output::Output;
use crate::progress::Progress;

/// Somewhat longer than a server waits for its successor.
const PATIENCE: Duration = Duration::from_mins(3);

/// How often is looked whether the new process serves.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Whose server.
#[derive(Debug, clap::Args)]
pub(crate) struct RestartArgs {
    #[command(flatten)]
    data: DataFlags,
}

pub(super) async fn run(args: RestartArgs, output: Output) -> anyhow::Result<Exit> {
    let data_dir = args.data.load()?.data_dir;
    let shown = data_dir.display();
    let Some(old) = data_dir::listening(&data_dir).filter(|_| data_dir::is_held(&data_dir)) else {
        bail!(
            "no server runs on the data directory {shown}; start one with `relay-manager serve`, or name another directory with --data-dir"
        );
    };
    let pid = i32::try_from(old.pid).ok().and_then(Pid::from_raw).context("the server's process id is none")?;
    take_restart_failure(&data_dir);
    kill_process(pid, Signal::USR2).with_context(|| {
        format!("process {} cannot be signalled; run this as the user that the server runs as", old.pid)
    })?;
    let progress = Progress::start(output, "waiting for the new process to serve");
    let new = successor(&data_dir, &old).await?;
    drop(progress);
    let value = json!({ "pid": new.pid, "was": old.pid, "gateway": new.gateway, "admin": new.admin });
    output.value(&value, || {
        format!("process {} serves in place of {}, which finishes what it has in flight", new.pid, old.pid)
    })?;
    Ok(Exit::Done)
}

/// Waits for another process to serve the data directory.
async fn successor(data_dir: &Path, old: &Listening) -> anyhow::Result<Listening> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(new) = data_dir::listening(data_dir).filter(|new| new.pid != old.pid) {
            return Ok(new);
        }
        if let Some(reason) = take_restart_failure(data_dir) {
            bail!("process {} goes on serving: {reason}", old.pid);
        }
        if !data_dir::is_held(data_dir) {
            bail!("process {} has ended; look at its log", old.pid);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bail!("process {} did not say within {} s that another one serves; look at its log", old.pid, PATIENCE.as_secs())
}

//! `restore`: a backup as a new data directory, whole or not at all.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use relay_backup::ArchiveKey;
use relay_store::MasterKey;
use serde_json::json;

use super::{Exit, backup};
use crate::config::DataFlags;
use crate::output::Output;
use crate::progress::Progress;
use crate::wiring::Given;

/// Which backup, and where it goes.
#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    file: PathBuf,
    /// The passphrase that it was made with
    #[arg(long, value_name = "FILE", conflicts_with = "master_key_file")]
    passphrase_file: Option<PathBuf>,
    /// The master key that it was made with; without it, RELAY_MANAGER_MASTER_KEY
    #[arg(long, value_name = "FILE")]
    master_key_file: Option<PathBuf>,
    #[command(flatten)]
    data: DataFlags,
}

/// `backup` took no such passphrase.
const NOT_OURS: &str =
    "no backup has such a one: name the file with the passphrase that `relay-manager backup` was given";

pub(super) async fn run(args: RestoreArgs, output: Output) -> anyhow::Result<Exit> {
    tokio::task::spawn_blocking(move || put_back(args, output)).await?
}

fn put_back(args: RestoreArgs, output: Output) -> anyhow::Result<Exit> {
    let data_dir = args.data.load()?.data_dir;
    let key = match (&args.passphrase_file, &args.master_key_file) {
        (Some(path), _) => backup::passphrase(path, NOT_OURS)?,
        (None, Some(path)) => ArchiveKey::Master(MasterKey::load(path)?),
        (None, None) => match Given::from_env().master_key()? {
            Some(master) => ArchiveKey::Master(master),
            None => bail!(
                "say what the backup was made with: --passphrase-file, --master-key-file or RELAY_MANAGER_MASTER_KEY"
            ),
        },
    };
    let name = args.file.display();
    let file = File::open(&args.file).with_context(|| format!("cannot read {name}"))?;
    let progress = Progress::start(output, "restoring");
    let whole = file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
    let manifest = relay_backup::restore(Watched { file, read: 0, whole, progress }, &key, &data_dir)
        .with_context(|| format!("{name} was not restored"))?;
    let value = json!({ "data_dir": data_dir, "manifest": manifest });
    output.value(&value, || {
        let log = if manifest.holds_log { "with" } else { "without" };
        format!(
            "restored the state of {} {log} its decision log into {}; never run it beside the server it was taken from",
            manifest.created_at,
            data_dir.display()
        )
    })?;
    Ok(Exit::Done)
}

/// A file that shows how far it has been read.
struct Watched {
    file: File,
    read: u64,
    whole: u64,
    progress: Progress,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read += read as u64;
        self.progress.at(self.read, self.whole);
        Ok(read)
    }
}

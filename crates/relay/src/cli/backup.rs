//! `backup`: the data directory in one encrypted file. Reads files only; the server may run or not.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use relay_backup::{ArchiveKey, Copied, Source};
use relay_domain::{Clock as _, SystemClock};
use relay_store::MasterKey;
use serde_json::json;

use super::Exit;
use crate::config::{DataFlags, StoreLocation};
use crate::output::Output;
use crate::progress::Progress;
use crate::wiring::{Given, MASTER_KEY};

/// What is backed up, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct BackupArgs {
    /// The file to write; it must not exist
    file: PathBuf,
    /// Leave the decision log out: the fleet, keys and bindings alone
    #[arg(long)]
    without_log: bool,
    /// Encrypt under the passphrase in this file, and put the master key into the backup; without it, encrypt
    /// under the master key, which is then needed to restore
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    data: DataFlags,
}

pub(super) async fn run(args: BackupArgs, output: Output) -> anyhow::Result<Exit> {
    tokio::task::spawn_blocking(move || back_up(args, output)).await?
}

fn back_up(args: BackupArgs, output: Output) -> anyhow::Result<Exit> {
    let config = args.data.load()?;
    let StoreLocation::Sqlite(store) = &config.store;
    let master_key = master_key(&config.data_dir)?;
    let key = match &args.passphrase_file {
        Some(path) => passphrase(path, "write a longer one into it")?,
        None => ArchiveKey::Master(master_key.clone()),
    };
    let source = Source { data_dir: &config.data_dir, store, master_key: &master_key, with_log: !args.without_log };
    // Nothing is where a backup is expected before it is whole.
    let folder = args.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if args.file.exists() {
        bail!("{} is there already; name another file", args.file.display());
    }
    let draft =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("cannot write into {}", folder.display()))?;
    let progress = Progress::start(output, "backing up");
    let to = BufWriter::new(draft.as_file());
    let copying = |copied: Copied<'_>| {
        progress.say(&format!("copying {}", copied.file));
        progress.at(copied.bytes, copied.of);
    };
    let (manifest, bytes) = relay_backup::write(&source, &key, to, SystemClock.now(), copying)?;
    drop(progress);
    draft.as_file().sync_all()?;
    let file: File =
        draft.persist_noclobber(&args.file).with_context(|| format!("cannot write {}", args.file.display()))?;
    let size = file.metadata()?.len();
    let value = json!({ "file": args.file, "bytes": size, "bytes_of_files": bytes, "manifest": manifest });
    output.value(&value, || {
        let needed = if manifest.holds_master_key {
            "the passphrase restores it anywhere".to_owned()
        } else {
            format!("it restores with master key {}: keep that apart from it", manifest.master_key_id)
        };
        format!("{}: {} of files in {}; {needed}", args.file.display(), size_of(bytes), size_of(size))
    })?;
    Ok(Exit::Done)
}

fn size_of(bytes: u64) -> bytesize::ByteSize {
    bytesize::ByteSize::b(bytes)
}

fn master_key(data_dir: &Path) -> anyhow::Result<MasterKey> {
    match Given::from_env().master_key()? {
        Some(master) => Ok(master),
        None => Ok(MasterKey::load(&data_dir.join(MASTER_KEY))
            .context("the master key is neither in the data directory nor in RELAY_MANAGER_MASTER_KEY")?),
    }
}

/// The passphrase in a file, without the line's end; `remedy` says what to do about one that is too short.
pub(super) fn passphrase(path: &Path, remedy: &str) -> anyhow::Result<ArchiveKey> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.chars().count() < 8 {
        bail!("the passphrase in {} is shorter than 8 characters; {remedy}", path.display());
    }
    Ok(ArchiveKey::Passphrase(text.to_owned().into()))
}

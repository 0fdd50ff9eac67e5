//! The data directory: made private, held by one process at a time, and the
//! file in it that says where the server listens.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::json;

const LOCK: &str = "lock";
const LISTENING: &str = "listening.json";
const RESTART_FAILED: &str = "restart-failed";

/// A data directory that this process holds until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// The lock goes with the file, also when the process is killed.
    lock: File,
}

impl DataDir {
    /// Makes the directory (mode 0700) when it is not there, and takes it.
    ///
    /// # Errors
    /// When it cannot be made, or another process holds it.
    pub(crate) fn take(path: &Path) -> anyhow::Result<Self> {
        keep_files_private();
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let advice = || format!("cannot use the data directory {}; name another with --data-dir", path.display());
        builder.create(path).with_context(advice)?;
        warn_when_open_to_others(path);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut lock = options.open(path.join(LOCK)).with_context(advice)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = lock.read_to_string(&mut holder);
                let holder = Some(holder.trim()).filter(|pid| !pid.is_empty()).map(|pid| format!(" (process {pid})"));
                bail!(
                    "the data directory {} is in use by another relay-manager{}; stop it first, or name another \
                     directory with --data-dir",
                    path.display(),
                    holder.unwrap_or_default(),
                );
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(advice),
        }
        Ok(Self::held(path, lock))
    }

    /// Goes on with a directory that the process before this one holds, and its lock.
    pub(crate) fn inherit(path: &Path, lock: File) -> Self {
        keep_files_private();
        Self::held(path, lock)
    }

    fn held(path: &Path, mut lock: File) -> Self {
        lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| writeln!(lock, "{}", std::process::id())).ok();
        Self { path: path.to_owned(), lock }
    }

    /// The lock, for the process after this one: it is held as long as one of the two lives.
    pub(crate) fn lock(&self) -> io::Result<File> {
        self.lock.try_clone()
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes where the server listens, in one step: a reader sees the whole or nothing.
    pub(crate) fn announce(&self, gateway: SocketAddr, admin: SocketAddr) -> io::Result<()> {
        let text = json!({
            "pid": std::process::id(),
            "gateway": gateway.to_string(),
            "admin": admin.to_string(),
        });
        let draft = self.path.join(format!("{LISTENING}.new"));
        fs::write(&draft, format!("{text:#}\n"))?;
        fs::rename(draft, self.path.join(LISTENING))
    }

    /// Says for `relay-manager restart` why there is no new process.
    pub(crate) fn restart_failed(&self, reason: &str) {
        if let Err(error) = fs::write(self.path.join(RESTART_FAILED), reason) {
            tracing::warn!(%error, "the reason cannot be written to the data directory");
        }
    }

    /// Takes the announcement back.
    pub(crate) fn withdraw(&self) {
        // Nobody is there to be told: the process is ending.
        let _ = fs::remove_file(self.path.join(LISTENING));
    }
}

/// The process that serves a data directory, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listening {
    pub(crate) pid: u32,
    pub(crate) gateway: String,
    pub(crate) admin: String,
}

/// What a server announced in its data directory; `None` when none runs there that ended in order.
pub(crate) fn listening(path: &Path) -> Option<Listening> {
    let value: serde_json::Value = serde_json::from_slice(&fs::read(path.join(LISTENING)).ok()?).ok()?;
    Some(Listening {
        pid: value["pid"].as_u64()?.try_into().ok()?,
        gateway: value["gateway"].as_str()?.to_owned(),
        admin: value["admin"].as_str()?.to_owned(),
    })
}

/// Takes the reason why the last restart failed, if it did.
pub(crate) fn take_restart_failure(path: &Path) -> Option<String> {
    let file = path.join(RESTART_FAILED);
    let reason = fs::read_to_string(&file).ok()?;
    let _ = fs::remove_file(file);
    Some(reason)
}

/// Whether some process holds a data directory.
pub(crate) fn is_held(path: &Path) -> bool {
    let Ok(lock) = File::open(path.join(LOCK)) else { return false };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Whatever this process makes from here on (journals, write-ahead logs, drafts)
/// is for its user alone, also in a directory that was there before.
#[cfg(unix)]
fn keep_files_private() {
    use rustix::fs::Mode;
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

#[cfg(not(unix))]
fn keep_files_private() {}

#[cfg(unix)]
fn warn_when_open_to_others(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    if let Ok(metadata) = fs::metadata(path)
        && metadata.permissions().mode() & 0o077 != 0
    {
        let data_dir = path.display();
        tracing::warn!(%data_dir, "other users can read the data directory; run chmod 700 on it");
    }
}

#[cfg(not(unix))]
fn warn_when_open_to_others(_path: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_new_directory_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("a/data");
        let _held = DataDir::take(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_directory_is_held_by_one_at_a_time() {
        let temporary = tempfile::tempdir().unwrap();
        let held = DataDir::take(temporary.path()).unwrap();
        let error = DataDir::take(temporary.path()).unwrap_err().to_string();
        assert!(
            error.contains(&format!("in use by another relay-manager (process {})", std::process::id())),
            "{error}"
        );
        drop(held);
        assert!(DataDir::take(temporary.path()).is_ok());
    }
}

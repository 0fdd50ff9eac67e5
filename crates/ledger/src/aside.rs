//! The journal aside: where a process writes its rows once it has handed the
//! log over to another one, while it finishes what it has in flight.
//!
//! It is a file of its own, `aside-<id>.journal`, of the journal's format and
//! with a chain of its own. Whoever writes it holds its lock, so that the
//! process that has the log (`adoption`) sees when no more will come, however
//! the writer ended. Rows in it are as safe from a `kill -9` as any: what the
//! other process has not taken into the log yet, the next start does.

use std::io;
use std::path::{Path, PathBuf};

use crate::day::{self, Day};
use crate::journal::{JournalFile, Link, WriterId};
use crate::writer::{Chain, Start};

/// The first number that an intent gets aside. Numbers of the log itself never come there, so an outcome says by
/// its number whether its intent is in the log or beside it.
pub(crate) const FIRST_ASIDE: u64 = 1 << 62;

/// The day in the header: none, since rows of all days are in one file.
const NO_DAY: Day = Day(i32::MIN);

pub(crate) struct Aside {
    pub(crate) chain: Chain,
    file: JournalFile,
}

impl Aside {
    /// Makes the file and holds it.
    pub(crate) fn create(start: &Start) -> io::Result<Self> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|error| io::Error::other(error.to_string()))?;
        let link = first_link(&start.writer);
        let path = start.dir.join(format!("aside-{}.journal", hex::encode(id)));
        // Held before it has its name: one that nobody holds is finished.
        let draft = path.with_extension("new");
        let file = JournalFile::create(&draft, &start.writer, NO_DAY, &link, start.fault.clone())?;
        file.hold()?;
        std::fs::rename(draft, path)?;
        Ok(Self { chain: Chain::new(link), file })
    }

    pub(crate) fn append(&mut self) -> io::Result<()> {
        self.chain.append_to(&mut self.file)
    }
}

/// Where the chain of a file aside begins.
pub(crate) fn first_link(writer: &WriterId) -> Link {
    Link::first(writer, NO_DAY)
}

/// The journals aside in a directory.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = day::names(dir)?;
    names.retain(|name| name.starts_with("aside-") && name.ends_with(".journal"));
    names.sort_unstable();
    Ok(names.into_iter().map(|name| dir.join(name)).collect())
}

/// Whether some process still writes to a file aside.
pub(crate) fn is_held(path: &Path) -> bool {
    let Ok(file) = std::fs::File::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock))
}

//! A look at the log's files, whether it is being written or not: how large it is and grows, and what waits.

use std::path::Path;
use std::time::SystemTime;

use crate::day;
use crate::ledger::is_written;

/// What is in a log's directory.
#[derive(Clone, Debug, Default)]
pub struct LogFiles {
    /// Whether some process writes it now.
    pub is_written: bool,
    /// Days that have a segment.
    pub days: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes in journals that may not be filed yet: those of the log, not of processes beside it.
    pub journal_bytes: u64,
    /// When the oldest journal was last written to; without one nothing waits.
    pub oldest_journal: Option<SystemTime>,
    /// Journals that a start set aside as damaged.
    pub damaged: Vec<String>,
}

/// Looks at the log in `dir` (`<data_dir>/log`); an empty one when there is none.
///
/// # Errors
/// When the directory cannot be read.
pub fn look(dir: &Path) -> std::io::Result<LogFiles> {
    let mut files = LogFiles { is_written: is_written(dir), ..LogFiles::default() };
    files.days = day::databases(dir)?.len() as u64;
    let journals = day::journals(dir)?;
    for name in day::names(dir)? {
        // A journal may be filed and gone meanwhile.
        let Ok(metadata) = std::fs::metadata(dir.join(&name)) else { continue };
        files.bytes += metadata.len();
        if name.ends_with(".damaged") {
            files.damaged.push(name);
        }
    }
    for (day, number) in journals {
        let Ok(metadata) = std::fs::metadata(day.journal(dir, number)) else { continue };
        files.journal_bytes += metadata.len();
        let written = metadata.modified()?;
        files.oldest_journal = Some(files.oldest_journal.map_or(written, |oldest| oldest.min(written)));
    }
    Ok(files)
}

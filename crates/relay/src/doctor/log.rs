//! The decision log: whether it is written, and whether filing keeps up. That every row is there is `verify-log`'s.

use std::time::{Duration, SystemTime};

use relay_ledger::LogFiles;

use super::Line;
use crate::config::Config;

/// More than this unfiled is a backlog: a journal file is sealed at 16 MiB, and filed within a second or two.
const BACKLOG_BYTES: u64 = 256 << 20;

/// A journal that nobody writes any more, and that nobody has filed.
const LEFT_ALONE: Duration = Duration::from_mins(1);

pub(super) fn examine(config: &Config) -> Line {
    let dir = config.log_dir();
    match relay_ledger::look(&dir) {
        #[expect(clippy::disallowed_methods, reason = "compared with the files' own times")]
        Ok(files) => judge(&files, SystemTime::now()),
        Err(error) => Line::fail("decision log", format!("{}: {error}", dir.display()), "check who owns the directory"),
    }
}

fn judge(files: &LogFiles, now: SystemTime) -> Line {
    let check = "decision log";
    let size = bytesize::ByteSize::b(files.bytes);
    if let Some(first) = files.damaged.first() {
        return Line::fail(
            check,
            format!("{} damaged journals were set aside, such as {first}", files.damaged.len()),
            "`relay-manager verify-log` names what is missing; keep the file for whoever looks into the disk",
        );
    }
    let waits = bytesize::ByteSize::b(files.journal_bytes);
    if files.journal_bytes > BACKLOG_BYTES {
        return Line::fail(
            check,
            format!("{waits} wait in journals to be filed"),
            "look at the server's log for why SQLite cannot be written; rows are safe meanwhile",
        );
    }
    let age = files.oldest_journal.and_then(|written| now.duration_since(written).ok());
    if !files.is_written && age.is_some_and(|age| age > LEFT_ALONE) {
        return Line::warn(
            check,
            format!("{waits} of rows were left in journals by a process that was killed"),
            "the next start files them and marks what was in flight as interrupted",
        );
    }
    let days = files.days;
    let written = if files.is_written { "being written" } else { "not being written: no server runs" };
    Line::ok(check, format!("{size} in {days} days, {written}"))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict::{Fail, Ok as Well, Warn};
    use super::*;

    #[test]
    fn a_log_keeps_up_and_is_whole() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        let old = Some(SystemTime::UNIX_EPOCH);
        let files = LogFiles { is_written: true, days: 3, bytes: 1 << 30, ..LogFiles::default() };
        let cases = [
            (files.clone(), Well),
            (LogFiles { is_written: false, ..files.clone() }, Well),
            (LogFiles { journal_bytes: 1 << 20, oldest_journal: old, ..files.clone() }, Well),
            (LogFiles { journal_bytes: 1 << 20, oldest_journal: old, is_written: false, ..files.clone() }, Warn),
            (LogFiles { journal_bytes: 1 << 29, ..files.clone() }, Fail),
            (LogFiles { damaged: vec!["x.journal.damaged".to_owned()], ..files }, Fail),
        ];
        for (files, expected) in cases {
            assert_eq!(judge(&files, now).verdict, expected, "{files:?}");
        }
    }
}

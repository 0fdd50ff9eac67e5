//! What the machine gives: disk, files, the right time.

use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;

use super::Line;
use crate::config::Config;

/// Descriptors beyond connections: files of the log, the database, listeners.
const OTHER_FILES: u64 = 256;

/// Less free than this stops the log soon, whatever its pace.
const LEAST_FREE: u64 = 1 << 30;

/// Clocks further apart confuse people who compare logs, and soon `Retry-After` dates …
const CLOCK_OFF: Duration = Duration::from_secs(5);
/// … and certificates and windows of quotas.
const CLOCK_WRONG: Duration = Duration::from_mins(2);

/// Written by the system's time service once the clock has been set from the network.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

pub(super) fn examine(config: &Config) -> Vec<Line> {
    let space = rustix::fs::statvfs(&config.data_dir).map(|space| space.f_bavail * space.f_frsize);
    let log = relay_ledger::look(&config.log_dir()).unwrap_or_default();
    let retention = config.log.retention.as_secs() / 86_400;
    let disk = match space {
        Ok(free) => disk(free, log.bytes, log.days, retention),
        Err(error) => Line::warn("disk", format!("cannot ask for free space: {error}"), "look with df"),
    };
    let limit = rlimit::Resource::NOFILE.get().map(|(_, hard)| hard);
    let connections = config.gateway.max_connections as u64;
    let files = match limit {
        Ok(limit) => files(limit, connections),
        Err(error) => Line::warn("open files", format!("cannot ask for the limit: {error}"), "look with ulimit -n"),
    };
    vec![disk, files]
}

/// What the log will take at its pace, until old days go.
fn disk(free: u64, log_bytes: u64, log_days: u64, retention_days: u64) -> Line {
    let check = "disk";
    let size = bytesize::ByteSize::b;
    let a_day = log_bytes / log_days.max(1);
    let to_come = a_day * retention_days.saturating_sub(log_days);
    let remedy = "make room, or shorten log.retention";
    if free < LEAST_FREE {
        return Line::fail(check, format!("{} are free", size(free)), remedy);
    }
    if to_come > free {
        let lasts = free / a_day.max(1);
        let found = format!("{} are free; the log takes {} a day, so they last {lasts} days", size(free), size(a_day));
        return Line::warn(check, found, remedy);
    }
    let found = format!("{} are free; the log will take {} more in {retention_days} days", size(free), size(to_come));
    Line::ok(check, found)
}

fn files(limit: u64, connections: u64) -> Line {
    let check = "open files";
    // A client and a host each.
    let needed = connections * 2 + OTHER_FILES;
    if limit >= needed {
        return Line::ok(check, format!("{limit} allowed, {needed} needed for {connections} connections"));
    }
    Line::warn(
        check,
        format!("{limit} allowed; {connections} connections need {needed}"),
        format!("raise the limit (LimitNOFILE={needed}), or lower gateway.max_connections"),
    )
}

/// The clock against what hosts say, or else against what the system says of it. `dates` are how far hosts' are ahead.
pub(super) fn clock(dates: &[(String, SignedDuration)]) -> Line {
    judge_clock(dates, Path::new(SYNCHRONIZED).exists())
}

fn judge_clock(dates: &[(String, SignedDuration)], synchronized: bool) -> Line {
    let check = "clock";
    // Of several hosts the middle one: one may be wrong itself.
    let mut dates: Vec<_> = dates.iter().collect();
    dates.sort_by_key(|(_, ahead)| *ahead);
    let Some((host, ahead)) = dates.get(dates.len() / 2) else {
        if synchronized {
            return Line::ok(check, "synchronized by the system");
        }
        return Line::warn(check, "no host told its time, and the system does not say", "check with timedatectl");
    };
    let off = ahead.unsigned_abs();
    let direction = if ahead.is_negative() { "ahead of" } else { "behind" };
    let found = format!("{} s {direction} {host}", off.as_secs());
    let remedy = "synchronize the clock (timedatectl set-ntp true)";
    if off >= CLOCK_WRONG {
        Line::fail(check, found, remedy)
    } else if off >= CLOCK_OFF {
        Line::warn(check, found, remedy)
    } else {
        Line::ok(check, format!("agrees with {host}{}", if synchronized { ", and is synchronized" } else { "" }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict::{Fail, Ok as Well, Warn};
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn the_disk_holds_the_log_until_old_days_go() {
        for (free, bytes, days, retention, expected) in [
            (500 * GIB, 10 * GIB, 10, 30, Well),
            (15 * GIB, 10 * GIB, 10, 30, Warn),
            (15 * GIB, 30 * GIB, 30, 30, Well),
            (GIB / 2, 0, 0, 30, Fail),
            (2 * GIB, 0, 0, 30, Well),
        ] {
            let line = disk(free, bytes, days, retention);
            assert_eq!(line.verdict, expected, "{line:?}");
        }
    }

    #[test]
    fn files_suffice_for_the_connections() {
        assert_eq!(files(65_536, 10_000).verdict, Well);
        assert_eq!(files(1_024, 10_000).verdict, Warn);
        assert_eq!(files(20_256, 10_000).verdict, Well);
    }

    #[test]
    fn the_clock_agrees_with_most_hosts() {
        let dates = |seconds: &[i64]| -> Vec<_> {
            let dated = |ahead: &i64| (format!("host{ahead}"), SignedDuration::from_secs(*ahead));
            seconds.iter().map(dated).collect()
        };
        for (seconds, synchronized, expected) in [
            (&[0][..], false, Well),
            (&[-1, 0, 4000], false, Well),
            (&[7], true, Warn),
            (&[-300], true, Fail),
            (&[], true, Well),
            (&[], false, Warn),
        ] {
            let line = judge_clock(&dates(seconds), synchronized);
            assert_eq!(line.verdict, expected, "{line:?}");
        }
    }
}

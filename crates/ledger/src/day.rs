//! UTC days, and the names of the files that hold them.

use std::path::{Path, PathBuf};

use jiff::{Timestamp, civil, tz::TimeZone};

/// A UTC day, as days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(pub(crate) i32);

impl Day {
    pub(crate) const MICROSECONDS: i64 = 86_400_000_000;

    pub(crate) fn of(at: Timestamp) -> Self {
        Self(at.as_microsecond().div_euclid(Self::MICROSECONDS) as i32)
    }

    /// The segment's name: `decisions-2026-11-23`.
    pub(crate) fn segment(self) -> String {
        let start =
            Timestamp::from_microsecond(i64::from(self.0) * Self::MICROSECONDS).unwrap_or(Timestamp::UNIX_EPOCH);
        format!("decisions-{}", TimeZone::UTC.to_datetime(start).date())
    }

    pub(crate) fn database(self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.db", self.segment()))
    }

    pub(crate) fn journal(self, dir: &Path, number: u32) -> PathBuf {
        dir.join(format!("{}.{number:06}.journal", self.segment()))
    }

    fn parse(name: &str) -> Option<Self> {
        let date: civil::Date = name.strip_prefix("decisions-")?.parse().ok()?;
        let start = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
        Some(Self::of(start))
    }
}

/// The segments' databases in a directory, oldest first.
pub(crate) fn databases(dir: &Path) -> std::io::Result<Vec<Day>> {
    let mut days: Vec<Day> =
        names(dir)?.iter().filter_map(|name| name.strip_suffix(".db").and_then(Day::parse)).collect();
    days.sort_unstable();
    Ok(days)
}

/// The journal files in a directory, by day and number.
pub(crate) fn journals(dir: &Path) -> std::io::Result<Vec<(Day, u32)>> {
    let mut found: Vec<(Day, u32)> = names(dir)?
        .iter()
        .filter_map(|name| {
            let (day, number) = name.strip_suffix(".journal")?.rsplit_once('.')?;
            Some((Day::parse(day)?, number.parse().ok()?))
        })
        .collect();
    found.sort_unstable();
    Ok(found)
}

/// Names of the files in a directory; none when there is no directory.
pub(crate) fn names(dir: &Path) -> std::io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_named_by_its_utc_date() {
        let at: Timestamp = "2026-11-23T23:59:59.999999Z".parse().expect("parses");
        assert_eq!(Day::of(at).segment(), "decisions-2026-11-23");
        assert_eq!(Day::parse("decisions-2026-11-23"), Some(Day::of(at)));
        assert_eq!(Day::parse("rollups"), None);
        let before: Timestamp = "1969-12-31T23:00:00Z".parse().expect("parses");
        assert_eq!(Day::of(before), Day(-1));
    }
}

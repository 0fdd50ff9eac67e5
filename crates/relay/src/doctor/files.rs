//! The data directory and the master key: who can read them, and how old the key is.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jiff::SignedDuration;
use relay_domain::Timestamp;
use relay_store::{MasterKey, MasterKeyError};

use super::{Line, days};
use crate::config::Config;
use crate::wiring::{Given, MASTER_KEY};

/// A key that has not been changed for longer should be.
const KEY_GROWS_OLD: i64 = 365;

pub(super) fn examine(config: &Config, now: Timestamp) -> Vec<Line> {
    let path = &config.data_dir;
    let mode = fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o777);
    let file = path.join(MASTER_KEY);
    let age = fs::metadata(&file).and_then(|metadata| metadata.modified()).ok();
    let age = age.and_then(|at| Timestamp::try_from(at).ok()).map(|at| now.duration_since(at));
    let given = Given::from_env().master_key();
    let key = match given {
        Ok(Some(key)) => Ok((key.id(), true)),
        Ok(None) => MasterKey::load(&file).map(|key| (key.id(), false)).map_err(|error| Problem::of(&error)),
        Err(error) => Err(Problem { what: format!("{error:#}"), is_absent: false }),
    };
    vec![directory(path, mode, writable(path)), master_key(key, age)]
}

fn writable(path: &Path) -> io::Result<()> {
    tempfile::tempfile_in(path).map(drop)
}

fn directory(path: &Path, mode: io::Result<u32>, writable: io::Result<()>) -> Line {
    let (check, shown) = ("data directory", path.display());
    match (mode, writable) {
        (Err(error), _) => Line::fail(check, format!("{shown}: {error}"), "name another with --data-dir"),
        (Ok(_), Err(error)) => Line::fail(
            check,
            format!("{shown} cannot be written: {error}"),
            "run doctor as the user that the server runs as, and give that user the directory",
        ),
        (Ok(mode), Ok(())) if mode & 0o077 != 0 => {
            Line::warn(check, format!("{shown} can be read by others (mode {mode:03o})"), format!("chmod 700 {shown}"))
        }
        (Ok(_), Ok(())) => Line::ok(check, format!("{shown} can be written, by its owner alone")),
    }
}

/// Why there is no master key.
struct Problem {
    what: String,
    is_absent: bool,
}

impl Problem {
    fn of(error: &MasterKeyError) -> Self {
        let is_absent =
            matches!(error, MasterKeyError::File { source, .. } if source.kind() == io::ErrorKind::NotFound);
        Self { what: error.to_string(), is_absent }
    }
}

fn master_key(key: Result<(String, bool), Problem>, age: Option<SignedDuration>) -> Line {
    let check = "master key";
    match key {
        Err(Problem { what, is_absent: true }) => Line::fail(
            check,
            what,
            "give the server's RELAY_MANAGER_MASTER_KEY to doctor too, or put the key back from a backup",
        ),
        Err(Problem { what, .. }) => Line::fail(check, what, "nothing sealed can be opened without it"),
        Ok((id, true)) => Line::ok(check, format!("{id}, from the environment")),
        Ok((id, false)) => match age.map(days) {
            Some(age) if age > KEY_GROWS_OLD => Line::warn(
                check,
                format!("{id} is {age} days old"),
                "plan a change: back up, start anew with another key, and apply the exported fleet",
            ),
            Some(age) => Line::ok(check, format!("{id}, {age} days old, readable by its owner alone")),
            None => Line::ok(check, id),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict::{self, Fail, Ok as Well, Warn};
    use super::*;

    #[test]
    fn a_directory_is_private_and_writable() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let cases: [(io::Result<u32>, io::Result<()>, Verdict); 4] = [
            (Ok(0o700), Ok(()), Well),
            (Ok(0o750), Ok(()), Warn),
            (Ok(0o700), Err(denied()), Fail),
            (Err(denied()), Err(denied()), Fail),
        ];
        for (mode, writable, expected) in cases {
            assert_eq!(directory(Path::new("/data"), mode, writable).verdict, expected);
        }
    }

    #[test]
    fn a_master_key_is_there_and_not_too_old() {
        let key = |environment| Ok(("8f7a8c7d".to_owned(), environment));
        let hours = |days: i64| Some(SignedDuration::from_hours(days * 24));
        let problem = |is_absent| Err(Problem { what: "cannot read".to_owned(), is_absent });
        let cases = [
            (key(false), hours(10), Well),
            (key(false), hours(400), Warn),
            (key(true), hours(400), Well),
            (problem(true), None, Fail),
            (problem(false), None, Fail),
        ];
        for (key, age, expected) in cases {
            assert_eq!(master_key(key, age).verdict, expected);
        }
    }
}

//! `doctor`: everything that an operator can be warned of before it hurts, one verdict a line. Works with a
//! running server and without one; reads files and connects, changes nothing.
//!
//! Facts are gathered in one place of each file and judged by functions that only know the facts.

mod database;
mod files;
mod host;
mod log;
mod machine;
mod server;

use std::fmt::Write as _;
use std::path::Path;

use relay_domain::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::config::{Config, Faults};
use crate::output;

pub(crate) use server::quick;

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and something should be done.
    Warn,
    /// It does not work, or soon will not.
    Fail,
}

impl Verdict {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One line of the doctor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What was looked at, in a word.
    pub(crate) check: &'static str,
    pub(crate) verdict: Verdict,
    /// What was found.
    pub(crate) found: String,
    /// What to do about it; empty when it is well.
    pub(crate) remedy: String,
}

impl Line {
    pub(crate) fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, found: found.into(), remedy: String::new() }
    }

    pub(crate) fn warn(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warn, found: found.into(), remedy: remedy.into() }
    }

    pub(crate) fn fail(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fail, found: found.into(), remedy: remedy.into() }
    }

    pub(crate) fn to_json(&self) -> Value {
        let remedy = Some(&self.remedy).filter(|remedy| !remedy.is_empty());
        json!({ "check": self.check, "verdict": self.verdict.as_str(), "found": self.found, "remedy": remedy })
    }

    /// The line, and below it the remedy.
    pub(crate) fn in_words(&self) -> String {
        let verdict = output::colored(
            self.verdict.as_str(),
            match self.verdict {
                Verdict::Ok => output::Color::Green,
                Verdict::Warn => output::Color::Yellow,
                Verdict::Fail => output::Color::Red,
            },
        );
        let blank = " ".repeat(4 - self.verdict.as_str().len());
        let found = output::hanging(&output::printable(&self.found), 21);
        let mut line = format!("{verdict}{blank}  {:<14} {found}", self.check);
        if !self.remedy.is_empty() {
            let _ = write!(line, "\n      {:<14} -> {}", "", output::hanging(&output::printable(&self.remedy), 24));
        }
        line
    }
}

/// Looks at everything.
pub(crate) async fn examine(config: Result<Config, Faults>) -> Vec<Line> {
    let config = match config {
        Ok(config) => config,
        Err(Faults(faults)) => {
            let line = |fault: &crate::config::Fault| {
                Line::fail("configuration", fault.to_string(), "correct it; docs/configuration.md has every key")
            };
            return faults.iter().map(line).collect();
        }
    };
    let now = SystemClock.now();
    let mut lines =
        vec![Line::ok("configuration", format!("legal; the data directory is {}", config.data_dir.display()))];
    if !Path::new(&config.data_dir).is_dir() {
        lines.push(Line::fail(
            "data directory",
            format!("{} is not there", config.data_dir.display()),
            "start `relay-manager serve` once, restore a backup, or name another directory with --data-dir",
        ));
        return lines;
    }
    lines.extend(files::examine(&config, now));
    let (database, inspection) = database::examine(&config, now).await;
    lines.extend(database);
    lines.push(log::examine(&config));
    lines.extend(machine::examine(&config));
    let (hosts, dates) = host::examine(&inspection.hosts, config.timeouts.connect, now).await;
    lines.push(machine::clock(&dates));
    lines.extend(hosts);
    lines.extend(server::examine(&config).await);
    lines
}

/// The worst of them.
pub(crate) fn worst(lines: &[Line]) -> Verdict {
    lines.iter().map(|line| line.verdict).max().unwrap_or(Verdict::Ok)
}

/// Whole days of a span.
fn days(span: jiff::SignedDuration) -> i64 {
    span.as_hours().div_euclid(24)
}

//! `apply`, `export`: the fleet as a file (spec §8). What `apply` would do is `super::plan`.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use relay_control::fleet_document::{FleetDocument, ProcessSecrets};
use serde_json::Value;

use super::Exit;
use super::api::Api;
use crate::output::{self, Output, plain, text_out};
use crate::wiring::local_secrets;

/// What to publish.
#[derive(Debug, clap::Args)]
pub(crate) struct ApplyArgs {
    /// Fleet file; - reads standard input
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    api: Api,
}

/// Whose fleet.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    api: Api,
}

pub(super) async fn apply(args: ApplyArgs, output: Output) -> anyhow::Result<Exit> {
    let document = read(&args.file)?;
    let applied = args.api.client()?.post("/api/v1/apply", &document).await?;
    output.value(&applied, || {
        let mut text = changes(&applied["diff"]);
        for key in applied["generated_keys"].as_array().into_iter().flatten() {
            let _ = writeln!(text, "key of {}, shown this once: {}", plain(&key["key_id"]), plain(&key["key"]));
        }
        text.push_str(&findings(&applied));
        let generation = plain(&applied["generation"]);
        let _ = match applied["published"].as_bool() {
            Some(false) => write!(text, "nothing to change; generation {generation} stays in force"),
            _ => write!(text, "generation {generation} is in force"),
        };
        text
    })?;
    Ok(Exit::Done)
}

pub(super) async fn export(args: ExportArgs, output: Output) -> anyhow::Result<Exit> {
    let text = args.api.client()?.get_text("/api/v1/export", "application/toml, text/plain, */*").await?;
    if output.json {
        let document = FleetDocument::from_toml(&text).context("the server's export is not a fleet file")?;
        output.value(&document.into_json(), String::new)?;
    } else {
        text_out(&text)?;
    }
    Ok(Exit::Done)
}

/// The document with the secrets that can be seen from here beside their references.
pub(super) fn read(file: &Path) -> anyhow::Result<Value> {
    let shown = file.display();
    let (text, secrets) = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        (text, ProcessSecrets::default())
    } else {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the fleet file {shown}; correct -f, or write it first"))?;
        (text, local_secrets(file))
    };
    let mut document = FleetDocument::from_toml(&text).with_context(|| shown.to_string())?;
    document.inline_secrets(&secrets);
    Ok(document.into_json())
}

/// One line an entry: `+` added, `~` changed with its fields, `-` removed.
pub(super) fn changes(diff: &Value) -> String {
    let mut text = String::new();
    let entries = |kind: &str| diff[kind].as_array().cloned().unwrap_or_default();
    let name = |entry: &Value| format!("{} {}", plain(&entry["noun"]), plain(&entry["id"]));
    for entry in entries("added") {
        let _ = writeln!(text, "+ {}", name(&entry));
    }
    for entry in entries("changed") {
        let _ = writeln!(text, "~ {}", name(&entry));
        for change in entry["fields"].as_array().into_iter().flatten() {
            let _ = writeln!(
                text,
                "    {}: {} -> {}",
                plain(&change["field"]),
                shown(&change["from"]),
                shown(&change["to"])
            );
        }
    }
    for entry in entries("removed") {
        let _ = writeln!(text, "- {}", name(&entry));
    }
    text
}

/// A value of a field; what is not there is said so.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "unset".to_owned(),
        Value::Object(_) => output::printable(&value.to_string()),
        value => plain(value),
    }
}

/// The findings of the linter, with what to do; notes last.
pub(super) fn findings(answer: &Value) -> String {
    let mut text = String::new();
    let of = |severity: &'static str| {
        answer["findings"].as_array().into_iter().flatten().filter(move |finding| finding["severity"] == severity)
    };
    for finding in of("warning").chain(of("note")) {
        let told = |name: &str| plain(&finding[name]);
        let (severity, subject, message) = (told("severity"), told("subject"), told("message"));
        let _ = writeln!(text, "{severity}: {subject}: {message}\n    {}", told("remedy"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_a_line_an_entry_and_a_line_a_field() {
        let diff = serde_json::json!({
            "added": [{"noun": "host", "id": "osaka"}],
            "changed": [{"noun": "route", "id": "gpt", "fields": [
                {"field": "weight", "from": 100, "to": 0},
                {"field": "gateway_key", "from": null, "to": {"env": "KEY"}},
            ]}],
            "removed": [{"noun": "key", "id": "team-a"}],
        });
        let expected = "+ host osaka\n~ route gpt\n    weight: 100 -> 0\n    gateway_key: unset -> {\"env\":\"KEY\"}\n- key team-a\n";
        assert_eq!(changes(&diff), expected);
    }
}

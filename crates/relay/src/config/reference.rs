//! The table in `docs/configuration.md`, generated from the keys and checked
//! for drift; `UPDATE_DOCS=1 cargo test -p relay-manager reference` rewrites it.

use std::fmt::Write as _;

use super::keys::{ALL, Key, OTHER_ENV};
use super::value::{Form, show_size, show_span};
use crate::generated;

const BEGIN: &str = "<!-- generated: keys -->\n";

/// A file that holds every key at its default.
pub(super) fn default_file() -> String {
    let mut file = String::new();
    let mut section = None;
    for key in ALL {
        let Some(default) = key.default else { continue };
        let (of, name) = key.parts();
        if of != section {
            section = of;
            writeln!(file, "[{}]", of.unwrap_or_default()).unwrap();
        }
        match key.form {
            Form::Count { .. } | Form::Flag => writeln!(file, "{name} = {default}").unwrap(),
            _ => writeln!(file, "{name} = \"{default}\"").unwrap(),
        }
    }
    file
}

fn form(form: Form) -> String {
    match form {
        Form::Path => "path".to_owned(),
        Form::Store => "`sqlite:<path>`".to_owned(),
        Form::Bindings => "`memory`, `sqlite`".to_owned(),
        Form::Address => "IP address and port".to_owned(),
        Form::Url => "URL".to_owned(),
        Form::Size { least, most } => format!("size, {} to {}", show_size(least), show_size(most)),
        Form::Count { least, most } => format!("number, {least} to {most}"),
        Form::Span { least, most } => format!("duration, {} to {}", show_span(least), show_span(most)),
        Form::Flag => "`true`, `false`".to_owned(),
        Form::Text => "text".to_owned(),
        Form::List => "words, with commas between".to_owned(),
        Form::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
    }
}

fn row(key: &Key) -> String {
    let default = key.default.map_or_else(|| "unset".to_owned(), |default| format!("`{default}`"));
    let flag = key.flag.map(|flag| format!("<br>`{flag}`")).unwrap_or_default();
    format!(
        "| `{}` | {} | {default} | {} {} | `{}`{flag} |\n",
        key.path,
        form(key.form),
        key.meaning,
        key.reason,
        key.env(),
    )
}

fn reference() -> String {
    let mut text = String::from("\n```toml\n");
    text.push_str(&default_file());
    text.push_str(
        "```\n\n| key | value | default | meaning, and why the default | environment, flag |\n|---|---|---|---|---|\n",
    );
    text.extend(ALL.iter().map(row));
    text.push_str("\nOther variables:\n\n| variable | meaning |\n|---|---|\n");
    for (name, meaning) in OTHER_ENV {
        writeln!(text, "| `{name}` | {meaning} |").unwrap();
    }
    text.push('\n');
    text
}

#[test]
fn the_reference_lists_every_key_as_it_is() {
    generated::check("configuration.md", BEGIN, &reference());
}

#[test]
fn every_key_says_what_it_means_and_why() {
    for key in ALL {
        assert!(key.meaning.ends_with('.') && key.reason.ends_with('.'), "{}", key.path);
    }
}

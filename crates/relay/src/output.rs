//! What commands write: JSON for programs, tables for people. The one place
//! that writes to stdout and stderr.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde_json::Value;

/// Widest table when stdout is no terminal: wide enough that nothing wraps.
const UNBOUNDED_WIDTH: u16 = 400;

/// Where a command's result goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// `--json`: values as they came, nothing else.
    pub(crate) json: bool,
}

impl Output {
    /// One of several things that happen: a line of JSON, or a line for people.
    pub(crate) fn event(self, value: &Value, human: impl FnOnce() -> String) -> io::Result<()> {
        if self.json { line_out(&value.to_string()) } else { line_out(&human()) }
    }

    /// A value: as JSON, or as `human` shows it.
    pub(crate) fn value(self, value: &Value, human: impl FnOnce() -> String) -> io::Result<()> {
        if self.json { line_out(&format!("{value:#}")) } else { line_out(human().trim_end()) }
    }
}

/// Writes a line to stdout.
fn line_out(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Writes text to stdout as it is.
pub(crate) fn text_out(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes a line to stderr; a closed stderr is nobody's concern.
pub(crate) fn line_err(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A table that fits the terminal, without borders so that it can be cut and grepped.
pub(crate) fn table(titles: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !io::stdout().is_terminal() {
        table.set_width(UNBOUNDED_WIDTH);
    }
    if use_color() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(titles.iter().map(|title| Cell::new(title.to_uppercase()).add_attribute(Attribute::Bold)));
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Prose that begins at some column of the terminal and goes on there, line by line.
pub(crate) fn hanging(text: &str, indent: usize) -> String {
    let columns = Table::new().width().map_or(usize::MAX, usize::from);
    hanging_within(columns.saturating_sub(indent), text, indent)
}

fn hanging_within(room: usize, text: &str, indent: usize) -> String {
    let mut told = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            told.push('\n');
            told.push_str(&" ".repeat(indent));
            used = 0;
        } else if used > 0 {
            told.push(' ');
            used += 1;
        }
        told.push_str(word);
        used += length;
    }
    told
}

/// Two columns of names and values, for one object. A value that does not fit beside the names stands below its own.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    // The terminal's width; none where nobody looks.
    let columns = Table::new().width().map_or(usize::MAX, usize::from);
    facts_within(columns, facts)
}

fn facts_within(columns: usize, facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| {
        let fits = value.lines().all(|line| width + 2 + line.chars().count() <= columns);
        if fits { format!("{name:width$}  {value}") } else { format!("{name}\n  {value}") }
    };
    facts.iter().filter(|(_, value)| !value.is_empty()).map(line).collect::<Vec<_>>().join("\n")
}

/// A JSON value as a person would write it: text bare, nothing for null.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// `value.a.b` as a person would write it; nothing when it is not there.
pub(crate) fn field(value: &Value, path: &str) -> String {
    path.split('.').try_fold(value, |value, name| value.get(name)).map(plain).unwrap_or_default()
}

/// A cell of a table: as [`field`], with times to the second. The JSON has the rest.
pub(crate) fn cell(value: &Value, path: &str) -> String {
    let text = field(value, path);
    let is_time = path == "at" || path.ends_with("_at");
    match text.split_once('.') {
        Some((seconds, _)) if is_time => format!("{}Z", seconds.replace('T', " ")),
        _ if is_time => text.replace('T', " "),
        _ => text,
    }
}

/// Text from elsewhere without the control characters that would move a
/// terminal's cursor or recolor it.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Colors only where a person sees them, unless the environment says otherwise.
pub(crate) fn use_color() -> bool {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    wants_color(io::stdout().is_terminal(), ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "TERM"].map(variable))
}

/// <https://no-color.org>, <https://bixense.com/clicolors>: a refusal goes before a wish.
fn wants_color(is_terminal: bool, [no_color, force, color, term]: [Option<String>; 4]) -> bool {
    if no_color.is_some() {
        return false;
    }
    if force.is_some_and(|force| force != "0") {
        return true;
    }
    is_terminal && color.is_none_or(|color| color != "0") && term.is_none_or(|term| term != "dumb")
}

/// What a word can stand out by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Color {
    Green = 32,
    Yellow = 33,
    Red = 31,
}

/// Colored where colors are.
pub(crate) fn colored(text: &str, color: Color) -> String {
    if use_color() { format!("\u{1b}[{}m{text}\u{1b}[0m", color as u8) } else { text.to_owned() }
}

/// Bold on a terminal.
pub(crate) fn bold(text: &str) -> String {
    if use_color() { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_goes_on_below_where_it_began() {
        assert_eq!(hanging_within(9, "one two three", 4), "one two\n    three");
        assert_eq!(hanging_within(3, "longer than that", 1), "longer\n than\n that");
        assert_eq!(hanging_within(usize::MAX, "as  it is", 4), "as  it is");
    }

    #[test]
    fn a_fact_that_does_not_fit_beside_the_names_stands_below_its_own() {
        let facts = [("id", "a".to_owned()), ("a-long-name", "x".repeat(10)), ("none", String::new())];
        assert_eq!(facts_within(80, &facts), "id           a\na-long-name  xxxxxxxxxx");
        assert_eq!(facts_within(20, &facts), "id           a\na-long-name\n  xxxxxxxxxx");
    }

    #[test]
    fn a_table_has_no_trailing_blanks_and_one_line_a_row() {
        let text =
            table(&["host", "state"], [vec!["tokyo-1".into(), "closed".into()], vec!["b".into(), String::new()]]);
        assert_eq!(text, "HOST     STATE\ntokyo-1  closed\nb");
    }

    #[test]
    fn colors_are_on_a_terminal_unless_somebody_says_otherwise() {
        let set = |name: &str, value: &str| {
            ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "TERM"].map(|known| (known == name).then(|| value.to_owned()))
        };
        for (terminal, variables, expected) in [
            (true, set("", ""), true),
            (false, set("", ""), false),
            (true, set("NO_COLOR", "1"), false),
            (true, set("CLICOLOR", "0"), false),
            (true, set("TERM", "dumb"), false),
            (false, set("CLICOLOR_FORCE", "1"), true),
            (false, set("CLICOLOR_FORCE", "0"), false),
        ] {
            assert_eq!(wants_color(terminal, variables.clone()), expected, "{variables:?}");
        }
    }

    #[test]
    fn text_from_a_host_cannot_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    }

    #[test]
    fn a_field_that_is_not_there_is_blank() {
        let value = serde_json::json!({"a": {"b": [1, "x"]}, "c": null});
        assert_eq!(field(&value, "a.b"), "1, x");
        assert_eq!(field(&value, "a.z"), "");
        assert_eq!(field(&value, "c"), "");
    }

    #[test]
    fn a_cell_shows_times_to_the_second() {
        let value = serde_json::json!({"at": "2026-10-01T12:00:00.123456Z", "expires_at": "2026-10-01T12:00:00Z"});
        assert_eq!(cell(&value, "at"), "2026-10-01 12:00:00Z");
        assert_eq!(cell(&value, "expires_at"), "2026-10-01 12:00:00Z");
    }
}

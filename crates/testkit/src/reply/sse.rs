//! Server-sent events as bytes, in every form that the standard allows and hosts use.

use std::fmt::Write as _;

use bytes::Bytes;

/// One event with data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: Option<&'static str>,
    pub(crate) data: String,
}

impl Event {
    pub(crate) fn data(data: impl Into<String>) -> Self {
        Self { name: None, data: data.into() }
    }

    pub(crate) fn named(name: &'static str, data: impl Into<String>) -> Self {
        Self { name: Some(name), data: data.into() }
    }
}

/// How events are spelled.
#[expect(clippy::struct_excessive_bools, reason = "independent deviations, each on or off")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spelling {
    pub(crate) crlf: bool,
    pub(crate) no_space: bool,
    pub(crate) multi_line: bool,
    pub(crate) no_event_lines: bool,
}

impl Spelling {
    pub(crate) fn write(self, event: &Event) -> Bytes {
        let space = if self.no_space { "" } else { " " };
        let mut text = String::new();
        if let Some(name) = event.name.filter(|_| !self.no_event_lines) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "event:{space}{name}");
        }
        for line in self.data_lines(&event.data) {
            let _ = writeln!(text, "data:{space}{line}");
        }
        text.push('\n');
        self.raw(&text)
    }

    /// Text that is already an event or a comment; only the line ends follow the spelling.
    pub(crate) fn raw(self, text: &str) -> Bytes {
        if self.crlf { Bytes::from(text.replace('\n', "\r\n")) } else { Bytes::from(text.to_owned()) }
    }

    /// JSON is spread over lines where it allows white space; anything else, such as `[DONE]`, stays on one.
    fn data_lines(self, data: &str) -> Vec<String> {
        let spread = || serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(data).ok()?).ok();
        match self.multi_line.then(spread).flatten() {
            Some(pretty) => pretty.lines().map(str::to_owned).collect(),
            None => data.split('\n').map(str::to_owned).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spelling: Spelling, event: &Event, expected: &str) {
        assert_eq!(spelling.write(event), expected.as_bytes());
    }

    #[test]
    fn every_spelling_is_byte_exact() {
        let event = Event::named("ping", "{\"type\":\"ping\"}");
        let usual = Spelling::default();
        check(usual, &event, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
        check(Spelling { no_event_lines: true, ..usual }, &event, "data: {\"type\":\"ping\"}\n\n");
        check(Spelling { no_space: true, ..usual }, &event, "event:ping\ndata:{\"type\":\"ping\"}\n\n");
        check(Spelling { crlf: true, ..usual }, &event, "event: ping\r\ndata: {\"type\":\"ping\"}\r\n\r\n");
        let lines = "data: {\ndata:   \"type\": \"ping\"\ndata: }\n\n";
        check(Spelling { multi_line: true, no_event_lines: true, ..usual }, &event, lines);
        check(Spelling { multi_line: true, ..usual }, &Event::data("[DONE]"), "data: [DONE]\n\n");
    }
}

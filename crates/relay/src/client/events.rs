//! Server-sent events, as far as our own server sends them: lines that end in
//! `\n`, one `data` a piece, comments passed over.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;

/// The server says something every 15 s; after this it is gone, whatever the connection says.
const SILENCE: Duration = Duration::from_secs(45);

/// Longest event that is taken, in bytes.
const MAX_EVENT_BYTES: usize = 4 << 20;

/// One event.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Event {
    /// What it is.
    pub(crate) name: String,
    /// Where to go on after it.
    pub(crate) id: String,
    /// What it says.
    pub(crate) data: Value,
}

/// A stream of them.
#[derive(Debug)]
pub(crate) struct Events {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Events {
    pub(crate) fn of(body: Incoming) -> Self {
        Self { body, buffer: Vec::new() }
    }

    /// The next event; `None` when the stream ended, broke off or fell silent.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|bytes| bytes == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if let Some(event) = read(&String::from_utf8_lossy(&block)) {
                    return Some(event);
                }
                continue;
            }
            if self.buffer.len() > MAX_EVENT_BYTES {
                return None;
            }
            let frame = tokio::time::timeout(SILENCE, self.body.frame()).await.ok()??.ok()?;
            self.buffer.extend_from_slice(frame.data_ref()?);
        }
    }
}

/// The event of a block of lines; `None` for comments, and for what is no JSON.
fn read(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let data = serde_json::from_str(field("data:")?).ok()?;
    let text = |name: &str| field(name).unwrap_or_default().to_owned();
    Some(Event { name: text("event:"), id: text("id:"), data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_and_a_comment_is_passed_over() {
        let event = Event { name: "decision".into(), id: "1-2".into(), data: serde_json::json!({"a": "b: c"}) };
        assert_eq!(read("event: decision\nid: 1-2\ndata: {\"a\":\"b: c\"}\n\n"), Some(event));
        assert_eq!(read(": keep-alive\n\n"), None);
        assert_eq!(read("data: {\n\n"), None);
    }
}

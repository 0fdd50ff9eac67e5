//! How a reply is said: its head, when it comes, where it breaks off, how its bytes are spelled and cut.

use std::time::Duration;

use super::{Coding, Cut, Interrupt, Pause, Reply};
use crate::errors::HostError;
use crate::gate::Gate;

/// Head and timing.
impl Reply {
    /// The status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// One more header; a repeated name gives two lines. `Content-Type` and `Content-Length` replace what the host would send.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Headers that a relay must not show to its consumers.
    #[must_use]
    pub fn leaky_headers(self) -> Self {
        self.header("Server", "secret-host/1.0")
            .header("Set-Cookie", "session=secret-host; Path=/")
            .header("Set-Cookie", "other=secret-host")
            .header("Location", "http://secret-host.internal/v1")
            .header("Via", "1.1 secret-host")
            .header("X-Relay-Host", "secret-host")
    }

    /// An `x-request-id` of the upstream: on `[N]` it replaces the host's own on streams of messages and stands
    /// as a second line beside it otherwise.
    #[must_use]
    pub fn upstream_request_id(mut self, id: &str) -> Self {
        self.upstream_request_id = Some(id.to_owned());
        self
    }

    /// Sends nothing, not even the head, until the gate opens.
    #[must_use]
    pub fn hold(mut self, gate: &Gate) -> Self {
        self.before_head.push(Pause::Gate(gate.clone()));
        self
    }

    /// Sends nothing for a time. For demonstrations; a test has [`Reply::hold`].
    #[must_use]
    pub fn slow_first_byte(mut self, time: Duration) -> Self {
        self.before_head.push(Pause::Time(time));
        self
    }

    /// Answers without reading the request's body.
    #[must_use]
    pub fn before_body(mut self) -> Self {
        self.before_body = true;
        self
    }

    /// A time between events: the interval at which words appear.
    #[must_use]
    pub fn pace(mut self, interval: Duration) -> Self {
        self.pace = Some(interval);
        self
    }
}

/// Interruptions, counted in data events already sent (pings and comments do not count; a body that is not a stream is one event).
impl Reply {
    /// Ends after `events` events.
    #[must_use]
    pub fn truncate_after(self, events: usize, cut: Cut) -> Self {
        self.interrupt(events, Interrupt::Cut(cut))
    }

    /// Tells an error after `events` events, in the host's mid-stream form, and ends cleanly without a terminal event.
    #[must_use]
    pub fn error_after(self, events: usize, error: HostError) -> Self {
        self.interrupt(events, Interrupt::Error(error))
    }

    /// Waits for the gate after `events` events; 0 is after the head.
    #[must_use]
    pub fn hold_after(self, events: usize, gate: &Gate) -> Self {
        self.interrupt(events, Interrupt::Gate(gate.clone()))
    }

    /// Sends nothing more after `events` events and keeps the connection.
    #[must_use]
    pub fn stall_after(self, events: usize) -> Self {
        self.interrupt(events, Interrupt::Stall)
    }

    /// Keep-alives of a silent upstream after `events` events.
    #[must_use]
    pub fn keep_alives_after(self, events: usize, count: usize, every: Duration) -> Self {
        self.interrupt(events, Interrupt::KeepAlives { count, every })
    }

    fn interrupt(mut self, events: usize, interrupt: Interrupt) -> Self {
        self.interrupts.push((events, interrupt));
        self
    }
}

/// The bytes.
impl Reply {
    /// Ends after `bytes` bytes of the body, in the middle of whatever is there.
    #[must_use]
    pub fn truncate_bytes(mut self, bytes: usize, cut: Cut) -> Self {
        self.shape.cut_bytes = Some((bytes, cut));
        self
    }

    /// The body in writes of this many bytes.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.shape.chunk_bytes = Some(bytes.max(1));
        self
    }

    /// All that is not separated by a pause in one write: many events in one chunk.
    #[must_use]
    pub fn in_one_write(mut self) -> Self {
        self.shape.in_one_write = true;
        self
    }

    /// A write ends inside every character that is longer than a byte.
    #[must_use]
    pub fn split_utf8(mut self) -> Self {
        self.shape.split_utf8 = true;
        self
    }

    /// CR LF line ends.
    #[must_use]
    pub fn crlf(mut self) -> Self {
        self.spelling.crlf = true;
        self
    }

    /// `data:x` instead of `data: x`.
    #[must_use]
    pub fn data_without_space(mut self) -> Self {
        self.spelling.no_space = true;
        self
    }

    /// JSON data over several `data:` lines.
    #[must_use]
    pub fn multi_line_data(mut self) -> Self {
        self.spelling.multi_line = true;
        self
    }

    /// Without `event:` lines.
    #[must_use]
    pub fn without_event_lines(mut self) -> Self {
        self.spelling.no_event_lines = true;
        self
    }

    /// A comment before every event.
    #[must_use]
    pub fn comments(mut self) -> Self {
        self.shape.comments = true;
        self
    }

    /// The last event without its blank line.
    #[must_use]
    pub fn no_final_blank_line(mut self) -> Self {
        self.shape.no_final_blank_line = true;
        self
    }

    /// A byte order mark at the start of the body.
    #[must_use]
    pub fn byte_order_mark(mut self) -> Self {
        self.shape.byte_order_mark = true;
        self
    }

    /// `Content-Encoding: <coding>` on a body that is not encoded.
    #[must_use]
    pub fn labelled(mut self, coding: &str) -> Self {
        self.coding = Coding::Labelled(coding.to_owned());
        self
    }

    /// A body that really is gzip, and says so. A stream becomes one write between pauses.
    #[must_use]
    pub fn gzip(mut self) -> Self {
        self.coding = Coding::Gzip;
        self
    }
}

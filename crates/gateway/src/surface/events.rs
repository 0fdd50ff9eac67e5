//! A host's event stream on its way to the client: cut into events, each one
//! read, its `model` shown as the public name, its usage noted.

use bytes::Bytes;
use relay_ledger::Usage;

use super::reading::Progress;
use super::sse::{self, Piece, Splitter};
use super::{Counts, Dialect, ErrorShape, Meaning};
use crate::splice;

/// One event, ready to be sent on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) bytes: Bytes,
    pub(crate) meaning: Meaning,
}

/// Reads a stream of events.
#[derive(Debug)]
pub(crate) struct Events {
    dialect: &'static Dialect,
    splitter: Splitter,
    /// JSON text of the public model name, when the host knows it by another.
    public_model: Option<Bytes>,
    /// The usage chunk is ours alone: the client did not ask for it.
    hide_usage: bool,
    /// The host's name.
    host: Box<str>,
    counts: Counts,
    progress: Progress,
    /// Events with output.
    outputs: u64,
    response_id: Option<String>,
    /// The model that the host tells.
    told_model: ToldModel,
    /// The number of the last event, where events are numbered.
    sequence: Option<u64>,
    /// The last event was too long to be read, and may have been the end.
    unread: bool,
    mid_event: bool,
}

/// The model that a host tells in a stream: only the trace of a request wants to know.
#[derive(Debug)]
enum ToldModel {
    Unwanted,
    Awaited,
    /// As JSON text.
    Known(Bytes),
}

impl Events {
    pub(crate) fn new(dialect: &'static Dialect, public_model: Option<Bytes>, hide_usage: bool) -> Self {
        Self {
            dialect,
            splitter: Splitter::default(),
            public_model,
            hide_usage,
            host: Box::default(),
            counts: Counts::default(),
            progress: Progress::default(),
            outputs: 0,
            response_id: None,
            told_model: ToldModel::Unwanted,
            sequence: None,
            unread: false,
            mid_event: false,
        }
    }

    /// The same for a host whose name no client is to read.
    pub(crate) fn hiding(self, host: &str) -> Self {
        Self { host: host.into(), ..self }
    }

    /// The same, with the model noted that the host tells, when anybody wants to know.
    pub(crate) fn noting_model(self, notes_model: bool) -> Self {
        let told_model = if notes_model { ToldModel::Awaited } else { ToldModel::Unwanted };
        Self { told_model, ..self }
    }

    /// The model that the host tells, as JSON text, if it was to be noted.
    pub(crate) fn told_model(&self) -> Option<&Bytes> {
        match &self.told_model {
            ToldModel::Known(text) => Some(text),
            ToldModel::Unwanted | ToldModel::Awaited => None,
        }
    }

    /// Takes the next bytes; [`Events::next_event`] must have run dry before.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        self.splitter.push(chunk);
    }

    /// The next whole event (or part of one too long to hold).
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        match self.splitter.next_piece()? {
            Piece::Event(bytes) => {
                self.mid_event = false;
                Some(self.read(bytes))
            }
            Piece::Oversize(bytes) => {
                if !self.mid_event {
                    self.unread = (self.dialect.may_end_unread)(&bytes);
                }
                self.mid_event = !(bytes.ends_with(b"\n\n") || bytes.ends_with(b"\n\r\n"));
                Some(Event { bytes, meaning: Meaning::Output })
            }
        }
    }

    fn read(&mut self, bytes: Bytes) -> Event {
        let reading = self.dialect.event(&bytes, &sse::fields(&bytes));
        if let Some(counts) = reading.counts {
            self.counts.update(counts);
        }
        self.progress.update(reading.progress);
        self.outputs += u64::from(matches!(reading.meaning, Meaning::Output | Meaning::TerminalOutput));
        self.sequence = reading.sequence.or(self.sequence);
        // What says nothing may still follow the last event.
        self.unread &= reading.meaning == Meaning::Start;
        if self.response_id.is_none() {
            self.response_id = reading.response_id;
        }
        if let (ToldModel::Awaited, Some(span)) = (&self.told_model, &reading.model) {
            self.told_model = ToldModel::Known(bytes.slice(span.clone()));
        }
        let bytes = match (&self.public_model, &reading.model) {
            _ if reading.is_usage_chunk && self.hide_usage => Bytes::new(),
            (Some(public), Some(span)) => splice::answer(&bytes, span, public),
            _ => bytes,
        };
        // What a host says of its failure may name it (field note 47).
        if reading.meaning != Meaning::Failed {
            return Event { bytes, meaning: reading.meaning };
        }
        let meaning = if self.dialect.failures_are_answers { Meaning::TerminalOutput } else { Meaning::Failed };
        Event { bytes: self.without_host(bytes), meaning }
    }

    fn without_host(&self, bytes: Bytes) -> Bytes {
        match std::str::from_utf8(&bytes) {
            Ok(text) if !self.host.is_empty() && text.contains(&*self.host) => {
                text.replace(&*self.host, "upstream").into()
            }
            _ => bytes,
        }
    }

    /// The last event of a stream that ended without its blank line, if it is
    /// one: half an event is dropped (spec §5).
    pub(crate) fn take_last(&mut self) -> Option<Event> {
        let rest = std::mem::take(&mut self.splitter).into_rest();
        if self.mid_event || rest.is_empty() {
            return None;
        }
        let event = self.read(rest);
        match event.meaning {
            // Half a JSON text is no JSON, so what parses is whole.
            Meaning::Start | Meaning::Junk => None,
            _ => Some(event),
        }
    }

    /// Whether the stream may end here, although no event has said so: on surfaces
    /// that have no such event, when everything that was begun has ended; and where
    /// that event can be too long to be read, after one that was.
    pub(crate) fn may_end(&self) -> bool {
        !self.mid_event && (self.progress.is_whole() || self.unread)
    }

    /// An error's body as the last event of this stream.
    pub(crate) fn error_event(&self, body: &[u8]) -> Bytes {
        (self.dialect.error_event)(body, self.sequence.map_or(0, |number| number + 1))
    }

    /// The shape of errors on its surface.
    pub(crate) fn shape(&self) -> ErrorShape {
        self.dialect.errors
    }

    /// What keeps the stream alive while it is silent.
    pub(crate) fn keep_alive(&self) -> Bytes {
        self.dialect.keep_alive.clone()
    }

    /// The id of the response that is being made, where clients can go on from it.
    pub(crate) fn response_id(&self) -> Option<&str> {
        self.response_id.as_deref()
    }

    /// Bytes of an event that is not whole yet.
    pub(crate) fn pending(&self) -> usize {
        self.splitter.pending()
    }

    /// Whether part of an event was already passed on.
    pub(crate) fn is_mid_event(&self) -> bool {
        self.mid_event
    }

    /// How many events had output.
    pub(crate) fn outputs(&self) -> u64 {
        self.outputs
    }

    /// What the stream has said of its usage.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.counts.usage()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::chat_completions::CHAT_COMPLETIONS;
    use crate::surface::images::IMAGES;
    use crate::surface::responses::RESPONSES;

    fn texts(events: &mut Events) -> Vec<String> {
        std::iter::from_fn(|| events.next_event())
            .map(|event| String::from_utf8(event.bytes.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn only_the_model_changes() {
        let mut events = Events::new(&CHAT_COMPLETIONS, Some(Bytes::from_static(b"\"gpt-5\"")), false);
        events.push(Bytes::from_static(
            b"data: {\"id\":1e400, \"model\" : \"shadow\",\"choices\":[{\"delta\":{\"content\":\"\\ud83d \xe4\xb8\xad\"}}]}\r\n\r\n: c\n\n",
        ));
        assert_eq!(
            texts(&mut events),
            [
                "data: {\"id\":1e400, \"model\" : \"gpt-5\",\"choices\":[{\"delta\":{\"content\":\"\\ud83d 中\"}}]}\r\n\r\n",
                ": c\n\n"
            ]
        );
    }

    #[test]
    fn a_usage_chunk_that_only_we_asked_for_is_read_and_left_out() {
        let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":null}\n\n\
            data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7}}\n\ndata: [DONE]\n\n";
        for (hide_usage, shown) in [(true, 2), (false, 3)] {
            let mut events = Events::new(&CHAT_COMPLETIONS, None, hide_usage);
            events.push(Bytes::from_static(stream.as_bytes()));
            assert_eq!(texts(&mut events).iter().filter(|text| !text.is_empty()).count(), shown);
            assert_eq!(events.usage().and_then(|usage| usage.input), Some(7));
        }
    }

    #[test]
    fn an_event_without_its_blank_line_counts_only_when_it_is_whole() {
        let last = |rest: &'static str| {
            let mut events = Events::new(&CHAT_COMPLETIONS, None, false);
            events.push(Bytes::from_static(rest.as_bytes()));
            assert_eq!(events.next_event(), None);
            events.take_last().map(|event| event.meaning)
        };
        assert_eq!(last("data: [DONE]"), Some(Meaning::Terminal));
        assert_eq!(last("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n"), Some(Meaning::Output));
        assert_eq!(last("data: {\"choices\":[{\"del"), None);
        assert_eq!(last("data"), None);
    }

    #[test]
    fn an_end_that_is_too_long_to_be_read_counts_where_there_can_be_one() {
        for (dialect, may_end) in [(&CHAT_COMPLETIONS, false), (&RESPONSES, true)] {
            let mut events = Events::new(dialect, None, false);
            for part in [vec![b'x'; 5 << 20], b"\n\n".to_vec()] {
                assert!(!events.may_end());
                events.push(part.into());
                while events.next_event().is_some() {}
            }
            assert_eq!(events.may_end(), may_end, "{dialect:?}");
            events.push(Bytes::from_static(b": comment\n\n"));
            while events.next_event().is_some() {}
            assert_eq!(events.may_end(), may_end, "{dialect:?}");
            events.push(Bytes::from_static(b"data: {\"type\":\"response.output_text.done\"}\n\n"));
            while events.next_event().is_some() {}
            assert!(!events.may_end(), "{dialect:?}");
        }
    }

    #[test]
    fn an_event_too_long_to_be_read_that_says_what_it_is_ends_nothing_else() {
        let image = "x".repeat(5 << 20);
        for (dialect, kind, may_end) in [
            (&RESPONSES, "response.image_generation_call.partial_image", false),
            (&RESPONSES, "response.completed", true),
            (&IMAGES, "image_generation.partial_image", false),
            (&IMAGES, "image_generation.completed", true),
        ] {
            for name in [format!("event: {kind}\n"), String::new()] {
                let mut events = Events::new(dialect, None, false);
                let event = format!("{name}data: {{\"type\":\"{kind}\",\"b64\":\"{image}");
                for part in [event.into(), Bytes::from_static(b"\"}\n\n")] {
                    events.push(part);
                    while events.next_event().is_some() {}
                }
                assert_eq!(events.may_end(), may_end, "{name}{kind}");
            }
        }
    }
}

//! What a reply says, part by part.

use std::time::Duration;

use super::{Answer, Part, Reply, Usage, sse};
use crate::errors::HostError;
use crate::gate::Gate;

/// Parts of a stream, sent in the order of these calls. A reply that is not streamed says its answer and skips the rest.
impl Reply {
    /// A whole answer, terminal event included.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.part(Part::Answer(Answer { text: text.into(), ..Answer::default() }))
    }

    /// Pings of a request that queues, in the host's form for this path; nothing where the host sends none. They come before the answer,
    /// wherever this is called, because queueing does.
    #[must_use]
    pub fn pings(mut self, count: usize, every: Duration) -> Self {
        let place = self.parts.iter().position(|part| matches!(part, Part::Answer(_))).unwrap_or(self.parts.len());
        self.parts.insert(place, Part::QueuePings { count, every });
        self
    }

    /// One keep-alive of a silent upstream, in the host's form for this path.
    #[must_use]
    pub fn keep_alive(self) -> Self {
        self.part(Part::KeepAlive)
    }

    /// A comment: `: text` and a blank line.
    #[must_use]
    pub fn comment(self, text: impl Into<String>) -> Self {
        self.part(Part::Comment(text.into()))
    }

    /// One event without a name.
    #[must_use]
    pub fn data(self, data: impl Into<String>) -> Self {
        self.part(Part::Event(sse::Event::data(data)))
    }

    /// One event with a name.
    #[must_use]
    pub fn event(self, name: &'static str, data: impl Into<String>) -> Self {
        self.part(Part::Event(sse::Event::named(name, data)))
    }

    /// Text put on the stream as it is.
    #[must_use]
    pub fn raw_text(self, text: impl Into<String>) -> Self {
        self.part(Part::Raw(text.into()))
    }

    /// An error told inside the 200, in the host's form for this path while it queued. Nothing follows unless parts are added.
    #[must_use]
    pub fn error_in_band(self, error: HostError) -> Self {
        self.part(Part::InBand(error))
    }

    /// Waits for the gate at this place of the stream.
    #[must_use]
    pub fn gate(self, gate: &Gate) -> Self {
        self.part(Part::Gate(gate.clone()))
    }

    /// Waits for a time at this place of the stream. For demonstrations; a test has [`Reply::gate`].
    #[must_use]
    pub fn wait(self, time: Duration) -> Self {
        self.part(Part::Wait(time))
    }

    /// Text put on the stream again and again, after a time each, until the peer leaves.
    #[must_use]
    pub fn forever(self, text: impl Into<String>, every: Duration) -> Self {
        self.part(Part::Forever { text: text.into(), every })
    }

    fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }
}

/// What the last answer of the reply says besides its text.
impl Reply {
    fn edit_answer(mut self, edit: impl FnOnce(&mut Answer)) -> Self {
        let answer = self.parts.iter_mut().rev().find_map(|part| match part {
            Part::Answer(answer) => Some(answer),
            _ => None,
        });
        match answer {
            Some(answer) => edit(answer),
            None => panic!("this reply has no answer that could be changed: add `.text(…)` first"),
        }
        self
    }

    /// A tool call after the text. Arguments are JSON text and are streamed in pieces.
    #[must_use]
    pub fn tool_call(self, name: &str, arguments: &str) -> Self {
        self.edit_answer(|answer| answer.tools.push((name.to_owned(), arguments.to_owned())))
    }

    /// These counts instead of counted words.
    #[must_use]
    pub fn usage(self, usage: Usage) -> Self {
        self.edit_answer(|answer| answer.usage = Some(usage))
    }

    /// No usage at all, also when it was asked for.
    #[must_use]
    pub fn without_usage(self) -> Self {
        self.edit_answer(|answer| answer.without_usage = true)
    }

    /// The usage chunk of chat completions even when it was not asked for.
    #[must_use]
    pub fn usage_unasked(self) -> Self {
        self.edit_answer(|answer| answer.usage_unasked = true)
    }

    /// Another model name than the requested one.
    #[must_use]
    pub fn model(self, model: &str) -> Self {
        self.edit_answer(|answer| answer.model = Some(model.to_owned()))
    }

    /// Another finish or stop reason.
    #[must_use]
    pub fn finish_reason(self, reason: &str) -> Self {
        self.edit_answer(|answer| answer.finish_reason = Some(reason.to_owned()))
    }

    /// Without `[DONE]`, `message_stop`, `response.completed`.
    #[must_use]
    pub fn without_terminal(self) -> Self {
        self.edit_answer(|answer| answer.without_terminal = true)
    }
}

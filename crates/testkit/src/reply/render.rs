//! From a reply and a request to the steps on the socket.
//!
//! The parts become units (events, comments, pauses); interruptions are put in by count; units become writes; writes are re-cut. Each
//! write is flushed on its own, as the host flushes each event.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::gzip::Gzip;
use super::sse::Event;
use super::{Coding, Cut, Facts, Interrupt, Kind, Part, Reply, Shape};
use crate::errors::HostError;
use crate::gate::Gate;
use crate::gateway::{Personality, pings};

/// A pause before the head.
#[derive(Clone, Debug)]
pub(crate) enum Pause {
    Gate(Gate),
    Time(Duration),
}

/// One step of a body.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Write(Bytes),
    Wait(Duration),
    Gate(Gate),
    Stall,
    Cut(Cut),
    /// Again and again, after a time each.
    Forever {
        bytes: Bytes,
        every: Duration,
    },
}

/// A reply that knows its request.
pub(crate) struct Rendered {
    pub(crate) status: u16,
    /// Content headers and those of the script, not those every answer of the host has.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) before_head: Vec<Pause>,
    pub(crate) steps: VecDeque<Step>,
    pub(crate) stream: bool,
    /// Instead of all the above: what happens on the socket.
    pub(crate) wire: Option<VecDeque<Step>>,
    pub(crate) upstream_request_id: Option<String>,
    /// What `[N]` calls the request; set by the server.
    pub(crate) client_request_id: Option<String>,
    /// Input and output tokens that the answer is billed with, when it is one.
    pub(crate) tokens: Option<(u64, u64)>,
}

enum Unit {
    Event(Event),
    /// An event or comment already spelled; counts as an event when true.
    Text(String, bool),
    Step(Step),
}

impl Reply {
    /// `pace` is the host's interval, used when the reply sets none.
    pub(crate) fn render(self, facts: &Facts, pace: Option<Duration>) -> Rendered {
        let stream = match &self.kind {
            Kind::Stream => true,
            Kind::Follow => facts.stream,
            Kind::Error(_) | Kind::Fixed { .. } | Kind::Wire { .. } => false,
        };
        let (status, content_type, units) = match &self.kind {
            _ if stream => (200, "text/event-stream".to_owned(), self.stream_units(facts)),
            Kind::Follow | Kind::Stream => (200, json_type(facts).to_owned(), vec![self.whole_answer(facts)]),
            Kind::Error(error) => {
                let body = error.body(facts.surface, &facts.model);
                (error.status, json_type(facts).to_owned(), vec![Unit::Text(body, true)])
            }
            Kind::Fixed { content_type, body } => {
                (200, content_type.clone(), vec![Unit::Step(Step::Write(body.clone()))])
            }
            Kind::Wire { .. } => (200, String::new(), Vec::new()),
        };
        let units = interrupt(units, &self.interrupts, facts);
        let pace = self.pace.or(pace).filter(|_| stream);
        let writes = writes(units, self.spelling, &self.shape, pace, stream);
        let steps = encode(self.shape.apply(writes), &self.coding);

        let mut headers = Vec::new();
        if !self.has_header("content-type") && !content_type.is_empty() {
            headers.push(("Content-Type".to_owned(), content_type));
        }
        if !stream && !self.has_header("content-length") && !self.has_header("transfer-encoding") {
            headers.push(("Content-Length".to_owned(), whole_length(&self, facts, &steps).to_string()));
        }
        match &self.coding {
            Coding::Plain => {}
            Coding::Labelled(label) => headers.push(("Content-Encoding".to_owned(), label.clone())),
            Coding::Gzip => headers.push(("Content-Encoding".to_owned(), "gzip".to_owned())),
        }
        if let Kind::Error(HostError { retry_after: Some(value), .. }) = &self.kind {
            headers.push(("Retry-After".to_owned(), value.to_string()));
        }
        headers.extend(self.headers.iter().cloned());
        let wire = match &self.kind {
            Kind::Wire { bytes, cut } => Some(self.wire_steps(bytes, *cut)),
            _ => None,
        };
        Rendered {
            status: self.status.unwrap_or(status),
            headers,
            before_head: self.before_head,
            steps,
            stream,
            wire,
            tokens: self
                .parts
                .iter()
                .find_map(|part| match part {
                    Part::Answer(answer) => Some(answer.counts(facts)),
                    _ => None,
                })
                .map(|usage| (usage.input, usage.output)),
            upstream_request_id: self.upstream_request_id,
            client_request_id: None,
        }
    }

    /// Bytes, the parts that are no HTTP, and the end.
    fn wire_steps(&self, bytes: &Bytes, cut: Cut) -> VecDeque<Step> {
        let parts = self.parts.iter().filter_map(|part| match part {
            Part::Raw(text) => Some(Step::Write(Bytes::from(text.clone()))),
            part => part.pause(),
        });
        let steps = std::iter::once(Step::Write(bytes.clone())).chain(parts).chain([Step::Cut(cut)]);
        self.shape.apply(steps.collect()).into()
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
    }

    fn whole_answer(&self, facts: &Facts) -> Unit {
        let told = self.parts.iter().find_map(|part| match part {
            Part::Answer(answer) => Some(answer.json(facts).to_string()),
            Part::InBand(error) => Some(error.body(facts.surface, &facts.model)),
            _ => None,
        });
        Unit::Text(told.unwrap_or_default(), true)
    }

    fn stream_units(&self, facts: &Facts) -> Vec<Unit> {
        let mut units = Vec::new();
        for part in &self.parts {
            match part {
                Part::Answer(answer) => units.extend(answer.events(facts).into_iter().map(Unit::Event)),
                Part::QueuePings { count, every } => {
                    let ping = pings::while_queueing(facts.personality, facts.surface);
                    repeat(&mut units, ping, *count, *every);
                }
                Part::KeepAlive => {
                    let ping = pings::mid_stream(facts.personality, facts.surface);
                    repeat(&mut units, ping, 1, Duration::ZERO);
                }
                Part::Comment(text) => units.push(Unit::Text(format!(": {text}\n\n"), false)),
                Part::Raw(text) => units.push(Unit::Text(text.clone(), true)),
                Part::Event(event) => units.push(Unit::Event(event.clone())),
                Part::InBand(error) => {
                    let text = error.in_band(facts.personality, facts.surface, &facts.model);
                    units.push(Unit::Text(text, true));
                }
                Part::Gate(_) | Part::Wait(_) | Part::Forever { .. } => units.extend(part.pause().map(Unit::Step)),
            }
        }
        units
    }
}

impl Part {
    /// What happens beside what is said.
    fn pause(&self) -> Option<Step> {
        match self {
            Self::Gate(gate) => Some(Step::Gate(gate.clone())),
            Self::Wait(time) => Some(Step::Wait(*time)),
            Self::Forever { text, every } => Some(Step::Forever { bytes: Bytes::from(text.clone()), every: *every }),
            _ => None,
        }
    }
}

/// The header announces what the host meant to send; a cut makes it a lie, as a broken host's is.
fn whole_length(reply: &Reply, facts: &Facts, steps: &VecDeque<Step>) -> usize {
    let cut =
        reply.shape.cut_bytes.is_some() || reply.interrupts.iter().any(|(_, what)| matches!(what, Interrupt::Cut(_)));
    if cut {
        let mut whole = reply.clone();
        whole.shape.cut_bytes = None;
        whole.interrupts.retain(|(_, what)| !matches!(what, Interrupt::Cut(_)));
        return written(&whole.render(facts, None).steps);
    }
    written(steps)
}

fn written(steps: &VecDeque<Step>) -> usize {
    steps.iter().map(|step| if let Step::Write(bytes) = step { bytes.len() } else { 0 }).sum()
}

fn json_type(facts: &Facts) -> &'static str {
    // The web framework of the real host adds the charset, OpenAI does not.
    if facts.personality == Personality::OpenAi { "application/json" } else { "application/json; charset=utf-8" }
}

fn repeat(units: &mut Vec<Unit>, ping: Option<&'static str>, count: usize, every: Duration) {
    let Some(ping) = ping else { return };
    for _ in 0..count {
        if !every.is_zero() {
            units.push(Unit::Step(Step::Wait(every)));
        }
        units.push(Unit::Text(ping.to_owned(), false));
    }
}

fn interrupt(units: Vec<Unit>, interrupts: &[(usize, Interrupt)], facts: &Facts) -> Vec<Unit> {
    let mut out = Vec::new();
    let mut sent = 0;
    if !place_interrupts(&mut out, interrupts, sent, facts) {
        return out;
    }
    for unit in units {
        let counts = matches!(unit, Unit::Event(_) | Unit::Text(_, true) | Unit::Step(Step::Write(_)));
        out.push(unit);
        if counts {
            sent += 1;
            if !place_interrupts(&mut out, interrupts, sent, facts) {
                return out;
            }
        }
    }
    out
}

/// Puts in what is due after `sent` events; false when nothing can follow it.
fn place_interrupts(out: &mut Vec<Unit>, interrupts: &[(usize, Interrupt)], sent: usize, facts: &Facts) -> bool {
    for (_, what) in interrupts.iter().filter(|(after, _)| *after == sent) {
        match what {
            Interrupt::Cut(cut) => {
                out.push(Unit::Step(Step::Cut(*cut)));
                return false;
            }
            Interrupt::Error(error) => {
                let text = error.mid_stream(facts.personality, facts.surface, &facts.model);
                out.push(Unit::Text(text, true));
                return false;
            }
            Interrupt::Stall => {
                out.push(Unit::Step(Step::Stall));
                return false;
            }
            Interrupt::Gate(gate) => out.push(Unit::Step(Step::Gate(gate.clone()))),
            Interrupt::KeepAlives { count, every } => {
                repeat(out, pings::mid_stream(facts.personality, facts.surface), *count, *every);
            }
        }
    }
    true
}

fn writes(
    units: Vec<Unit>,
    spelling: super::Spelling,
    shape: &Shape,
    pace: Option<Duration>,
    stream: bool,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut first = true;
    for unit in units {
        let bytes = match unit {
            Unit::Step(Step::Write(bytes)) => bytes,
            Unit::Step(step) => {
                steps.push(step);
                continue;
            }
            Unit::Text(text, _) if stream => spelling.raw(&text),
            Unit::Text(text, _) => Bytes::from(text),
            Unit::Event(event) => {
                if let Some(pace) = pace.filter(|_| !first) {
                    steps.push(Step::Wait(pace));
                }
                first = false;
                if shape.comments {
                    steps.push(Step::Write(spelling.raw(": a comment\n\n")));
                }
                spelling.write(&event)
            }
        };
        steps.push(Step::Write(bytes));
    }
    steps
}

impl Shape {
    fn apply(&self, mut steps: Vec<Step>) -> Vec<Step> {
        if self.byte_order_mark {
            steps.insert(0, Step::Write(Bytes::from_static("\u{feff}".as_bytes())));
        }
        if self.no_final_blank_line
            && let Some(Step::Write(last)) = steps.iter_mut().rev().find(|step| matches!(step, Step::Write(_)))
        {
            let kept = last.strip_suffix(b"\r\n").or_else(|| last.strip_suffix(b"\n")).map_or(last.len(), <[u8]>::len);
            last.truncate(kept);
        }
        if self.in_one_write || self.chunk_bytes.is_some() {
            steps = joined(steps);
        }
        if let Some((bytes, cut)) = self.cut_bytes {
            steps = cut_after(steps, bytes, cut);
        }
        if let Some(size) = self.chunk_bytes {
            steps = resplit(steps, |bytes| bytes.chunks(size).map(<[u8]>::len).collect());
        }
        if self.split_utf8 {
            steps = resplit(steps, lengths_inside_characters);
        }
        steps
    }
}

fn joined(steps: Vec<Step>) -> Vec<Step> {
    let mut out: Vec<Step> = Vec::new();
    let mut pending = BytesMut::new();
    for step in steps {
        match step {
            Step::Write(bytes) => pending.extend_from_slice(&bytes),
            other => {
                if !pending.is_empty() {
                    out.push(Step::Write(pending.split().freeze()));
                }
                out.push(other);
            }
        }
    }
    if !pending.is_empty() {
        out.push(Step::Write(pending.freeze()));
    }
    out
}

fn cut_after(steps: Vec<Step>, limit: usize, cut: Cut) -> Vec<Step> {
    let mut left = limit;
    let mut out = Vec::new();
    for step in steps {
        match step {
            Step::Write(bytes) if bytes.len() >= left => {
                out.push(Step::Write(bytes.slice(..left)));
                out.push(Step::Cut(cut));
                return out;
            }
            Step::Write(bytes) => {
                left -= bytes.len();
                out.push(Step::Write(bytes));
            }
            other => out.push(other),
        }
    }
    out
}

fn resplit(steps: Vec<Step>, lengths: impl Fn(&[u8]) -> Vec<usize>) -> Vec<Step> {
    let mut out = Vec::new();
    for step in steps {
        let Step::Write(mut bytes) = step else {
            out.push(step);
            continue;
        };
        for length in lengths(&bytes) {
            out.push(Step::Write(bytes.split_to(length)));
        }
    }
    out
}

/// Lengths of pieces that end after the first byte of every longer character.
fn lengths_inside_characters(bytes: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut start = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if *byte >= 0xc0 {
            lengths.push(index + 1 - start);
            start = index + 1;
        }
    }
    lengths.push(bytes.len() - start);
    lengths.retain(|length| *length > 0);
    lengths
}

fn encode(steps: Vec<Step>, coding: &Coding) -> VecDeque<Step> {
    if !matches!(coding, Coding::Gzip) {
        return steps.into_iter().filter(|step| !matches!(step, Step::Write(bytes) if bytes.is_empty())).collect();
    }
    let mut gzip = Gzip::default();
    let ends_early = steps.iter().any(|step| matches!(step, Step::Cut(_) | Step::Stall | Step::Forever { .. }));
    let mut out: VecDeque<Step> = VecDeque::new();
    for step in steps {
        out.push_back(match step {
            Step::Write(bytes) => Step::Write(Bytes::from(gzip.write(&bytes))),
            other => other,
        });
    }
    if !ends_early {
        out.push_back(Step::Write(Bytes::from(gzip.end())));
    }
    out
}

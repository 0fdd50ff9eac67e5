//! Looking at what a walk comes to next, so that its pages are in memory by then.

use std::slice;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use super::Part;
use crate::day::Day;
use crate::reader::{LedgerReader, Opened};

/// How many look at once. A virtual disk gave four of them 26,000 pages a second, and one 15,000.
const LOOKING: usize = 4;
/// How far ahead of the walk, in parts: some hundred megabytes.
const FAR: usize = 2 * LOOKING;

/// Counts rows, which takes every page that they are on and no time else.
const LOOKS: [&str; 2] = [
    "SELECT count(*) FROM intents NOT INDEXED WHERE seq >= ?1 AND seq < ?2",
    "SELECT count(*) FROM outcomes NOT INDEXED WHERE seq >= ?1 AND seq < ?2",
];

/// Ahead of a walk. Dropped, it goes no further.
pub(super) struct Ahead<'p> {
    parts: slice::Iter<'p, Part>,
    coming: Sender<Part>,
}

impl<'p> Ahead<'p> {
    /// Begins with the first of `parts`. A walk through one needs nobody ahead.
    pub(super) fn start<'s>(scope: &'s Scope<'s, '_>, reader: &LedgerReader, parts: &'p [Part]) -> Self {
        let (coming, looked_at) = channel();
        let looked_at = Arc::new(Mutex::new(looked_at));
        for _ in 0..LOOKING.min(parts.len().saturating_sub(1)) {
            let (reader, looked_at) = (reader.clone(), Arc::clone(&looked_at));
            scope.spawn(move || look(&reader, &looked_at));
        }
        let mut ahead = Self { parts: parts.iter(), coming };
        (0..FAR).for_each(|_| ahead.advance());
        ahead
    }

    /// The walk goes on by a part.
    pub(super) fn advance(&mut self) {
        if let Some(part) = self.parts.next() {
            // Nobody may look ahead.
            let _ = self.coming.send(*part);
        }
    }
}

/// Looks at what comes until nothing does. What cannot be read is for the walk to tell.
fn look(reader: &LedgerReader, coming: &Mutex<Receiver<Part>>) {
    let mut open: Option<(Day, Opened)> = None;
    loop {
        let next = coming.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Part { day, from, to }) = next else { break };
        if open.as_ref().is_none_or(|(at, _)| *at != day) {
            if let Some((_, segment)) = open.take() {
                reader.put_back(segment);
            }
            open = reader.segment(day).ok().flatten().map(|segment| (day, segment));
        }
        let Some((_, segment)) = &open else { continue };
        for statement in LOOKS {
            let looked = segment.connection.prepare_cached(statement);
            let _ = looked.and_then(|mut count| count.query_row((from as i64, to as i64), |_| Ok(())));
        }
    }
    if let Some((_, segment)) = open {
        reader.put_back(segment);
    }
}

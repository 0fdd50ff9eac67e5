//! Decides which requests are traced, and takes their spans.

use std::sync::Arc;

use relay_metrics::Counter;
use tokio::sync::mpsc;

use crate::{Context, Exporter, Settings, Span, SpanId, TraceId, TraceParent};

/// Requests whose spans wait to be sent. A collector that is away for long costs no more memory
/// than that.
const QUEUE: usize = 2048;

/// What was done with spans.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) exported: Counter,
    /// The queue was full, or the collector would not have them.
    pub(crate) dropped: Counter,
}

/// Decides which requests are traced, and takes their spans. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tracer {
    spans: mpsc::Sender<Vec<Span>>,
    ratio: f64,
    follows_parent: bool,
    counts: Arc<Counts>,
}

/// A tracer, and what sends its spans.
pub fn tracer(settings: Settings, http: relay_hosts::HostClient) -> (Tracer, Exporter) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let counts = Arc::new(Counts::default());
    let tracer = Tracer {
        spans: sender,
        ratio: settings.ratio,
        follows_parent: settings.follows_parent,
        counts: Arc::clone(&counts),
    };
    (tracer, Exporter::new(settings, http, receiver, counts))
}

impl Tracer {
    /// Whether a request is traced, and under which ids. One whose client says whether it records the
    /// trace is treated as that says, so that a trace is whole or not there; of the
    /// others a share is.
    pub fn begin(&self, parent: Option<TraceParent>) -> Option<Context> {
        let is_traced = match parent {
            Some(parent) if self.follows_parent => parent.is_sampled,
            _ => rand::random::<f64>() < self.ratio,
        };
        if !is_traced {
            return None;
        }
        let span = SpanId(rand::random::<u64>().max(1));
        Some(match parent {
            Some(parent) => Context { trace: parent.trace, span, parent: Some(parent.span) },
            None => Context { trace: TraceId(rand::random::<u128>().max(1)), span, parent: None },
        })
    }

    /// Takes the spans of a request. Never waits.
    pub fn record(&self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        if self.spans.try_send(spans).is_err() {
            self.counts.dropped.add(count);
        }
    }

    /// Spans that a collector took, and those that none will see.
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.exported.get(), self.counts.dropped.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(ratio: f64, follows_parent: bool) -> (Tracer, mpsc::Receiver<Vec<Span>>) {
        let (spans, receiver) = mpsc::channel(1);
        (Tracer { spans, ratio, follows_parent, counts: Arc::default() }, receiver)
    }

    fn parent(is_sampled: bool) -> TraceParent {
        TraceParent { trace: TraceId(7), span: SpanId(9), is_sampled }
    }

    #[test]
    fn a_client_that_records_its_trace_is_followed_whatever_the_share() {
        let (none, _spans) = with(0.0, true);
        let context = none.begin(Some(parent(true))).expect("is traced");
        assert_eq!((context.trace, context.parent), (TraceId(7), Some(SpanId(9))));
        assert_ne!(context.span, SpanId(9));
        assert_eq!(none.begin(None), None);
        let (all, _spans) = with(1.0, true);
        assert_eq!(all.begin(Some(parent(false))), None);
        assert_eq!(all.begin(None).expect("is traced").parent, None);
    }

    #[test]
    fn when_clients_are_not_to_decide_the_share_does_and_their_trace_goes_on() {
        let (all, _spans) = with(1.0, false);
        assert_eq!(all.begin(Some(parent(false))).expect("is traced").trace, TraceId(7));
        let (none, _spans) = with(0.0, false);
        assert_eq!(none.begin(Some(parent(true))), None);
    }

    #[test]
    fn what_does_not_fit_the_queue_is_dropped_and_counted() {
        let (tracer, _spans) = with(1.0, true);
        tracer.record(Vec::new());
        let span = crate::otlp::tests::span();
        tracer.record(vec![span.clone(), span]);
        assert_eq!(tracer.counts(), (0, 2));
    }
}

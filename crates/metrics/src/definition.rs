//! What a family of metrics is.

/// How a family is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, and begins anew with the process. The name ends in `_total`.
    Counter,
    /// How it is now.
    Gauge,
    /// How often a value was at most so large, with the sum of all.
    Histogram,
}

impl Kind {
    /// The word in the exposition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A family: described once, shown and documented from here.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// With its unit, as Prometheus names things: `relay_request_duration_seconds`.
    pub name: &'static str,
    /// How it is to be read.
    pub kind: Kind,
    /// Names of its labels, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// What it says, in a sentence.
    pub help: &'static str,
}

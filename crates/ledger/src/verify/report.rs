//! What a verification found.

use serde::Serialize;
use utoipa::ToSchema;

/// Interrupted requests and faults that are listed one by one; beyond them only counted.
const LISTED: usize = 1_000;

/// What a verification found.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct VerifyReport {
    /// Each segment, oldest first.
    pub segments: Vec<SegmentReport>,
    /// Requests in the log.
    pub rows: u64,
    /// Requests without an end: the process was gone first.
    pub interrupted_count: u64,
    /// The first of them.
    pub interrupted: Vec<InterruptedRow>,
    /// Requests in flight in a running server.
    pub open: u64,
    /// Requests that a process which handed the log over wrote beside it, as long as that file is there: the server takes
    /// them into the log, or has done so.
    pub beside: u64,
    /// Number of faults.
    pub fault_count: u64,
    /// The first of them.
    pub faults: Vec<Fault>,
}

/// What a verification found in one segment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SegmentReport {
    /// Its name.
    pub segment: String,
    /// Its writer.
    pub writer: String,
    /// Requests.
    pub rows: u64,
    /// Requests with an outcome.
    pub outcomes: u64,
    /// Requests without an end.
    pub interrupted: u64,
    /// Requests in flight.
    pub open: u64,
    /// Rows that were only in a journal.
    pub in_journal: u64,
    /// Sequence number of its first request.
    pub first_seq: u64,
    /// … and of its last.
    pub last_seq: u64,
    /// Faults found in it.
    pub faults: u64,
}

/// A request whose process did not live to end it.
#[derive(Clone, Debug, Serialize, PartialEq, Eq, ToSchema)]
pub struct InterruptedRow {
    /// Its request id.
    pub request_id: String,
    /// Its sequence number.
    pub seq: u64,
    /// Its segment.
    pub segment: String,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, Serialize, PartialEq, Eq, ToSchema)]
#[schema(as = LogFault)]
pub struct Fault {
    /// The segment concerned.
    pub segment: String,
    /// What is wrong, with the entry, sequence number and request id where known.
    pub what: String,
}

impl VerifyReport {
    /// Whether nothing is missing and nothing was changed. Interrupted requests are no fault.
    pub fn is_clean(&self) -> bool {
        self.fault_count == 0
    }

    pub(crate) fn fault(&mut self, segment: &str, what: String) {
        self.fault_count += 1;
        if self.faults.len() < LISTED {
            self.faults.push(Fault { segment: segment.to_owned(), what });
        }
    }

    pub(super) fn interrupted(&mut self, segment: &str, seq: u64, request_id: String) {
        self.interrupted_count += 1;
        if self.interrupted.len() < LISTED {
            self.interrupted.push(InterruptedRow { request_id, seq, segment: segment.to_owned() });
        }
    }
}

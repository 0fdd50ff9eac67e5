//! How a log is kept.

use std::path::PathBuf;
use std::time::Duration;

use crate::fault::DiskFault;

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct LedgerOptions {
    /// Where the segments are: `<data_dir>/log`. Made when it is not there.
    pub dir: PathBuf,
    /// Intents that may wait for the disk at once.
    pub queue: usize,
    /// What becomes of a request that waited in vain.
    pub on_stall: OnStall,
    /// How long a request waits for a full queue or a failing disk.
    pub stall_limit: Duration,
    /// How long segments are kept.
    pub retention: Duration,
    /// How long nothing is written before roll-ups that wait for more requests are completed. A short pause of thousands
    /// of consumers is no reason to write a row for each of them; whoever asks for roll-ups has them completed first.
    pub quiet: Duration,
    /// A disk that is full or hangs, in tests.
    pub disk_fault: Option<DiskFault>,
    /// Called first by the thread that files every day: to leave the processors to whoever else wants them. What it is
    /// kept from for long, another thread does.
    pub step_aside: fn(),
}

impl LedgerOptions {
    /// The defaults of spec §2 and §7: 65,536 intents, refuse after 1 s, 30 days.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            queue: 65_536,
            on_stall: OnStall::Refuse,
            stall_limit: Duration::from_secs(1),
            retention: Duration::from_hours(30 * 24),
            quiet: Duration::from_secs(10),
            disk_fault: None,
            step_aside: || (),
        }
    }
}

/// What becomes of a request that the log kept waiting for too long (`log.on_stall`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStall {
    /// It is refused.
    #[default]
    Refuse,
    /// It goes on, and is counted.
    Continue,
}

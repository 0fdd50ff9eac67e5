//! A disk that is full or hangs, for tests.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Stands before the disk of the journals: asked before each append, with its bytes, and may refuse it or take its time.
#[derive(Clone)]
pub struct DiskFault(Arc<dyn Fn(u64) -> io::Result<()> + Send + Sync>);

impl DiskFault {
    /// A disk that does what `before_append` does first.
    pub fn new(before_append: impl Fn(u64) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(before_append))
    }

    /// A disk that has room for so many bytes, and none for an append that is longer.
    pub fn full_after(room: Arc<AtomicU64>) -> Self {
        Self::new(move |length| {
            room.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(length))
                .map(drop)
                .map_err(|_| io::Error::from(io::ErrorKind::StorageFull))
        })
    }

    pub(crate) fn before_append(&self, length: usize) -> io::Result<()> {
        (self.0)(length as u64)
    }
}

impl std::fmt::Debug for DiskFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DiskFault")
    }
}

//! Looks at the log by somebody who does not wait for ever: what takes longer goes on, what it read is remembered, and the
//! next look has it.

use std::time::Duration;

use relay_ledger::{LedgerReader, ReadError};

use crate::Control;
use crate::page::QueryError;

impl Control {
    /// Reads the log, what has just ended included; `None` when that takes longer than `patience`. With `is_remembered` all
    /// that may take long is in memory.
    ///
    /// Dropping the future does not end a reading that has begun.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        patience: Duration,
        is_remembered: bool,
        read: impl FnOnce(&LedgerReader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<Option<T>, QueryError> {
        let reading = async {
            self.parts.ledger.settle().await;
            // One at a time: whoever asks for the same meanwhile finds it remembered, and who asks again and again keeps
            // one processor busy, not all.
            let counting =
                if is_remembered { None } else { Some(std::sync::Arc::clone(&self.counting).lock_owned().await) };
            self.read_log(move |log| {
                let _counting = counting;
                read(log)
            })
            .await
        };
        match tokio::time::timeout(patience, reading).await {
            Ok(read) => read.map(Some),
            Err(_) => Ok(None),
        }
    }
}

//! The decision log for operators. Reading blocks, so it happens on threads that may.

use std::time::Duration;

pub use relay_ledger::{
    Decision, DecisionAttempt, DecisionCandidate, Filter, ListCursor, TailCursor, Verdict, VerifyReport,
};
use relay_ledger::{LedgerReader, PATIENCE, ReadError};

use crate::Control;
use crate::actions::ActionError;
use crate::page::{Page, PageRequest, QueryError};

impl Control {
    /// Decisions, newest first. A page may be short, even empty, and still have
    /// a cursor: there is more to look through.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn decisions(
        &self,
        filter: Filter,
        request: PageRequest<ListCursor>,
    ) -> Result<Page<Decision>, QueryError> {
        self.decisions_within(PATIENCE, filter, request).await
    }

    /// The same for somebody who looks at the page, and would rather wait for that long than go on to the next.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn decisions_within(
        &self,
        patience: Duration,
        filter: Filter,
        request: PageRequest<ListCursor>,
    ) -> Result<Page<Decision>, QueryError> {
        let PageRequest { cursor, limit } = request;
        let page = self.read_log(move |log| log.list_within(patience, &filter, cursor, limit)).await?;
        Ok(Page { items: page.items, next_cursor: page.next_cursor.map(|cursor| cursor.to_string()) })
    }

    /// The newest decision with this request id. What has just ended may not be
    /// where lists see it; then this waits for it shortly.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn decision(&self, request_id: &str) -> Result<Option<Decision>, QueryError> {
        let id = request_id.to_owned();
        if let Some(found) = self.read_log(move |log| log.get(&id)).await?.filter(|found| found.ended_at.is_some()) {
            return Ok(Some(found));
        }
        self.parts.ledger.settle().await;
        let id = request_id.to_owned();
        self.read_log(move |log| log.get(&id)).await
    }

    /// Proves that the log is whole, or names what is missing.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn verify_log(&self) -> Result<VerifyReport, QueryError> {
        self.parts.ledger.settle().await;
        self.read_log(|log| relay_ledger::verify(log.dir())).await
    }

    /// That both rows of a request are on disk, for `sync`.
    pub(crate) async fn is_on_disk(&self, request_id: &str) -> Result<(), ActionError> {
        let id = request_id.to_owned();
        match self.read_log(move |log| log.get(&id)).await {
            Ok(Some(decision)) if decision.ended_at.is_some() => Ok(()),
            _ => Err(ActionError::LogUnavailable),
        }
    }

    pub(crate) async fn read_log<T: Send + 'static>(
        &self,
        read: impl FnOnce(&LedgerReader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let log = self.reader.clone();
        let read = tokio::task::spawn_blocking(move || read(&log));
        read.await.map_err(|_| QueryError::Aborted)?.map_err(Into::into)
    }
}

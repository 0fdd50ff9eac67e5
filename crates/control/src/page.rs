//! Pages of lists, and why a question could not be answered.

use relay_ledger::ReadError;
use relay_store::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

/// One page, and where the next begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where to go on; `None` at the end.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// Which page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Entries at most; at least 1.
    pub limit: usize,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The cursor is not one that this list gave.
    #[error("cursor is not one that this list returned")]
    Cursor,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The decision log could not be read.
    #[error("the decision log cannot be read")]
    Log(#[source] ReadError),
    /// A reading thread died.
    #[error("the decision log was not read to the end")]
    Aborted,
}

impl From<ReadError> for QueryError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Cursor => Self::Cursor,
            error => Self::Log(error),
        }
    }
}

impl<T> Page<T> {
    /// A page of at most `limit` of `items`, of which one more was read than is
    /// shown; `cursor_of` names an entry.
    pub(crate) fn of(mut items: Vec<T>, limit: usize, cursor_of: impl Fn(&T) -> String) -> Self {
        let is_more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| is_more).map(cursor_of);
        Self { items, next_cursor }
    }

    /// The same page with each entry shaped anew.
    pub fn map<U>(self, shape: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(shape).collect(), next_cursor: self.next_cursor }
    }
}

impl PageRequest {
    /// A cursor that is a number.
    pub(crate) fn number<N: std::str::FromStr>(&self) -> Result<Option<N>, QueryError> {
        self.cursor.as_deref().map(|cursor| cursor.parse().map_err(|_| QueryError::Cursor)).transpose()
    }

    /// A cursor that [`key_cursor`] made.
    pub(crate) fn key<K: DeserializeOwned>(&self) -> Result<Option<K>, QueryError> {
        let read = |cursor: &String| {
            let bytes = hex::decode(cursor).ok()?;
            serde_json::from_slice(&bytes).ok()
        };
        self.cursor.as_ref().map(|cursor| read(cursor).ok_or(QueryError::Cursor)).transpose()
    }

    /// One more than is shown, so that the end is known.
    pub(crate) fn read_limit(&self) -> u32 {
        u32::try_from(self.limit).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// A cursor of what sorts an entry, whatever characters are in it.
pub(crate) fn key_cursor(key: &impl Serialize) -> String {
    hex::encode(serde_json::to_vec(key).unwrap_or_default())
}

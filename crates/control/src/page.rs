//! Pages of lists, and why a question could not be answered.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

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

/// Which page is asked for. Each list has cursors `C` of its own: what sorts its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest<C> {
    /// Entries at most; at least 1.
    pub limit: usize,
    /// `next_cursor` of the page before.
    pub cursor: Option<C>,
}

/// A cursor of a list that is sorted by text, or by several things: they are in it, whatever characters they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key<K>(pub K);

/// The text is no [`Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoKey;

/// A question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
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
        Self::Log(error)
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

impl<C> PageRequest<C> {
    /// One more than is shown, so that the end is known.
    pub(crate) fn read_limit(&self) -> u32 {
        u32::try_from(self.limit).unwrap_or(u32::MAX).saturating_add(1)
    }
}

impl<K> PageRequest<Key<K>> {
    /// Whether what is sorted by `key` comes after the page before.
    pub(crate) fn is_ahead<Q: PartialOrd + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.cursor.as_ref().is_none_or(|Key(last)| key > last.borrow())
    }
}

impl<K: Serialize> fmt::Display for Key<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(serde_json::to_vec(&self.0).unwrap_or_default()))
    }
}

impl<K: DeserializeOwned> FromStr for Key<K> {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let bytes = hex::decode(text).map_err(|_| NoKey)?;
        serde_json::from_slice(&bytes).map(Self).map_err(|_| NoKey)
    }
}

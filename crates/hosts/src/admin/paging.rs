//! Lists of hosts: what a page is, and reading one to its end.
//!
//! Offsets are all that hosts offer, so a list that changes while it is read
//! may show an entry twice (left out here) or not at all.

use std::collections::HashSet;
use std::hash::Hash;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::call::Call;
use super::client::AdminClient;
use super::error::AdminError;

/// Every version takes pages of this size. Above its cap a host falls back to
/// 20 without a word (sub2api-host-api.md §1.4), and a cap can change with an upgrade.
pub(super) const PAGE_SIZE: u32 = 100;

/// Pages read at most. A list that was cut silently would be taken for whole,
/// so beyond this there is an error.
const MAX_PAGES: u32 = 200;

/// One page of a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub struct Page<T> {
    /// The entries.
    #[serde(default, deserialize_with = "or_default")]
    pub items: Vec<T>,
    /// Entries on all pages, as the host counts; some lists estimate.
    #[serde(default, deserialize_with = "or_default")]
    pub total: u64,
    /// The size of a page that the host used.
    #[serde(default, deserialize_with = "or_default")]
    pub page_size: u32,
}

/// Takes `null` for the default: hosts write `null` for empty lists and more.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl AdminClient {
    /// A list that comes whole.
    pub(super) async fn list<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<Vec<T>, AdminError> {
        self.data::<Option<Vec<T>>>(call).await.map(Option::unwrap_or_default)
    }

    /// Reads a list to its end. `id` tells entries apart.
    pub(super) async fn all<'a, T: DeserializeOwned, I: Eq + Hash>(
        &self,
        call: impl Fn() -> Call<'a>,
        id: impl Fn(&T) -> I,
    ) -> Result<Vec<T>, AdminError> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut read: u64 = 0;
        for number in 1..=MAX_PAGES {
            let call = call().query("page", Some(number)).query("page_size", Some(PAGE_SIZE));
            let page: Page<T> = self.data(&call).await?;
            read += page.items.len() as u64;
            let is_last = page.items.is_empty() || read >= page.total;
            let known = found.len();
            found.extend(page.items.into_iter().filter(|item| seen.insert(id(item))));
            if is_last {
                return Ok(found);
            }
            if found.len() == known {
                // The same page over again.
                break;
            }
        }
        Err(AdminError::Endless { items: found.len() })
    }
}

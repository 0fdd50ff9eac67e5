//! The price table as operators see it.

pub use relay_pricing::{Entry, PriceFault, PriceTable};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Control;
use crate::page::{Page, PageRequest, QueryError, key_cursor};

/// One line of the table.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Price)]
pub struct PriceView {
    /// The line.
    #[serde(flatten)]
    pub entry: Entry,
    /// `own`: the operator's; `list`: shipped with the product.
    pub table: &'static str,
}

/// Which lines to list; an absent field admits all.
#[derive(Clone, Debug, Default)]
pub struct PriceFilter {
    /// Of models whose names begin so.
    pub model: Option<String>,
    /// The operator's own, or the shipped ones.
    pub is_own: Option<bool>,
}

/// What sorts a line: the operator's own first, then model, length of the prompt, and day. No table has two that are
/// alike in all of them.
type Key = (bool, String, u64, String);

impl PriceView {
    fn key(&self) -> Key {
        let Entry { model, above_input, from, .. } = &self.entry;
        (self.table != "own", model.clone(), above_input.unwrap_or(0), from.clone().unwrap_or_default())
    }
}

impl Control {
    /// The lines by model, length of the prompt and date, the operator's own first.
    ///
    /// # Errors
    /// [`QueryError::Cursor`].
    pub fn prices(&self, filter: &PriceFilter, request: &PageRequest) -> Result<Page<PriceView>, QueryError> {
        let after: Option<Key> = request.key()?;
        let lines = self.parts.prices.entries().filter(|(entry, is_own)| {
            filter.model.as_ref().is_none_or(|model| entry.model.starts_with(model))
                && filter.is_own.is_none_or(|own| own == *is_own)
        });
        let view = |(entry, is_own): (&Entry, bool)| PriceView {
            entry: entry.clone(),
            table: if is_own { "own" } else { "list" },
        };
        let mut lines: Vec<PriceView> = lines.map(view).collect();
        lines.sort_by_cached_key(PriceView::key);
        lines.retain(|line| after.as_ref().is_none_or(|after| line.key() > *after));
        Ok(Page::of(lines, request.limit, |line| key_cursor(&line.key())))
    }
}

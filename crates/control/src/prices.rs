//! The price table as operators see it.

pub use relay_pricing::{Entry, PriceFault, PriceTable};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Control;
use crate::page::{Key, Page, PageRequest};

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
pub type PriceKey = Key<(bool, String, u64, String)>;

impl PriceView {
    fn key(&self) -> PriceKey {
        let Entry { model, above_input, from, .. } = &self.entry;
        Key((self.table != "own", model.clone(), above_input.unwrap_or(0), from.clone().unwrap_or_default()))
    }
}

impl Control {
    /// The lines by model, length of the prompt and date, the operator's own first.
    pub fn prices(&self, filter: &PriceFilter, request: &PageRequest<PriceKey>) -> Page<PriceView> {
        let lines = self.parts.prices.entries().filter(|(entry, is_own)| {
            filter.model.as_ref().is_none_or(|model| entry.model.starts_with(model))
                && filter.is_own.is_none_or(|own| own == *is_own)
        });
        let view = |(entry, is_own): (&Entry, bool)| PriceView {
            entry: entry.clone(),
            table: if is_own { "own" } else { "list" },
        };
        let mut lines: Vec<PriceView> = lines.map(view).collect();
        lines.sort_by_cached_key(|line| line.key().0);
        lines.retain(|line| request.is_ahead(&line.key().0));
        Page::of(lines, request.limit, |line| line.key().to_string())
    }
}

//! The price table as operators see it.

pub use relay_pricing::{Entry, PriceFault, PriceTable};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Control;

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

impl Control {
    /// The lines by model and date, the operator's own first; `model` narrows to those that begin so.
    pub fn prices(&self, model: Option<&str>) -> Vec<PriceView> {
        let lines = self.parts.prices.entries();
        let lines = lines.filter(|(entry, _)| model.is_none_or(|model| entry.model.starts_with(model)));
        lines
            .map(|(entry, is_own)| PriceView { entry: entry.clone(), table: if is_own { "own" } else { "list" } })
            .collect()
    }
}

//! Requests whose process was gone before they ended.

use std::sync::Arc;

use jiff::Timestamp;

use crate::codec::Value;
use crate::record::{Outcome, Verdict};
use crate::schema;

/// What an interrupted request was planned for: all that is known of where it went.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) route: Option<Arc<str>>,
    pub(crate) host: Option<Arc<str>>,
    pub(crate) shadow_group: Option<Arc<str>>,
    pub(crate) shadow_model: Option<Arc<str>>,
    pub(crate) sticky_hit: bool,
    pub(crate) fallback_used: bool,
}

impl Planned {
    /// What an intent says.
    pub(crate) fn of_intent(values: &[Value<'_>]) -> Self {
        let text = |at: usize| match values[schema::intent_at::FIRST_PLANNED + at] {
            Value::Text(text) => Some(Arc::from(text)),
            _ => None,
        };
        Self {
            route: text(0),
            host: text(1),
            shadow_group: text(2),
            shadow_model: text(3),
            sticky_hit: values[schema::intent_at::STICKY_HIT] == Value::Integer(1),
            fallback_used: values[schema::intent_at::FALLBACK_USED] == Value::Integer(1),
        }
    }
}

/// The outcome of a request whose process is gone.
pub(crate) fn interrupted(at: Timestamp, planned: &Planned) -> Outcome {
    Outcome {
        route_id: planned.route.clone(),
        host_id: planned.host.clone(),
        shadow_group_id: planned.shadow_group.clone(),
        shadow_model: planned.shadow_model.clone(),
        sticky_hit: planned.sticky_hit,
        fallback_used: planned.fallback_used,
        ..Outcome::new(at, Verdict::Interrupted)
    }
}

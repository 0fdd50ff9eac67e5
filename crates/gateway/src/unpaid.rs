//! Stored responses of which nobody knew what they would use when they were made: a host that works in the background
//! answers before it has begun, and tells the usage to whoever fetches the response. It counts the first time that it is told,
//! and never again (spec §6).
//!
//! What is remembered stands beside the response's owner and is kept as long.

use relay_bindings::{BindingStore, ResponseOwner};
use relay_domain::{KeyId, Timestamp};

/// No id of a response has a colon.
fn mark(response_id: &str) -> String {
    format!("unpaid:{response_id}")
}

/// The response is being made, and its usage is yet to be told.
pub(crate) async fn remember(bindings: &dyn BindingStore, consumer: &KeyId, response_id: &str, owner: ResponseOwner) {
    bindings.record_response_owner(consumer, &mark(response_id), owner).await;
}

/// Whether what the response used is yet to be counted. When it is told now, `is_told`, that is the last time.
pub(crate) async fn is_unpaid(
    bindings: &dyn BindingStore,
    consumer: &KeyId,
    response_id: &str,
    is_told: bool,
    now: Timestamp,
) -> bool {
    let Some(owner) = bindings.response_owner(consumer, &mark(response_id), now).await else { return false };
    if is_told {
        let forgotten = ResponseOwner { expires_at: now, ..owner };
        bindings.record_response_owner(consumer, &mark(response_id), forgotten).await;
    }
    true
}

//! `Idempotency-Key` on `[N]` (sub2api-host-api.md §1.4): the same key and payload is the same write for a day. Keys of one scope share a
//! name space over all users.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::ask::{Ask, Outcome};
use super::envelope::{refuse, success};
use super::panel::FakePanel;
use crate::reply::Reply;

const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// After a refused write the key is not taken for this long.
const BACK_OFF: SignedDuration = SignedDuration::from_secs(5);

#[derive(Clone, Debug)]
pub(super) struct Remembered {
    payload: String,
    at: Timestamp,
    /// `None` after a refusal.
    data: Option<Value>,
}

/// Runs a write that the key covers.
pub(super) fn once(
    panel: &mut FakePanel,
    ask: &Ask<'_>,
    scope: &'static str,
    payload: &Value,
    write: impl FnOnce(&mut FakePanel) -> Outcome,
) -> Outcome {
    let key = ask.header("idempotency-key").map(str::trim).unwrap_or_default();
    if !panel.is_n() {
        return write(panel);
    }
    if key.is_empty() {
        if panel.idempotency_required {
            return Err(refuse(400, "IDEMPOTENCY_KEY_REQUIRED", "idempotency key is required"));
        }
        return write(panel);
    }
    if key.len() > 128 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refuse(400, "IDEMPOTENCY_KEY_INVALID", "idempotency key is invalid"));
    }
    let now = panel.now();
    let fingerprint = format!("{} {payload}", ask.caller);
    let name = (scope, key.to_owned());
    if let Some(remembered) = panel.remembered.get(&name).filter(|known| now.duration_since(known.at) < KEPT) {
        if remembered.payload != fingerprint {
            let message = "idempotency key reused with different payload";
            return Err(refuse(409, "IDEMPOTENCY_KEY_CONFLICT", message));
        }
        match &remembered.data {
            Some(data) => return Err(Box::new(success(data).header("X-Idempotency-Replayed", "true"))),
            None if now.duration_since(remembered.at) < BACK_OFF => return Err(back_off()),
            None => {}
        }
    }
    let outcome = write(panel);
    let data = outcome.as_ref().ok().cloned();
    panel.remembered.insert(name, Remembered { payload: fingerprint, at: now, data });
    outcome
}

fn back_off() -> Box<Reply> {
    let body = json!({
        "code": 409, "message": "idempotent request is in retry backoff window", "reason": "IDEMPOTENCY_RETRY_BACKOFF",
        "metadata": {"retry_after": "5"},
    });
    Box::new(Reply::json(&body).status(409).header("Retry-After", "5"))
}

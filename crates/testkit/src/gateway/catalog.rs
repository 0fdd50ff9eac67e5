//! The cheap authenticated calls: models and usage (sub2api-host-api.md §4.1, §3.4).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Personality;
use crate::admin::{KeyOwner, unknown_key_usage};
use crate::reply::{CREATED, Reply};
use crate::server::HostState;

/// Listed when the test named no models.
const DEFAULT_MODELS: &[&str] = &["gpt-5", "gpt-5-mini"];

fn names(host: &HostState) -> Vec<String> {
    if host.models.is_empty() { DEFAULT_MODELS.iter().map(ToString::to_string).collect() } else { host.models.clone() }
}

/// Names that the accounts of a key's group take, patterns among them; `[N]` lists these where an account has any.
fn mapped(host: &HostState, owner: Option<KeyOwner>) -> Vec<String> {
    let Some(group) = owner.and_then(|owner| owner.group).filter(|_| host.personality == Personality::N) else {
        return Vec::new();
    };
    let panel = host.panel.lock();
    let accounts = panel.accounts.iter().filter(|it| it.schedulable && it.group_ids.contains(&group));
    let names: BTreeSet<String> =
        accounts.flat_map(|account| account.model_mapping.iter().map(|(asked, _)| asked.clone())).collect();
    names.into_iter().collect()
}

pub(crate) fn models(host: &HostState, owner: Option<KeyOwner>) -> Reply {
    let mapped = mapped(host, owner);
    let is_configured = !host.models.is_empty() || !mapped.is_empty();
    let entry = |id: &String| -> Value {
        match host.personality {
            Personality::OpenAi => {
                json!({"id": id, "object": "model", "created": CREATED, "owned_by": host.name})
            }
            // Configured models of accounts; without them, as on [S] always, the static list.
            Personality::N if is_configured => {
                json!({"id": id, "type": "model", "display_name": id, "created_at": "2024-01-01T00:00:00Z"})
            }
            Personality::S | Personality::N => json!({
                "id": id, "object": "model", "created": CREATED, "owned_by": "openai", "type": "model", "display_name": id,
            }),
        }
    };
    let names = if mapped.is_empty() { names(host) } else { mapped };
    let data: Vec<Value> = names.iter().map(entry).collect();
    Reply::json(&json!({"data": data, "object": "list"}))
}

pub(crate) fn gemini_models(host: &HostState) -> Reply {
    let entry = |id: &String| json!({"name": format!("models/{id}"), "supportedGenerationMethods": ["generateContent", "streamGenerateContent"]});
    let models: Vec<Value> = names(host).iter().map(entry).collect();
    Reply::json(&json!({ "models": models }))
}

pub(crate) fn usage(host: &HostState, owner: Option<KeyOwner>) -> Reply {
    match owner {
        Some(owner) => host.panel.lock().key_usage(owner),
        None => Reply::json(&unknown_key_usage(&host.name, host.personality == Personality::N)),
    }
}

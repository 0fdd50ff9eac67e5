//! The fleet as a document that reads back as itself: the ground on which a single
//! entry is changed. Stored secrets are written as `{ keep = true }`, so that neither their
//! value nor their origin has to be known to whoever changes another field.

use relay_domain::{AdminAccess, ConsumerKey, Fleet, Host, StoredSecret};
use serde_json::{Value, json};

use super::FleetDocument;
use crate::view::{self, Fields};

/// The fields that hold a secret, wherever they stand.
pub(crate) const SECRET_FIELDS: [&str; 4] = ["admin_key", "gateway_key", "password", "secret"];

/// What stands for a stored secret.
fn kept() -> Value {
    json!({ "keep": true })
}

/// The whole fleet.
pub(crate) fn written(fleet: &Fleet) -> FleetDocument {
    let sections: [(&str, Vec<Value>); 4] = [
        ("host", fleet.hosts.iter().map(|entry| host(entry).into()).collect()),
        ("group", fleet.groups.iter().map(|entry| view::group(entry).into()).collect()),
        ("route", fleet.routes.iter().map(|entry| view::route(entry).into()).collect()),
        ("key", fleet.keys.iter().map(|entry| key(entry).into()).collect()),
    ];
    FleetDocument(sections.into_iter().map(|(name, entries)| (name.to_owned(), entries.into())).collect())
}

fn host(host: &Host) -> Fields {
    let mut fields = view::host(host);
    let stored = |secret: Option<&StoredSecret>| secret.map_or(Value::Null, |_| kept());
    fields.insert("gateway_key".to_owned(), stored(host.gateway_key.as_ref()));
    match &host.admin {
        Some(AdminAccess::Key(_)) => fields.insert("admin_key".to_owned(), kept()),
        Some(AdminAccess::Login { email, .. }) => {
            fields.insert("login".to_owned(), json!({ "email": email, "password": kept() }))
        }
        None => None,
    };
    fields
}

/// A key's secret is left out, which means "as stored".
fn key(key: &ConsumerKey) -> Fields {
    let mut fields = view::key(key);
    fields.shift_remove("secret");
    fields.shift_remove("previous_secret_until");
    fields
}

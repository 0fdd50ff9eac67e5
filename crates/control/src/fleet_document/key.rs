//! `[[key]]`.

use std::collections::HashMap;

use relay_domain::{ConsumerKey, GroupId, KeyHash, KeyId, Limits, Secret, SecretSource, Timestamp};

use super::entry::Entry;
use super::secrets::{self, Use, Written};
use super::{Declared, GeneratedKey, Reading};

/// Keys met so far, by what their secret hashes to.
pub(super) type Seen = HashMap<KeyHash, String>;

/// Reads one key; `None` when a fault was noted that leaves nothing to build.
pub(super) fn read(
    mut entry: Entry<'_>,
    reading: &Reading<'_>,
    declared: &Declared<'_>,
    seen: &mut Seen,
) -> Option<(ConsumerKey, Option<GeneratedKey>)> {
    let id = super::id(&mut entry, "key_id", KeyId::new);
    let current = id.as_ref().and_then(|id| declared.current_keys.get(id.as_str()).copied());
    let secret = secret(&mut entry, reading, current);
    if let (Some(id), Some((hash, ..))) = (&id, &secret)
        && let Some(other) = seen.insert(*hash, id.as_str().to_owned())
    {
        let message = format!("the secret is the same as that of key \"{other}\"");
        entry.fault("secret", message, "give each key a secret of its own");
    }
    let groups = groups(&mut entry, declared);
    let enabled = entry.flag("enabled", true);
    let expires_at = expires_at(&mut entry);
    let subject_id = entry.text("subject_id").filter(|text| !text.is_empty());
    let subscription_user = entry.text("subscription_user").filter(|text| !text.is_empty());
    let expose_routing = entry.flag("expose_routing", false);
    let limits = limits(&mut entry);
    entry.refuse_unknown();
    let (hash, source, generated) = secret?;
    let id = id?;
    let generated = generated.map(|secret| GeneratedKey { key_id: id.as_str().to_owned(), secret });
    let key = ConsumerKey {
        id,
        hash,
        source,
        enabled,
        expires_at,
        groups: groups?,
        subject_id,
        subscription_user,
        expose_routing,
        limits,
    };
    Some((key, generated))
}

/// Given, kept from the current fleet, or generated (spec §8).
fn secret(
    entry: &mut Entry<'_>,
    reading: &Reading<'_>,
    current: Option<&ConsumerKey>,
) -> Option<(KeyHash, SecretSource, Option<Secret>)> {
    match secrets::read(entry, "secret", reading.resolver, Use::Header) {
        Written::Given(given) => Some(((reading.hash_key)(&given.secret), given.source, None)),
        Written::Faulty => None,
        Written::Keep if current.is_none() => {
            let message = "secret = { keep = true }, but this key is not stored";
            entry.fault("secret", message, "remove secret to have one generated");
            None
        }
        Written::Absent | Written::Keep => Some(current.map_or_else(
            || {
                let secret = (reading.generate_key)();
                ((reading.hash_key)(&secret), SecretSource::Value, Some(secret))
            },
            |key| (key.hash, key.source.clone(), None),
        )),
    }
}

fn groups(entry: &mut Entry<'_>, declared: &Declared<'_>) -> Option<Vec<GroupId>> {
    const FIELD: &str = "logical_groups";
    if entry.value(FIELD).is_none() {
        entry.fault(FIELD, "logical_groups is missing", "add logical_groups = [\"…\"]");
        return None;
    }
    let names = entry.texts(FIELD)?;
    if names.is_empty() {
        entry.fault(FIELD, "logical_groups is empty", "name at least one group, or set enabled = false");
    }
    let mut groups: Vec<GroupId> = Vec::with_capacity(names.len());
    for name in &names {
        if !declared.groups.contains(name.as_str()) {
            let suggestion = entry.did_you_mean(name, declared.groups.iter().copied());
            let message = format!("logical_groups names \"{name}\", which is no group of this document{suggestion}");
            entry.fault(FIELD, message, format!("correct it, or add a [[group]] \"{name}\""));
        } else if groups.iter().any(|group| group.as_str() == name) {
            entry.fault(FIELD, format!("logical_groups names \"{name}\" twice"), "name it once");
        } else if let Ok(group) = GroupId::new(name) {
            groups.push(group);
        }
    }
    Some(groups)
}

fn expires_at(entry: &mut Entry<'_>) -> Option<Timestamp> {
    let text = entry.text("expires_at")?;
    let Ok(timestamp) = text.parse::<Timestamp>() else {
        let message = format!("expires_at \"{text}\" is not a time with a zone");
        entry.fault("expires_at", message, "write it as 2027-01-31T00:00:00Z");
        return None;
    };
    // The store keeps microseconds; more would read as a change at every apply.
    Timestamp::from_microsecond(timestamp.as_microsecond()).ok()
}

fn limits(entry: &mut Entry<'_>) -> Limits {
    let Some(mut table) = entry.table("limits", "{ rpm = 600, concurrency = 50 }") else { return Limits::default() };
    let most = i64::MAX as u64;
    let limits = Limits {
        rpm: table.number("rpm", most),
        tpm: table.number("tpm", most),
        tpd: table.number("tpd", most),
        concurrency: table.number("concurrency", u64::from(u32::MAX)).map(|number| number as u32),
    };
    table.refuse_unknown();
    limits
}

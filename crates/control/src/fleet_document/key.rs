//! `[[key]]`.

use std::collections::HashMap;

use relay_domain::key::parse_ip_range;
use relay_domain::{
    ConsumerKey, GroupId, IpNet, KeyHash, KeyId, KeyOrigin, ModelPattern, Secret, SecretSource, Timestamp,
};

use super::entry::Entry;
use super::secrets::{self, Use, Written};
use super::{Declared, GeneratedKey, Reading, Wrong, limits};

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
        entry.fault("secret", Wrong::SharedSecret(other));
    }
    let groups = groups(&mut entry, declared);
    let enabled = entry.flag("enabled", true);
    let expires_at = expires_at(&mut entry);
    let subject_id = entry.text("subject_id").filter(|text| !text.is_empty()).map(str::to_owned);
    let subscription_user = entry.text("subscription_user").filter(|text| !text.is_empty()).map(str::to_owned);
    let expose_routing = entry.flag("expose_routing", false);
    let label = entry.text("label").filter(|text| !text.is_empty()).map(str::to_owned);
    let origins = [KeyOrigin::File, KeyOrigin::Api].map(|origin| (origin.as_str(), origin));
    let origin = entry.choice("origin", KeyOrigin::default(), &origins);
    let models = models(&mut entry);
    let allowed_ips = allowed_ips(&mut entry);
    let limits = limits::read(&mut entry);
    entry.refuse_unknown();
    let (hash, source, generated) = secret?;
    let id = id?;
    let generated = generated.map(|secret| GeneratedKey { key_id: id.as_str().to_owned(), secret });
    // A rotation overlaps while the file still means the secret that it made.
    let previous = current.filter(|key| key.hash == hash).and_then(|key| key.previous);
    let key = ConsumerKey {
        id,
        label,
        origin,
        hash,
        previous,
        source,
        enabled,
        expires_at,
        groups: groups?.into(),
        models,
        allowed_ips,
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
            entry.fault("secret", Wrong::NoKeptKey);
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
    let Some(value) = entry.value(FIELD) else {
        entry.fault(FIELD, Wrong::Missing("[\"…\"]"));
        return None;
    };
    let names = entry.texts(FIELD)?;
    if value.as_array().is_some_and(Vec::is_empty) {
        entry.fault(FIELD, Wrong::NoGroup);
    }
    let mut groups: Vec<GroupId> = Vec::with_capacity(names.len());
    for name in names {
        let Some(group) = declared.groups.get(name) else {
            let nearest = entry.nearest(name, declared.groups.sorted());
            entry.fault(FIELD, Wrong::NoSuch("group", name.to_owned(), nearest));
            continue;
        };
        if groups.iter().any(|group| group.as_str() == name) {
            entry.fault(FIELD, Wrong::Twice(name.to_owned()));
        } else {
            groups.extend(group.clone());
        }
    }
    Some(groups)
}

fn expires_at(entry: &mut Entry<'_>) -> Option<Timestamp> {
    let text = entry.text("expires_at")?;
    let Ok(timestamp) = text.parse::<Timestamp>() else {
        entry.fault("expires_at", Wrong::Time(text.to_owned()));
        return None;
    };
    // The store keeps microseconds; more would read as a change at every apply.
    Timestamp::from_microsecond(timestamp.as_microsecond()).ok()
}

fn models(entry: &mut Entry<'_>) -> Vec<ModelPattern> {
    let names = entry.texts("models").unwrap_or_default();
    let mut models = Vec::with_capacity(names.len());
    for name in names {
        match ModelPattern::parse(name) {
            Ok(pattern) => models.push(pattern),
            Err(error) => entry.fault("models", Wrong::Model(name.to_owned(), error)),
        }
    }
    models
}

fn allowed_ips(entry: &mut Entry<'_>) -> Vec<IpNet> {
    let texts = entry.texts("allowed_ips").unwrap_or_default();
    let mut ranges = Vec::with_capacity(texts.len());
    for text in texts {
        match parse_ip_range(text) {
            Ok(range) => ranges.push(range),
            Err(_) => entry.fault("allowed_ips", Wrong::Address(text.to_owned())),
        }
    }
    ranges
}

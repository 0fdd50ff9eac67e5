//! What holds of every fleet that is published: no id and no secret twice, and
//! no reference to what is not there. Documents come validated; this is the last
//! look, so that no caller's fault can put a fleet on record that cannot be served.

use std::collections::HashSet;

use super::FleetRecords;
use crate::PublishError;

/// # Errors
/// [`PublishError::Inconsistent`] with the first fault.
pub(super) fn check(records: &FleetRecords) -> Result<(), PublishError> {
    let FleetRecords { hosts, groups, routes, keys } = records;
    let hosts = unique("host", hosts.iter().map(|host| host.host_id.as_str()))?;
    let groups = unique("group", groups.iter().map(|group| group.logical_group_id.as_str()))?;
    unique("route", routes.iter().map(|route| &*route.route_id))?;
    unique("key", keys.iter().map(|key| key.key_id.as_str()))?;
    unique("hash of a key", keys.iter().map(|key| key.hash.as_str()))?;
    for route in routes {
        known("host", &hosts, &route.host_id, "route", &route.route_id)?;
        known("group", &groups, &route.logical_group_id, "route", &route.route_id)?;
    }
    for key in keys {
        unique("group of a key", key.groups.iter().map(String::as_str))?;
        for group in &key.groups {
            known("group", &groups, group, "key", &key.key_id)?;
        }
    }
    Ok(())
}

fn unique<'r>(what: &str, names: impl Iterator<Item = &'r str>) -> Result<HashSet<&'r str>, PublishError> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(PublishError::Inconsistent { reason: format!("{what} \"{name}\" twice") });
        }
    }
    Ok(seen)
}

fn known(what: &str, present: &HashSet<&str>, name: &str, noun: &str, id: &str) -> Result<(), PublishError> {
    if present.contains(name) {
        return Ok(());
    }
    Err(PublishError::Inconsistent {
        reason: format!("{noun} \"{id}\" refers to {what} \"{name}\", which is not there"),
    })
}

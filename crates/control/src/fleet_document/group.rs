//! `[[group]]`.

use relay_domain::{Failback, Group, GroupId, OnDisconnect, Scope, Sticky};

use super::entry::Entry;
use super::{Wrong, limits};

/// Reads one group; `None` when a fault was noted that leaves nothing to build.
pub(super) fn read(mut entry: Entry<'_>) -> Option<Group> {
    let id = super::id(&mut entry, "logical_group_id", GroupId::new);
    let enabled = entry.flag("enabled", true);
    let mut sticky = Sticky::default();
    if let Some(mut table) = entry.table("sticky", "{ scope = \"conversation\", ttl = \"1h\" }") {
        let scopes = [Scope::User, Scope::Conversation, Scope::None].map(|scope| (scope.as_str(), scope));
        sticky.scope = table.choice("scope", sticky.scope, &scopes);
        sticky.ttl = table.span("ttl", sticky.ttl);
        table.refuse_unknown();
    }
    let failbacks = [Failback::Never, Failback::Idle, Failback::Ttl].map(|failback| (failback.as_str(), failback));
    let failback = entry.choice("failback", Failback::default(), &failbacks);
    let retry_on_timeout = entry.flag("retry_on_timeout", RETRY_ON_TIMEOUT);
    let on_disconnect = on_disconnect(&mut entry);
    let limits = limits::read(&mut entry);
    let price_ratio = limits::decimal(&mut entry, "price_ratio").unwrap_or_default();
    entry.refuse_unknown();
    Some(Group { id: id?, enabled, sticky, failback, retry_on_timeout, on_disconnect, limits, price_ratio })
}

/// `drain_limit` says nothing without `drain`, and is refused then, unless it is null as it is shown.
fn on_disconnect(entry: &mut Entry<'_>) -> OnDisconnect {
    let drain = OnDisconnect::Drain(OnDisconnect::DRAIN_LIMIT);
    let choices = [OnDisconnect::Drop, drain].map(|choice| (choice.as_str(), choice));
    match entry.choice("on_disconnect", OnDisconnect::default(), &choices) {
        OnDisconnect::Drop => {
            if entry.value("drain_limit").is_some() {
                entry.fault("drain_limit", Wrong::LimitWithoutDrain);
            }
            OnDisconnect::Drop
        }
        OnDisconnect::Drain(limit) => OnDisconnect::Drain(entry.span("drain_limit", limit)),
    }
}

/// A request that timed out goes to another route once, unless the group
/// refuses that because the host may bill it (spec §5).
pub(super) const RETRY_ON_TIMEOUT: bool = true;

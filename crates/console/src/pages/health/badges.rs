//! How a host or a route is, in a badge. Of what no request and no probe has tried nobody can say that it is well.

use std::collections::HashSet;

use relay_control::fleet_health::{FleetHealthView, HostHealthView, RouteHealthView};

use super::HealthWords;
use crate::format::Format;
use crate::terms::{self, Badge, Tone};
use crate::words::Language;

/// What is said in place of "nothing is wrong" while there are routes that nothing has tried.
pub(crate) fn no_fault(language: Language, untried: usize) -> Option<String> {
    let number = Format(language).number(i64::try_from(untried).unwrap_or(i64::MAX));
    (untried > 0).then(|| HealthWords(language).no_fault(number))
}

/// How a host is; `was_tried`: over any of its routes.
pub(crate) fn host_badge(language: Language, host: &HostHealthView, was_tried: bool) -> Badge {
    match &host.address_banned {
        Some(cooling) => Badge::new(Tone::Bad, terms::cooling(language, cooling.reason)),
        None if host.breaker.state == "closed" && !was_tried => terms::untried_badge(language),
        None => terms::breaker_badge(language, host.breaker.state),
    }
}

/// How a route is.
pub(crate) fn route_badge(language: Language, route: &RouteHealthView) -> Badge {
    let cooling = route.credentials.iter().max_by_key(|cooling| cooling.expected_back);
    match (route.breaker.state, cooling, route.flags.first()) {
        ("closed", Some(cooling), _) => Badge::new(Tone::Warning, terms::cooling(language, cooling.reason)),
        ("closed", None, Some(flag)) => Badge::new(Tone::Warning, terms::flag(language, flag.flag)),
        ("closed", None, None) if !route.was_tried() => terms::untried_badge(language),
        (state, ..) => terms::breaker_badge(language, state),
    }
}

/// Hosts that a request or a probe has tried.
pub(crate) fn tried_hosts(fleet: &FleetHealthView) -> HashSet<&str> {
    fleet.routes.iter().filter(|route| route.was_tried()).map(|route| route.host_id.as_str()).collect()
}

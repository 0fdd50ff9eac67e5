//! Sticky bindings.

pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod purge;

use relay_control::binding_list::{BindingFilter, StickyKey};
use relay_domain::{GroupId, HostId, KeyId, RouteId};

use crate::error::ApiError;
use crate::query::Filters;

/// The filters of the list and of the purge.
const FILTERS: [&str; 6] = ["consumer", "logical_group_id", "public_model", "route_id", "host_id", "sticky_key"];

fn filter(filters: &mut Filters) -> BindingFilter {
    BindingFilter {
        consumer: filters.parsed("consumer", KeyId::new),
        group: filters.parsed("logical_group_id", GroupId::new),
        model: filters.text("public_model").map(Into::into),
        route_id: filters.parsed("route_id", RouteId::new),
        host_id: filters.parsed("host_id", HostId::new),
        sticky_key: filters.parsed("sticky_key", str::parse::<StickyKey>),
    }
}

/// The key in a path; what is no key names no binding.
fn sticky_key(id: &str) -> Result<StickyKey, ApiError> {
    id.parse().map_err(|_| ApiError::no_such("binding", id))
}

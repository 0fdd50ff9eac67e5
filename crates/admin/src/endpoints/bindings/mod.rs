//! Sticky bindings.

pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod purge;

use relay_control::binding_list::{BindingFilter, StickyKey};
use relay_domain::{GroupId, HostId, KeyId, RouteId};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::error::ApiError;
use crate::query::Query;

/// Which bindings are meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `filter` reads")]
struct BindingQuery {
    /// Of this consumer key.
    consumer: Option<String>,
    /// Of this group.
    logical_group_id: Option<String>,
    /// For this model.
    public_model: Option<String>,
    /// To this route.
    route_id: Option<String>,
    /// To this host.
    host_id: Option<String>,
    /// This one.
    sticky_key: Option<String>,
}

/// How many bindings were removed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Purged {
    /// So many.
    purged: u64,
}

fn filter(query: &mut Query) -> BindingFilter {
    BindingFilter {
        consumer: query.parsed("consumer", KeyId::new),
        group: query.parsed("logical_group_id", GroupId::new),
        model: query.text("public_model").map(Into::into),
        route_id: query.parsed("route_id", RouteId::new),
        host_id: query.parsed("host_id", HostId::new),
        sticky_key: query.parsed("sticky_key", str::parse::<StickyKey>),
    }
}

/// The key in a path; what is no key names no binding.
fn sticky_key(id: &str) -> Result<StickyKey, ApiError> {
    id.parse().map_err(|_| ApiError::no_such("binding", id))
}

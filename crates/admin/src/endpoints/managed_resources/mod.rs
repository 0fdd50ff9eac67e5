//! What is known of objects on hosts (spec §1).

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;

use utoipa::ToSchema;

/// What an object on a host is.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(crate) enum ManagedType {
    /// A group.
    Group,
    /// A user.
    User,
    /// A subscription.
    Subscription,
    /// A key.
    Key,
}

//! Admin tokens.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;

use utoipa::ToSchema;

/// What a token may do.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(crate) enum TokenRole {
    /// Everything.
    Admin,
    /// Act on traffic.
    Operator,
    /// Look.
    Viewer,
}

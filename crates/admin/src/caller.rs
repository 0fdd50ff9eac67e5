//! Who calls, and whether their role is enough (spec §10): viewers look,
//! operators act on traffic, admins change the fleet.

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use relay_control::access::{Access, Role};

use crate::error::ApiError;
use crate::middleware::RequestId;
use crate::state::AdminState;

/// Anyone with a token.
pub(crate) struct Viewer(pub(crate) Access);

/// At least an operator.
pub(crate) struct Operator(pub(crate) Access);

/// An admin.
pub(crate) struct Admin(pub(crate) Access);

/// The id of the HTTP request.
pub(crate) struct CallId(pub(crate) String);

/// The role check. The token itself was checked by the middleware.
fn access(parts: &Parts, needed: Role) -> Result<Access, ApiError> {
    let Some(access) = parts.extensions.get::<Access>() else {
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", "an admin token is required"));
    };
    if access.role.covers(needed) {
        return Ok(access.clone());
    }
    let message = format!("this needs the role {needed}, and the token has {}", access.role);
    Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", message))
}

impl FromRequestParts<AdminState> for Viewer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AdminState) -> Result<Self, ApiError> {
        access(parts, Role::Viewer).map(Self)
    }
}

impl FromRequestParts<AdminState> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AdminState) -> Result<Self, ApiError> {
        access(parts, Role::Operator).map(Self)
    }
}

impl FromRequestParts<AdminState> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AdminState) -> Result<Self, ApiError> {
        access(parts, Role::Admin).map(Self)
    }
}

impl FromRequestParts<AdminState> for CallId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AdminState) -> Result<Self, ApiError> {
        Ok(Self(parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()))
    }
}

//! `GET /api/v1/openapi.json`: the description for programs.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;

use crate::error::ApiResult;
use crate::input::Input;

/// Made once: it depends on nothing but the program.
static TEXT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(crate::routes::document().to_string()));

/// Describes this API in OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    operation_id = "getOpenApi",
    tag = "documentation",
    responses((status = 200, description = "This document", body = Value)),
    security(())
)]
pub(crate) async fn handle(input: Input) -> ApiResult<Response> {
    input.finish()?;
    Ok(([(CONTENT_TYPE, "application/json")], TEXT.clone()).into_response())
}

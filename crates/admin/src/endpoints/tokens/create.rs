//! `POST /api/v1/tokens`: `{label, role}`; answers the token, once.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use relay_control::tokens::{IssuedToken, Role};
use utoipa::ToSchema;

use crate::body::{Members, RawBody};
use crate::caller::Admin;
use crate::error::ApiResult;
use crate::openapi::responses::Conflict;
use crate::query::NoParams;
use crate::state::AdminState;

/// Whose token it is, and what it may do.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(crate) struct TokenBody {
    /// Whose it is: the audit trail tells people apart by it.
    #[schema(
        max_length = 128,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*\S[^\u0000-\u001f\u007f-\u009f]*$",
        example = "ann"
    )]
    label: String,
    /// What it may do.
    role: super::TokenRole,
}

/// Makes an admin token.
///
/// It is in this answer and nowhere else.
#[utoipa::path(
    post,
    path = "/tokens",
    operation_id = "createToken",
    tag = "tokens",
    request_body = TokenBody,
    responses((status = 201, description = "The token", body = IssuedToken), Conflict),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    _: NoParams,
    RawBody(body): RawBody,
) -> ApiResult<(StatusCode, Json<IssuedToken>)> {
    let mut members = Members::read(&body)?;
    let label = members.required_text("label");
    let role = members.required("role", str::parse::<Role>);
    let role = members.finish_with(role)?;
    let made = state.control.create_token(&label, role, &access.actor).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

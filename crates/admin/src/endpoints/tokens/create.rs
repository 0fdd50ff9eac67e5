//! `POST /api/v1/tokens`: `{label, role}`; answers the token, once.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use relay_control::tokens::{IssuedToken, Role, label_of};
use utoipa::ToSchema;

use crate::caller::Admin;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::responses::Conflict;
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
    WithBody(mut input): WithBody,
) -> ApiResult<(StatusCode, Json<IssuedToken>)> {
    let body = input.body();
    let label = body.required("label", |text| label_of(text).map(str::to_owned));
    let role = body.required("role", str::parse::<Role>);
    let (label, role) = input.finish_with(label.zip(role))?;
    let made = state.control.create_token(&label, role, &access.actor).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

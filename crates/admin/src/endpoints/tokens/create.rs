//! `POST /api/v1/tokens`: `{label, role}`; answers the token, once.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use relay_control::tokens::{IssuedToken, Role};

use crate::body::{Members, RawBody};
use crate::caller::Admin;
use crate::error::ApiResult;
use crate::query::NoParams;
use crate::state::AdminState;

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

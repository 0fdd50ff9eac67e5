//! `POST /api/v1/notifications/channels/{id}/test`: sends a message now and says
//! what the service made of it; 200 also when it refused

use axum::Json;
use axum::extract::State;
use relay_control::notifications::TestView;

use crate::caller::Operator;
use crate::error::{ApiError, ApiResult};
use crate::input::Input;
use crate::openapi::responses::NotFound;
use crate::state::AdminState;

/// Sends a test message now.
///
/// 200 also when the service refused it.
#[utoipa::path(
    post,
    path = "/notifications/channels/{channel_id}/test",
    operation_id = "testChannel",
    tag = "notifications",
    params(("channel_id" = String, Path, description = "The channel")),
    responses((status = 200, description = "What the service made of it", body = TestView), NotFound),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    input: Input,
) -> ApiResult<Json<TestView>> {
    let id = input.id();
    input.finish()?;
    let tested = state.control.test_notification_channel(&id, &access.actor).await?;
    tested.map(Json).ok_or_else(|| ApiError::no_such("notification channel", &id))
}

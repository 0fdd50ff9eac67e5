//! `POST /api/v1/groups`: one `[[group]]` of the fleet file as JSON; 409 when there is one of that id.

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;
use relay_control::fleet_document::schema::GroupEntry;
use relay_control::publication::Planned;
use relay_control::view::schema::Group;

use crate::caller::Admin;
use crate::endpoints::entries::create;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::responses::Conflict;
use crate::state::AdminState;

/// Makes a group.
///
/// The fields of a `[[group]]` of the fleet file. Published as a generation of its own.
#[utoipa::path(
    post,
    path = "/groups",
    operation_id = "createGroup",
    tag = "groups",
    params(("dry_run" = Option<bool>, Query, description = "Tell what would change, and change nothing")),
    request_body = GroupEntry,
    responses((status = 201, description = "The group", body = Group), (status = 200, description = "With `dry_run`: what would change", body = Planned), Conflict),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    WithBody(input): WithBody,
) -> ApiResult<Response> {
    create(&state, Noun::Group, &access, input).await
}

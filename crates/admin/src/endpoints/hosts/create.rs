//! `POST /api/v1/hosts`: one `[[host]]` of the fleet file as JSON; 409 when there is one of that id.

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;
use relay_control::fleet_document::schema::HostEntry;
use relay_control::publication::Planned;
use relay_control::view::schema::Host;

use crate::caller::Admin;
use crate::endpoints::entries::create;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::responses::Conflict;
use crate::state::AdminState;

/// Makes a host.
///
/// The fields of a `[[host]]` of the fleet file. Published as a generation of its own.
#[utoipa::path(
    post,
    path = "/hosts",
    operation_id = "createHost",
    tag = "hosts",
    params(("dry_run" = Option<bool>, Query, description = "Tell what would change, and change nothing")),
    request_body = HostEntry,
    responses((status = 201, description = "The host", body = Host), (status = 200, description = "With `dry_run`: what would change", body = Planned), Conflict),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    WithBody(input): WithBody,
) -> ApiResult<Response> {
    create(&state, Noun::Host, &access, input).await
}

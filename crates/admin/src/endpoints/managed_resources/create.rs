//! `POST /api/v1/managed-resources`: `{host_id, type, name, remote_id}`

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use relay_control::records::{ResourceKind, ResourceName, ResourceView};
use relay_domain::HostId;

use crate::body::{Members, RawBody};
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::query::NoParams;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    _: NoParams,
    RawBody(body): RawBody,
) -> ApiResult<(StatusCode, Json<ResourceView>)> {
    let mut members = Members::read(&body)?;
    let host = members.required("host_id", HostId::new);
    let kind = members.required("type", str::parse::<ResourceKind>);
    let (name, remote_id) = (members.required_text("name"), members.required_text("remote_id"));
    let (host, kind) = members.finish_with(host.zip(kind))?;
    let named = ResourceName { host, kind, name };
    let recorded = state.control.record_resource(named, &remote_id, &access.actor).await?;
    Ok((StatusCode::CREATED, Json(recorded)))
}

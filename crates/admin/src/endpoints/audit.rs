//! `GET /api/v1/audit`: who did what, newest first.

use axum::Json;
use axum::extract::State;
use relay_control::audit::{AuditFilter, AuditView};
use relay_control::page::Page;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<AuditView>>> {
    let mut filters = params.list(&["actor", "action", "subject", "from", "to"]);
    let page = filters.page();
    let filter = AuditFilter {
        actor: filters.text("actor"),
        action: filters.text("action"),
        subject: filters.text("subject"),
        from: filters.time("from"),
        to: filters.time("to"),
    };
    filters.finish()?;
    Ok(Json(state.control.audit_trail(&filter, &page).await?))
}

//! `GET /api/v1/audit`: who did what, newest first.

use axum::Json;
use axum::extract::State;
use relay_control::audit::{AuditFilter, AuditView};
use relay_control::page::Page;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
use crate::state::AdminState;

/// Lists who did what, newest first.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "listAudit",
    tag = "audit",
    params(PageQuery, ("actor" = Option<String>, Query, description = "By this one"), ("action" = Option<String>, Query, description = "Of this kind"), ("subject" = Option<String>, Query, description = "About this"), ("from" = Option<Timestamp>, Query, description = "From this time on"), ("to" = Option<Timestamp>, Query, description = "Before this time")),
    responses((status = 200, description = "Entries of the audit trail", body = Page<AuditView>)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    mut input: Input,
) -> ApiResult<Json<Page<AuditView>>> {
    let query = &mut input.query;
    let page = query.page();
    let filter = AuditFilter {
        actor: query.text("actor"),
        action: query.text("action"),
        subject: query.text("subject"),
        from: query.time("from"),
        to: query.time("to"),
    };
    input.finish()?;
    Ok(Json(state.control.audit_trail(&filter, &page).await?))
}

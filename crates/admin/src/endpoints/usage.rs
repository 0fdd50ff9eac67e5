//! `GET /api/v1/usage`: what was used and what it cost, added up by `by`, as JSON or CSV.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use relay_control::page::PageRequest;
use relay_control::usage::{Dimension, RollupFilter, UnknownDimension, UsageKey, UsageQuery, UsageReport, UsageSpan};
use relay_domain::Timestamp;
use utoipa::{IntoParams, ToSchema};

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::{NOT_OF_THIS_LIST, PageQuery, Query};
use crate::state::AdminState;

/// What is added up.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read by hand")]
struct UsageParams {
    /// What the lines differ in, separated by commas: `consumer`, `group`, `model`, `route`, `host`, `hour` or `day`.
    #[param(pattern = "^(consumer|group|model|route|host|hour|day)(,(consumer|group|model|route|host|hour|day))*$")]
    by: Option<String>,
    /// From this hour; the beginning of the month that the last hour is in when left out.
    from: Option<Timestamp>,
    /// To before this one; the present and later hours count if anything of them is before it. Now when left out.
    to: Option<Timestamp>,
    /// `json` or `csv`.
    #[param(inline)]
    format: Option<Format>,
    /// Of this consumer key.
    consumer: Option<String>,
    /// Of this group.
    logical_group_id: Option<String>,
    /// For this model.
    public_model: Option<String>,
    /// Over this route.
    route_id: Option<String>,
    /// To this host.
    host_id: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
enum Format {
    Json,
    Csv,
}

/// Adds up what was used and what it cost.
///
/// A CSV is the whole table: `limit` and `cursor` are for JSON.
#[utoipa::path(
    get,
    path = "/usage",
    operation_id = "getUsage",
    tag = "usage",
    params(PageQuery, UsageParams),
    responses(
        (status = 200, description = "The sums", content((UsageReport = "application/json"), (String = "text/csv"))),
    ),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, mut input: Input) -> ApiResult<Response> {
    let time = |text: &str| text.parse::<Timestamp>().map_err(|_| "must be a time such as 2026-10-01T12:00:00Z");
    let now = state.control.now();
    let query = &mut input.query;
    let (from, to) = (query.parsed("from", time), query.parsed("to", time));
    let span = UsageSpan::of(from, to, now).map_err(|fault| query.fault("from", fault.to_string()));
    let by = query.parsed("by", dimensions).unwrap_or_default();
    let format = query.parsed("format", |text| match text {
        "json" => Ok(Format::Json),
        "csv" => Ok(Format::Csv),
        _ => Err("must be json or csv"),
    });
    let is_csv = format == Some(Format::Csv);
    let page = if is_csv {
        for name in ["limit", "cursor"] {
            if query.text(name).is_some() {
                query.fault(name, "is for JSON; a CSV is the whole table");
            }
        }
        None
    } else {
        Some(page(query, &by))
    };
    let filter = RollupFilter {
        consumer: query.text("consumer"),
        logical_group_id: query.text("logical_group_id"),
        public_model: query.text("public_model"),
        route_id: query.text("route_id"),
        host_id: query.text("host_id"),
    };
    let span = input.finish_with(span.ok())?;
    let report = state.control.usage(UsageQuery { span, by: by.clone(), filter, page }).await?;
    if is_csv {
        return Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8")], report.to_csv(&by)).into_response());
    }
    Ok(Json(report).into_response())
}

/// A cursor has a value for each of the things that the lines differ in.
fn page(query: &mut Query, by: &[Dimension]) -> PageRequest<UsageKey> {
    let page: PageRequest<UsageKey> = query.page();
    let values = Dimension::ALL.iter().filter(|dimension| by.contains(dimension)).count();
    if page.cursor.as_ref().is_some_and(|cursor| cursor.0.len() != values) {
        query.fault("cursor", NOT_OF_THIS_LIST);
    }
    page
}

fn dimensions(text: &str) -> Result<Vec<Dimension>, UnknownDimension> {
    text.split(',').map(str::parse).collect()
}

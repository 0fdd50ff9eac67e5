//! `GET /docs/{file}`: the page's style and script, which are part of the program.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use crate::error::{ApiError, ApiResult};
use crate::input::Input;
use crate::openapi::responses::NotFound;

/// Gives the style or the script of the page.
#[utoipa::path(
    get,
    path = "/docs/{file}",
    operation_id = "getDocsFile",
    tag = "documentation",
    params(("file" = String, Path, description = "`docs.css` or `docs.js`")),
    responses(
        (status = 200, description = "The file", content((String = "text/css"), (String = "text/javascript"))),
        NotFound,
    ),
    security(())
)]
pub(crate) async fn handle(input: Input) -> ApiResult<Response> {
    let file = input.id();
    input.finish()?;
    let (content_type, text) = match file.as_str() {
        "docs.css" => ("text/css; charset=utf-8", include_str!("../../../assets/docs.css")),
        "docs.js" => ("text/javascript; charset=utf-8", include_str!("../../../assets/docs.js")),
        _ => return Err(ApiError::no_such("file", &file)),
    };
    Ok(([(CONTENT_TYPE, content_type)], text).into_response())
}

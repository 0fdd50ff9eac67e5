//! What the endpoints of hosts, groups, routes and keys have in common: an entry is shown with its
//! entity tag, and each change can be asked for as a plan (`?dry_run=true`).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use relay_control::Control;
use relay_control::access::Access;
use relay_control::edit::{Edit, Entry, Noun};

use crate::conditions::tagged;
use crate::error::{ApiError, ApiResult};
use crate::input::Input;
use crate::state::AdminState;

/// The generation that an answer's change came with.
const X_RELAY_GENERATION: HeaderName = HeaderName::from_static("x-relay-generation");

/// `GET /{nouns}/{id}`
pub(crate) fn show(state: &AdminState, noun: Noun, mut input: Input) -> ApiResult<Response> {
    let (id, known) = (input.id(), input.if_none_match());
    input.finish()?;
    let Entry { fields, version } =
        state.control.entry(noun, &id).ok_or_else(|| ApiError::no_such(noun.as_str(), &id))?;
    Ok(known.answer(&version, fields))
}

/// `POST /{nouns}`
pub(crate) async fn create(state: &AdminState, noun: Noun, by: &Access, mut input: Input) -> ApiResult<Response> {
    let edit = Edit::create(noun, input.body().rest());
    changed(&state.control, input, edit, StatusCode::CREATED, by).await
}

/// `PATCH /{nouns}/{id}`: a JSON merge patch (RFC 7396)
pub(crate) async fn update(state: &AdminState, noun: Noun, by: &Access, mut input: Input) -> ApiResult<Response> {
    let expected = input.if_match();
    let edit = Edit::update(noun, &input.id(), input.body().rest()).expecting(expected);
    changed(&state.control, input, edit, StatusCode::OK, by).await
}

async fn changed(control: &Control, input: Input, edit: Edit, status: StatusCode, by: &Access) -> ApiResult<Response> {
    let edits = [edit];
    if let Some(planned) = planned(control, input, &edits)? {
        return Ok(planned);
    }
    let (noun, id) = (edits[0].noun(), edits[0].id());
    let applied = control.edit(&edits, &by.actor).await?;
    let Entry { fields, version } = control.entry(noun, id).ok_or_else(|| ApiError::no_such(noun.as_str(), id))?;
    let generation = [(X_RELAY_GENERATION, HeaderValue::from(applied.generation))];
    Ok(tagged(&version, (status, generation, Json(fields))))
}

/// `DELETE /{nouns}/{id}`: tells all that went.
pub(crate) async fn delete(state: &AdminState, noun: Noun, by: &Access, mut input: Input) -> ApiResult<Response> {
    let expected = input.if_match();
    let cascade = input.query.flag("cascade").unwrap_or_default();
    let edits = [Edit::delete(noun, &input.id(), cascade).expecting(expected)];
    if let Some(planned) = planned(&state.control, input, &edits)? {
        return Ok(planned);
    }
    Ok(Json(state.control.edit(&edits, &by.actor).await?).into_response())
}

/// Reads the rest of the input. What the edits would do, when that is all that is asked for.
pub(crate) fn planned(control: &Control, mut input: Input, edits: &[Edit]) -> ApiResult<Option<Response>> {
    let dry_run = input.query.flag("dry_run").unwrap_or_default();
    input.finish_checking(|| control.plan_edit(edits))?;
    Ok(if dry_run { Some(Json(control.plan_edit(edits)?).into_response()) } else { None })
}

//! What the endpoints of hosts, groups, routes and keys have in common: an entry is shown with its
//! entity tag, and each change can be asked for as a plan (`?dry_run=true`).

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use relay_control::Control;
use relay_control::access::Access;
use relay_control::edit::{Edit, Entry, Noun};
use relay_control::view::Fields;

use crate::body::{Id, NoBody, ObjectBody};
use crate::caller::{Admin, Viewer};
use crate::conditions::{IfMatch, IfNoneMatch, tagged};
use crate::error::{ApiError, ApiResult};
use crate::query::Params;
use crate::state::AdminState;

/// The generation that an answer's change came with.
const X_RELAY_GENERATION: HeaderName = HeaderName::from_static("x-relay-generation");

/// Who asks for which entry, and what they have of it.
pub(crate) struct Show {
    id: String,
    known: IfNoneMatch,
}

impl FromRequestParts<AdminState> for Show {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut http::request::Parts, state: &AdminState) -> Result<Self, ApiError> {
        let _: Viewer = Viewer::from_request_parts(parts, state).await?;
        let Id(id) = Id::from_request_parts(parts, state).await?;
        Params::from_request_parts(parts, state).await?.none()?;
        Ok(Self { id, known: IfNoneMatch::from_request_parts(parts, state).await? })
    }
}

/// `GET /{nouns}/{id}`
pub(crate) fn show(state: &AdminState, noun: Noun, Show { id, known }: &Show) -> ApiResult<Response> {
    let Entry { fields, version } =
        state.control.entry(noun, id).ok_or_else(|| ApiError::no_such(noun.as_str(), id))?;
    Ok(known.answer(&version, fields))
}

/// An admin who makes an entry, and of what.
pub(crate) struct Create {
    pub(crate) access: Access,
    pub(crate) dry_run: bool,
    pub(crate) fields: Fields,
}

impl FromRequest<AdminState> for Create {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AdminState) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let Admin(access) = Admin::from_request_parts(&mut parts, state).await?;
        let mut params = Params::from_request_parts(&mut parts, state).await?.filters(&["dry_run"]);
        let dry_run = params.flag("dry_run").unwrap_or_default();
        params.finish()?;
        let ObjectBody(fields) = ObjectBody::from_request(Request::from_parts(parts, body), state).await?;
        Ok(Self { access, dry_run, fields })
    }
}

/// `POST /{nouns}`
pub(crate) async fn create(state: &AdminState, noun: Noun, asked: Create) -> ApiResult<Response> {
    let edit = Edit::create(noun, asked.fields);
    changed(&state.control, edit, StatusCode::CREATED, asked.dry_run, &asked.access).await
}

/// An admin who changes an entry, and how.
pub(crate) struct Update {
    access: Access,
    id: String,
    expected: IfMatch,
    dry_run: bool,
    patch: Fields,
}

impl FromRequest<AdminState> for Update {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AdminState) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let Admin(access) = Admin::from_request_parts(&mut parts, state).await?;
        let Id(id) = Id::from_request_parts(&mut parts, state).await?;
        let expected = IfMatch::from_request_parts(&mut parts, state).await?;
        let Create { dry_run, fields: patch, .. } =
            Create::from_request(Request::from_parts(parts, body), state).await?;
        Ok(Self { access, id, expected, dry_run, patch })
    }
}

/// `PATCH /{nouns}/{id}`: a JSON merge patch (RFC 7396)
pub(crate) async fn update(state: &AdminState, noun: Noun, asked: Update) -> ApiResult<Response> {
    let IfMatch(expected) = asked.expected;
    let edit = Edit::update(noun, &asked.id, asked.patch).expecting(expected);
    changed(&state.control, edit, StatusCode::OK, asked.dry_run, &asked.access).await
}

async fn changed(
    control: &Control,
    edit: Edit,
    status: StatusCode,
    dry_run: bool,
    access: &Access,
) -> ApiResult<Response> {
    if dry_run {
        return Ok(Json(control.plan_edit(&[edit])?).into_response());
    }
    let (noun, id) = (edit.noun(), edit.id().to_owned());
    let applied = control.edit(&[edit], &access.actor).await?;
    let Entry { fields, version } = control.entry(noun, &id).ok_or_else(|| ApiError::no_such(noun.as_str(), &id))?;
    let generation = [(X_RELAY_GENERATION, HeaderValue::from(applied.generation))];
    Ok(tagged(&version, (status, generation, Json(fields))))
}

/// An admin who removes an entry.
pub(crate) struct Delete {
    access: Access,
    id: String,
    expected: IfMatch,
    cascade: bool,
    dry_run: bool,
}

impl FromRequest<AdminState> for Delete {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AdminState) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let Admin(access) = Admin::from_request_parts(&mut parts, state).await?;
        let Id(id) = Id::from_request_parts(&mut parts, state).await?;
        let mut params = Params::from_request_parts(&mut parts, state).await?.filters(&["cascade", "dry_run"]);
        let (cascade, dry_run) = (params.flag("cascade"), params.flag("dry_run"));
        params.finish()?;
        let expected = IfMatch::from_request_parts(&mut parts, state).await?;
        NoBody::from_request(Request::from_parts(parts, body), state).await?;
        let (cascade, dry_run) = (cascade.unwrap_or_default(), dry_run.unwrap_or_default());
        Ok(Self { access, id, expected, cascade, dry_run })
    }
}

/// `DELETE /{nouns}/{id}`: tells all that went.
pub(crate) async fn delete(state: &AdminState, noun: Noun, asked: Delete) -> ApiResult<Response> {
    let IfMatch(expected) = asked.expected;
    let edit = Edit::delete(noun, &asked.id, asked.cascade).expecting(expected);
    if asked.dry_run {
        return Ok(Json(state.control.plan_edit(&[edit])?).into_response());
    }
    Ok(Json(state.control.edit(&[edit], &asked.access.actor).await?).into_response())
}

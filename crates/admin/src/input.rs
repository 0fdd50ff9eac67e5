//! What a caller gives with a request: path, query, headers and body. An endpoint takes from it what it knows;
//! what is wrong with that, and what nobody took, is told all at once.

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequest, FromRequestParts as _, RawPathParams, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};
use relay_control::fleet_document::{Faults, FleetDocument};

use crate::body::{self, Members};
use crate::error::{ApiError, ApiResult};
use crate::faults::FieldFaults;
use crate::json;
use crate::query::Query;
use crate::state::AdminState;

/// A request that is being read; a body is a fault. Whether anything in it is good is known by [`Input::finish`] and its kin.
pub(crate) struct Input {
    path: Vec<String>,
    /// The parameters of the query.
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    bytes: Bytes,
    /// The body once it is being read as a JSON object.
    members: Option<Members>,
    /// Of path and headers, and of a body where none is taken.
    faults: FieldFaults,
}

/// An [`Input`] of an endpoint that takes a body.
pub(crate) struct WithBody(pub(crate) Input);

impl FromRequest<AdminState> for Input {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AdminState) -> ApiResult<Self> {
        let (mut input, body) = Self::without_body(request, state).await;
        if body::is_something(body).await? {
            input.faults.push("body", "must be empty; this endpoint takes no body");
        }
        Ok(input)
    }
}

impl FromRequest<AdminState> for WithBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AdminState) -> ApiResult<Self> {
        let (mut input, body) = Input::without_body(request, state).await;
        input.bytes = body::whole(body).await?;
        Ok(Self(input))
    }
}

impl Input {
    async fn without_body(request: Request, state: &AdminState) -> (Self, Body) {
        let (mut parts, body) = request.into_parts();
        let mut faults = FieldFaults::default();
        let path = match RawPathParams::from_request_parts(&mut parts, state).await {
            Ok(segments) => segments.iter().map(|(_, segment)| segment.to_owned()).collect(),
            Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) => {
                faults.push("path", "is not UTF-8");
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        let query = Query::read(&parts.uri);
        (Self { path, query, headers: parts.headers, bytes: Bytes::new(), members: None, faults }, body)
    }

    /// The segment of the path that names a thing, percent-decoded.
    pub(crate) fn id(&self) -> String {
        let [id] = self.segments();
        id
    }

    /// The segments of the path that name something.
    pub(crate) fn segments<const N: usize>(&self) -> [String; N] {
        std::array::from_fn(|at| self.path.get(at).cloned().unwrap_or_default())
    }

    /// The members of the body, which is a JSON object or nothing.
    pub(crate) fn body(&mut self) -> &mut Members {
        self.members.get_or_insert_with(|| Members::read(&self.bytes))
    }

    /// The body as it came, for who finds its faults.
    pub(crate) fn raw_body(&mut self) -> Bytes {
        self.members = Some(Members::taken());
        std::mem::take(&mut self.bytes)
    }

    /// A header, read by `parse`; a fault when it cannot be.
    pub(crate) fn header<T>(
        &mut self,
        name: &HeaderName,
        parse: impl FnOnce(&HeaderMap) -> Result<T, &'static str>,
    ) -> Option<T> {
        parse(&self.headers).map_err(|message| self.faults.push(name.as_str(), message)).ok()
    }

    /// All faults.
    pub(crate) fn finish(mut self) -> ApiResult<()> {
        self.body();
        let Self { mut faults, query, members, .. } = self;
        faults.append(query.faults());
        faults.append(members.map(Members::faults).unwrap_or_default());
        if faults.len() == 0 { Ok(()) } else { Err(ApiError::invalid(faults.into_vec())) }
    }

    /// All faults, or what was read; it is there unless there is a fault.
    pub(crate) fn finish_with<T>(self, read: Option<T>) -> ApiResult<T> {
        self.finish()?;
        read.ok_or_else(|| ApiError::invalid_field("body", "lacks a required member"))
    }

    /// All faults, those included that whoever read the rest of the input found.
    pub(crate) fn finish_beside<T, E: Into<ApiError>>(self, read: Result<T, E>) -> ApiResult<T> {
        let read = read.map_err(Into::into);
        self.finish_checking(|| read.as_ref().map_err(Clone::clone))?;
        read
    }

    /// All faults. When there are some, also those that `check` finds of what else is checked where it is used.
    pub(crate) fn finish_checking<T, E: Into<ApiError>>(
        mut self,
        check: impl FnOnce() -> Result<T, E>,
    ) -> ApiResult<()> {
        let is_there = self.body().is_there;
        self.finish().map_err(|faults| {
            let more = if is_there { check().map_err(Into::into).err() } else { None };
            faults.beside(more)
        })
    }

    /// All faults, or the fleet document that the body is, as JSON or TOML; `check` finds its own.
    pub(crate) fn finish_document(
        mut self,
        check: impl FnOnce(&FleetDocument) -> Result<(), Faults>,
    ) -> ApiResult<FleetDocument> {
        match self.document() {
            Ok(document) => self.finish_checking(|| check(&document)).map(|()| document),
            unread => self.finish_beside(unread),
        }
    }

    fn document(&mut self) -> ApiResult<FleetDocument> {
        let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
        let body = self.raw_body();
        if body.trim_ascii().is_empty() {
            // As a document it would remove the whole fleet, and is rather a body that was forgotten.
            return Err(ApiError::invalid_field("body", "is empty; send {} where an empty fleet is meant"));
        }
        let looks_like_json = body.trim_ascii_start().starts_with(b"{");
        let is_toml = content_type.contains("toml") || (!content_type.contains("json") && !looks_like_json);
        if is_toml {
            let text = std::str::from_utf8(&body).map_err(|_| ApiError::invalid_field("body", "is not UTF-8"))?;
            return Ok(FleetDocument::from_toml(text)?);
        }
        let (value, twice) =
            json::read(&body).map_err(|error| ApiError::invalid_field("body", format!("is not JSON ({error})")))?;
        self.body().refuse_repeated(&twice);
        Ok(FleetDocument::from_json(value)?)
    }
}

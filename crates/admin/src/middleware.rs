//! What happens to every request: it gets an id, its token is checked, and its
//! errors get their body.

use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use relay_control::access::Access;
use relay_domain::Secret;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::error::ApiError;
use crate::state::AdminState;

/// In both directions.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id taken from a client (spec §6).
const MAX_REQUEST_ID_BYTES: usize = 64;

/// Id of the HTTP request, in its extensions.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    fn of(headers: &HeaderMap) -> Self {
        let is_safe = |id: &&str| {
            (1..=MAX_REQUEST_ID_BYTES).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':'))
        };
        let given = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok()).filter(is_safe);
        Self(given.map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned))
    }
}

/// Outermost: the request's id, the bodies of errors, and headers that every answer carries.
pub(crate) async fn envelope(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let span = tracing::info_span!("admin", request_id = id.0, method = %request.method(), path = request.uri().path());
    let mut response = next.run(request).instrument(span).await;
    let mut answered_id = id.0.clone();
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        if let Some(own) = error.request_id() {
            own.clone_into(&mut answered_id);
        }
        let body = (response.status(), Json(error.body(&id.0))).into_response();
        let (parts, _) = response.into_parts();
        response = body;
        response.headers_mut().extend(parts.headers);
    }
    let headers = response.headers_mut();
    if !headers.contains_key(X_REQUEST_ID)
        && let Ok(value) = HeaderValue::try_from(answered_id)
    {
        headers.insert(X_REQUEST_ID, value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Answers may hold a key that is shown once.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Below `/api/v1`: a token that somebody has, or 401. Whoever stands before the API in this process may
/// have found out who it is, as the console does by its session: then there is [`Access`] already.
pub(crate) async fn authenticate(State(state): State<AdminState>, mut request: Request, next: Next) -> Response {
    if request.extensions().get::<Access>().is_some() {
        return next.run(request).await;
    }
    let Some(token) = bearer(request.headers()) else {
        return unauthorized("an admin token is required: Authorization: Bearer <token>").into_response();
    };
    match state.control.authenticate(&token).await {
        Ok(Some(access)) => {
            request.extensions_mut().insert(access);
            next.run(request).await
        }
        Ok(None) => unauthorized("the admin token is not known").into_response(),
        Err(error) => ApiError::from(error).into_response(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(token))
}

fn unauthorized(message: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(given: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(given.as_bytes()).unwrap());
        RequestId::of(&headers).0
    }

    #[test]
    fn a_clients_id_is_kept_only_when_it_is_safe() {
        assert_eq!(id_for("abc-1.2_3:4"), "abc-1.2_3:4");
        for unsafe_id in ["a b", "", "<x>", &"x".repeat(65)] {
            assert_eq!(id_for(unsafe_id).len(), 32, "{unsafe_id}");
        }
    }

    #[test]
    fn a_token_comes_as_bearer_in_any_case() {
        let token = |value: &str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())]);
            bearer(&headers).map(|token| token.expose().to_owned())
        };
        assert_eq!(token("bearer  rma-1 "), Some("rma-1".into()));
        assert_eq!(token("Basic rma-1"), None);
        assert_eq!(token("rma-1"), None);
    }
}

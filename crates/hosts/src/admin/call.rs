//! One call as data: where to, as whom, with what, and which secrets are in it.

use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request};
use relay_domain::Secret;
use serde::Serialize;

use super::auth::Login;
use super::error::AdminError;
use super::pace::Lane;
use crate::{Endpoint, RequestBody, endpoint};

/// Always the same, because hosts can bind a session to it (sub2api-host-api.md §1.2).
const AGENT: &str = "relay-manager";

/// A name for one write, so that its repetition is the same write. To be had
/// from [`Capabilities::idempotency_key`](super::Capabilities::idempotency_key) alone, so that nobody
/// relies on it where a host ignores it.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(pub(super) HeaderValue);

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(…)")
    }
}

/// As whom a call is made.
#[derive(Clone, Copy)]
pub(super) enum Identity<'a> {
    /// Without a credential.
    Nobody,
    /// By the host's admin access.
    Admin,
    /// As a user of the host.
    User(&'a Login),
    /// By a gateway key; never below `/api/`, where `x-api-key` means the admin key.
    Key(&'a Secret),
}

/// One call.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    path: String,
    pub(super) identity: Identity<'a>,
    pub(super) lane: Lane,
    body: Option<Bytes>,
    idempotency: Option<&'a IdempotencyKey>,
    pub(super) sent: Vec<&'a Secret>,
}

impl<'a> Call<'a> {
    pub(super) fn new(identity: Identity<'a>, method: Method, path: impl Into<String>) -> Self {
        let lane = if matches!(identity, Identity::Key(_)) { Lane::Free } else { Lane::Panel };
        Self { method, path: path.into(), identity, lane, body: None, idempotency: None, sent: Vec::new() }
    }

    pub(super) fn get(identity: Identity<'a>, path: impl Into<String>) -> Self {
        Self::new(identity, Method::GET, path)
    }

    pub(super) fn post(identity: Identity<'a>, path: impl Into<String>, body: &impl Serialize) -> Self {
        Self::new(identity, Method::POST, path).with(body)
    }

    pub(super) fn put(identity: Identity<'a>, path: impl Into<String>, body: &impl Serialize) -> Self {
        Self::new(identity, Method::PUT, path).with(body)
    }

    pub(super) fn delete(identity: Identity<'a>, path: impl Into<String>) -> Self {
        Self::new(identity, Method::DELETE, path)
    }

    /// Adds one parameter to the query, unless it has no value.
    pub(super) fn query(mut self, name: &str, value: Option<impl fmt::Display>) -> Self {
        let Some(value) = value else { return self };
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        let value = value.to_string();
        self.path.push_str(&url::form_urlencoded::Serializer::new(String::new()).append_pair(name, &value).finish());
        self
    }

    pub(super) fn lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    pub(super) fn once(mut self, key: Option<&'a IdempotencyKey>) -> Self {
        self.idempotency = key;
        self
    }

    /// A secret that the body holds, and that no message may bring back.
    pub(super) fn hides(mut self, secret: &'a Secret) -> Self {
        self.sent.push(secret);
        self
    }

    pub(super) fn with(mut self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("strings, numbers and lists of them can be written");
        self.body = Some(body.into());
        self
    }

    /// Method and path, without the query.
    pub(super) fn name(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        format!("{} {path}", self.method)
    }

    pub(super) fn request(
        &self,
        endpoint: &Endpoint,
        credential: Option<Credential>,
    ) -> Result<Request<RequestBody>, AdminError> {
        let path = PathAndQuery::try_from(self.path.as_str()).map_err(http::Error::from)?;
        let body = self.body.clone().map_or_else(RequestBody::default, RequestBody::from);
        let mut request = Request::builder().method(&self.method).uri(endpoint.uri(&path)?).body(body)?;
        let headers = request.headers_mut();
        // For `Host`: the endpoint of an admin client has no key of its own.
        endpoint.authorize(headers, None);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if self.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(key) = self.idempotency {
            headers.insert("idempotency-key", key.0.clone());
        }
        match credential {
            Some(Credential::AdminKey(value)) => headers.insert("x-api-key", value),
            Some(Credential::Bearer(value)) => headers.insert(AUTHORIZATION, value),
            None => None,
        };
        Ok(request)
    }
}

/// What goes out to show who calls.
#[derive(Clone)]
pub(super) enum Credential {
    AdminKey(HeaderValue),
    Bearer(HeaderValue),
}

impl Credential {
    pub(super) fn admin_key(key: &Secret) -> Result<Self, AdminError> {
        let mut value = HeaderValue::try_from(key.expose())
            .map_err(|_| AdminError::Unsendable("the admin key holds a character that cannot be sent in a header"))?;
        value.set_sensitive(true);
        Ok(Self::AdminKey(value))
    }

    pub(super) fn gateway_key(key: &Secret) -> Result<Self, AdminError> {
        let unsendable = "the gateway key holds a character that cannot be sent in a header";
        endpoint::bearer(key).map(Self::Bearer).map_err(|_| AdminError::Unsendable(unsendable))
    }
}

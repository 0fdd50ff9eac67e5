//! The admin API of a sub2api host, as far as it is asked so far: groups by name.
//!
//! Owns the host's wire shapes (sub2api-host-api.md §1.2, §1.4, §2.1). Every call is a
//! `GET`, bounded in time and size, and follows no redirect.

use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Limited};
use relay_domain::{Host, Secret};
use serde::Deserialize;
use serde_json::Value;

use crate::{Endpoint, HostClient, RequestBody, SendError};

/// Largest answer read, in bytes.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Both versions take a page of this size; above its cap a host falls back to 20 (§1.4).
const PAGE_SIZE: usize = 100;

/// Pages read at most: 10,000 groups are no fleet's.
const MAX_PAGES: usize = 100;

/// Longest part of a host's own words that is shown.
const MAX_MESSAGE_CHARS: usize = 200;

/// Why the admin API gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The admin key cannot be put into a header.
    #[error("the admin key holds a character that cannot be sent in a header")]
    UnsendableKey,
    /// The base URL takes no path.
    #[error("its base_url cannot be joined with a path")]
    Url(#[from] http::Error),
    /// No answer came.
    #[error(transparent)]
    Send(#[from] SendError),
    /// It took too long.
    #[error("it did not answer in time")]
    Timeout,
    /// The answer broke off, or is larger than we read.
    #[error("its answer could not be read")]
    Body,
    /// It refused, with a code of its own (§1.2, §1.4).
    #[error("it answered {status} {code}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// `code` of the middleware, or `reason` of the handler; may be empty.
        code: String,
        /// The host's words, shortened.
        message: String,
    },
    /// What came is not the admin API's shape.
    #[error("it answered {status} with something that is not its admin API's shape")]
    Shape {
        /// HTTP status.
        status: u16,
    },
}

/// A caller of one host's admin API.
#[derive(Debug)]
pub struct AdminClient<'a> {
    client: &'a HostClient,
    endpoint: Endpoint,
    key: &'a Secret,
    time_limit: Duration,
}

/// Both envelopes: `code` is a string in the middleware's, a number in the handlers'.
#[derive(Deserialize)]
struct Envelope {
    code: Value,
    #[serde(default)]
    message: String,
    #[serde(default)]
    reason: String,
    data: Option<Value>,
}

#[derive(Deserialize)]
struct Group {
    id: i64,
    name: String,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Group>,
    total: usize,
}

impl<'a> AdminClient<'a> {
    /// A caller that waits at most `time_limit` for each answer.
    pub fn new(client: &'a HostClient, host: &Host, key: &'a Secret, time_limit: Duration) -> Self {
        let endpoint = Endpoint::at(host.base_url.clone(), host.allow_private, None);
        Self { client, endpoint, key, time_limit }
    }

    /// The ids of all groups with exactly this name: of the active ones, or,
    /// when there is none among them, of all. Names are not unique on every
    /// version, so there may be several.
    ///
    /// # Errors
    /// See [`AdminError`]. Dropping the future abandons the call; nothing is changed on the host.
    pub async fn find_groups_by_name(&self, name: &str) -> Result<Vec<i64>, AdminError> {
        let ids = |groups: Vec<Group>| -> Vec<i64> {
            groups.into_iter().filter(|group| group.name == name).map(|group| group.id).collect()
        };
        let active = ids(self.get("/api/v1/admin/groups/all").await?);
        if !active.is_empty() {
            return Ok(active);
        }
        let mut found = Vec::new();
        let mut seen = 0;
        for number in 1..=MAX_PAGES {
            let path = format!("/api/v1/admin/groups?page={number}&page_size={PAGE_SIZE}");
            let page: Page = self.get(&path).await?;
            seen += page.items.len();
            let is_last = page.items.is_empty() || seen >= page.total;
            found.extend(ids(page.items));
            if is_last {
                break;
            }
        }
        // Two pages may show one group when the list moved in between.
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, AdminError> {
        let (status, body) =
            tokio::time::timeout(self.time_limit, self.fetch(path)).await.map_err(|_| AdminError::Timeout)??;
        let envelope: Envelope = serde_json::from_slice(&body).map_err(|_| AdminError::Shape { status })?;
        if status != 200 || envelope.code != 0 {
            let code = envelope.code.as_str().map_or(envelope.reason, str::to_owned);
            let message = envelope.message.chars().take(MAX_MESSAGE_CHARS).collect();
            return Err(AdminError::Refused { status, code, message });
        }
        serde_json::from_value(envelope.data.unwrap_or_default()).map_err(|_| AdminError::Shape { status })
    }

    async fn fetch(&self, path: &str) -> Result<(u16, Bytes), AdminError> {
        let path = PathAndQuery::try_from(path).map_err(http::Error::from)?;
        let mut request = Request::get(self.endpoint.uri(&path)?).body(RequestBody::default())?;
        self.endpoint.authorize(request.headers_mut(), None);
        let mut key = HeaderValue::try_from(self.key.expose()).map_err(|_| AdminError::UnsendableKey)?;
        key.set_sensitive(true);
        request.headers_mut().insert("x-api-key", key);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let response = self.client.send(self.endpoint.allow_private(), request).await?;
        let status = response.status().as_u16();
        let body =
            Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await.map_err(|_| AdminError::Body)?;
        Ok((status, body.to_bytes()))
    }
}

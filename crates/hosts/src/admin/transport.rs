//! The one place where a call leaves for a host: send, bounded in time and
//! size, and take the whole answer. It follows no redirect and judges nothing.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Limited};

use super::error::AdminError;
use crate::{HostClient, RequestBody};

/// Largest answer read, in bytes: a page of 1,000 groups with all their fields is 2 MiB.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// A header's value, when it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Sends and reads the answer to its end, within `limit` in all.
pub(super) async fn send(
    client: &HostClient,
    allow_private: bool,
    request: Request<RequestBody>,
    limit: Duration,
) -> Result<Answer, AdminError> {
    let exchange = async {
        let (head, body) = client.send(allow_private, request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|_| AdminError::Body)?;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() })
    };
    tokio::time::timeout(limit, exchange).await.unwrap_or(Err(AdminError::Timeout))
}

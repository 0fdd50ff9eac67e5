//! Bodies: reading a client's within its limits, and the one type that every
//! answer of the gateway has.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::error::GatewayError;
use crate::stream::StreamBody;

/// An answer's body: ready, or a stream that is still being relayed.
pub(crate) enum RelayBody {
    /// All of it.
    Full(Option<Bytes>),
    /// Produced while the host answers.
    Stream(Pin<Box<StreamBody>>),
}

impl RelayBody {
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self::Full((!bytes.is_empty()).then_some(bytes))
    }

    pub(crate) fn stream(stream: StreamBody) -> Self {
        Self::Stream(Box::pin(stream))
    }
}

/// An answer that has to be broken off, so that the client can see the cut.
#[derive(Debug, thiserror::Error)]
#[error("the host's answer broke off")]
pub(crate) struct BrokenOff;

impl Body for RelayBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match &mut *self {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(stream) => stream.as_mut().poll_next(cx).map(|next| next.map(|part| part.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// Reads a client's whole body.
///
/// # Errors
/// 413 beyond `limit`, 408 when nothing arrives for `stall`, 415 when it is
/// encoded, 400 when it breaks off. Each of them closes the connection, since
/// the rest of the body is not read.
pub(crate) async fn read_request(
    headers: &HeaderMap,
    mut body: Incoming,
    limit: u64,
    stall: Duration,
) -> Result<Bytes, GatewayError> {
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let message = "The request body is compressed; send it without Content-Encoding.";
        return Err(GatewayError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", message).closing());
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    loop {
        let frame = tokio::time::timeout(stall, body.frame()).await.map_err(|_| stalled(stall))?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| broken())?.into_data() else { continue };
        let length = first.as_ref().map_or(0, Bytes::len) + rest.len() + data.len();
        if length as u64 > limit {
            return Err(too_large(limit));
        }
        match &first {
            // A body that came in one piece is not copied.
            None => first = Some(data),
            Some(head) => {
                if rest.is_empty() {
                    let expected = announced.map_or(2 * length, |announced| announced as usize);
                    rest.reserve(expected.max(length));
                    rest.extend_from_slice(head);
                    first = Some(Bytes::new());
                }
                rest.extend_from_slice(&data);
            }
        }
    }
    Ok(if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() })
}

fn too_large(limit: u64) -> GatewayError {
    let message = format!("The request body is larger than the limit of {limit} bytes.");
    GatewayError::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message).closing()
}

fn stalled(stall: Duration) -> GatewayError {
    let message = format!("Nothing of the request body arrived for {} s.", stall.as_secs());
    GatewayError::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", message).closing()
}

fn broken() -> GatewayError {
    GatewayError::bad_request("The request body broke off.", None).closing()
}

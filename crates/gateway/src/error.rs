//! Every error that is ours, in the shape the surface's clients parse
//! (spec §6). The outside message is written here and never quotes a host.

use bytes::Bytes;
use http::StatusCode;
use relay_domain::Timestamp;

use crate::client::Gone;
use crate::reply::Reply;
use crate::request_id::RequestId;
use crate::surface::{ErrorShape, Told};

/// An error answer of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GatewayError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) param: Option<&'static str>,
    pub(crate) retry_after_seconds: Option<u64>,
    /// The request cannot be followed by another on this connection.
    pub(crate) close: bool,
    /// The methods that the path takes.
    pub(crate) allow: Option<&'static str>,
    /// In which the client parses it.
    pub(crate) shape: ErrorShape,
    /// More fields of the answer.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// The refusal is a decision, which has been settled.
    pub(crate) is_decision: bool,
}

impl GatewayError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            param: None,
            retry_after_seconds: None,
            close: false,
            allow: None,
            shape: ErrorShape::default(),
            fields: Vec::new(),
            is_decision: false,
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self { param, ..Self::new(StatusCode::BAD_REQUEST, "invalid_request", message) }
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    pub(crate) fn closing(self) -> Self {
        Self { close: true, ..self }
    }

    /// The same for a client that parses errors in this shape.
    pub(crate) fn in_shape(self, shape: ErrorShape) -> Self {
        Self { shape, ..self }
    }

    /// The body.
    pub(crate) fn body(&self) -> Bytes {
        let (code, message, param) = (self.code, &*self.message, self.param);
        self.shape.body(Told { status: self.status.as_u16(), code, message, param })
    }

    /// The error as an answer.
    pub(crate) fn reply(&self, id: &RequestId, now: Timestamp) -> Reply {
        let mut reply = Reply::json(self.status, id, now, self.body());
        if self.status == StatusCode::UNAUTHORIZED {
            reply.head.field("www-authenticate", "Bearer");
        }
        if let Some(seconds) = self.retry_after_seconds {
            reply.head.number("retry-after", seconds);
        }
        if let Some(methods) = self.allow {
            reply.head.field("allow", methods);
        }
        for (name, value) in &self.fields {
            reply.head.field(name, value.as_bytes());
        }
        reply.closes = self.close;
        reply
    }
}

/// Why a request is not worked on any further.
#[derive(Debug)]
pub(crate) enum Interrupted {
    /// The client is told.
    Refused(GatewayError),
    /// There is nobody to tell.
    Gone,
}

impl Interrupted {
    /// The same for a client that parses errors in this shape.
    pub(crate) fn in_shape(self, shape: ErrorShape) -> Self {
        match self {
            Self::Refused(error) => Self::Refused(error.in_shape(shape)),
            Self::Gone => Self::Gone,
        }
    }
}

impl From<GatewayError> for Interrupted {
    fn from(error: GatewayError) -> Self {
        Self::Refused(error)
    }
}

impl From<Gone> for Interrupted {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

/// What a request is told that a shutdown found without an answer.
pub(crate) fn shutting_down() -> GatewayError {
    let message = "The relay is shutting down; try again.";
    GatewayError::new(StatusCode::SERVICE_UNAVAILABLE, "server_shutdown", message).retry_after(1).closing()
}

/// What a request is told that met a fault of ours.
pub(crate) fn broken() -> GatewayError {
    let message = "The relay has a fault and could not serve the request.";
    GatewayError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message).closing()
}

/// Bodies in flight take all the memory that they may (spec §10).
pub(crate) fn overloaded() -> GatewayError {
    let message = "The server has no room for another request now; try again.";
    GatewayError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message).retry_after(1)
}

/// The log cannot take the decision, so nothing is done (spec §7).
pub(crate) fn log_stalled() -> GatewayError {
    let message = "The decision log cannot be written; try again.";
    GatewayError::new(StatusCode::SERVICE_UNAVAILABLE, "log_unavailable", message).retry_after(1)
}

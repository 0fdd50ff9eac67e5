//! A request that goes to a host, as far as its head tells.

use std::ops::Range;

use bytes::Bytes;

use super::{DIALECTS, Dialect, Envelope, EnvelopeError, Form, multipart};

/// How an answer comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    /// In one piece.
    #[default]
    Whole,
    /// As server-sent events.
    Events,
}

/// The first line of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLine<'r> {
    pub(crate) method: &'r str,
    pub(crate) path: &'r str,
    pub(crate) query: Option<&'r str>,
}

impl RequestLine<'_> {
    /// Whether the query says this, name and value, in plain letters.
    pub(super) fn asks(&self, pair: &str) -> bool {
        self.query.is_some_and(|query| query.split('&').any(|part| part == pair))
    }
}

/// A path is of a surface, and the method is not; the methods that are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongMethod(pub(crate) &'static str);

/// What method and path say of a request to a host.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) dialect: &'static Dialect,
    pub(crate) method: &'static str,
    /// The path, where hosts know it by another than the client.
    pub(crate) path_at_host: Option<String>,
    /// The model, where the path names it and not the body.
    pub(crate) model: Option<PathModel>,
    /// How the answer is to come, where the path says so and not the body.
    pub(crate) framing: Option<Framing>,
    /// The stored response that the path is about. Only the host and user that made it have it.
    pub(crate) response_id: Option<String>,
    /// It asks how many tokens something would take, and takes none.
    pub(crate) only_counts: bool,
}

/// A model named in a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathModel {
    /// Where it stands in the path that hosts know.
    pub(crate) place: Range<usize>,
}

impl Call {
    /// The call that a request is, if its path is one of a surface.
    pub(crate) fn recognize(line: RequestLine<'_>) -> Option<Result<Self, WrongMethod>> {
        DIALECTS.iter().find_map(|dialect| (dialect.recognize)(line))
    }

    /// The form that the body will be, by its `Content-Type`; `None` when it is to be JSON.
    pub(crate) fn form(&self, content_type: &str) -> Option<Result<Form, EnvelopeError>> {
        (self.dialect.takes_forms && multipart::is_form(content_type)).then(|| Form::new(content_type))
    }

    /// A call of which its path says nothing more.
    pub(crate) fn plain(dialect: &'static Dialect) -> Self {
        Self {
            dialect,
            method: "POST",
            path_at_host: None,
            model: None,
            framing: None,
            response_id: None,
            only_counts: false,
        }
    }

    /// The same, where only `POST` is taken.
    pub(super) fn post(dialect: &'static Dialect, line: RequestLine<'_>) -> Result<Self, WrongMethod> {
        if line.method == "POST" { Ok(Self::plain(dialect)) } else { Err(WrongMethod("POST")) }
    }

    /// The same, of a path that asks for a count of tokens.
    pub(super) fn counting(self) -> Self {
        Self { only_counts: true, ..self }
    }
}

/// A call with its body, which is JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'r> {
    pub(crate) call: &'r Call,
    /// The path as the client sent it.
    pub(crate) path: &'r str,
    pub(crate) body: &'r Bytes,
}

impl<'r> Request<'r> {
    /// The model that the path names, as it is written there.
    pub(super) fn model_in_path(self) -> Option<&'r str> {
        let path = self.call.path_at_host.as_deref().unwrap_or(self.path);
        path.get(self.call.model.as_ref()?.place.clone())
    }

    /// Reads the request's facts out of its body.
    ///
    /// # Errors
    /// It cannot be routed.
    pub(crate) fn read(self) -> Result<Envelope, EnvelopeError> {
        (self.call.dialect.read_request)(self)?.checked()
    }
}

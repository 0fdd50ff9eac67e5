//! Every error of the admin API in one shape:
//! `{"error":{"code","message","details"?,"request_id"}}` (spec §8).
//!
//! A handler gives an [`ApiError`]; [`crate::middleware`] writes the body, since
//! it alone knows the request's id.

use axum::response::{IntoResponse, Response};
use http::header::{ETAG, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use relay_control::actions::{ActionError, FieldFault, InvalidRequest};
use relay_control::binding_list::BindingError;
use relay_control::blast_radius::SimulateError;
use relay_control::edit::EditError;
use relay_control::expected::Outdated;
use relay_control::explain::{ExplainError, HypotheticalError};
use relay_control::fleet_document::{Fault, Faults};
use relay_control::generations::GenerationError;
use relay_control::hosts::HostError;
use relay_control::managed::{AccessError, EnsureError};
use relay_control::notifications::ChannelError;
use relay_control::page::QueryError;
use relay_control::publication::{ApplyError, PlanError, PublishError};
use relay_control::records::{RecordError, StoreError};
use relay_control::tokens::TokenError;
use relay_domain::Timestamp;
use serde_json::{Value, json};

use crate::conditions::entity_tag;
use crate::faults::{self, MAX_FAULTS};

/// An error on its way out; boxed, since most handlers have none.
#[derive(Clone, Debug)]
pub(crate) struct ApiError(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Of the input. They stand before message and details.
    faults: Vec<FieldFault>,
    /// Whether there are more faults than are told.
    has_more: bool,
    details: Option<Value>,
    request_id: Option<String>,
    retry_after: Option<u64>,
    /// The version that a change was not made to.
    current: Option<String>,
}

/// Outcome of a handler.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        let (faults, has_more) = (Vec::new(), false);
        let (details, request_id, retry_after, current) = (None, None, None, None);
        Self(Box::new(Parts { status, code, message, faults, has_more, details, request_id, retry_after, current }))
    }

    /// 400 with all faults.
    pub(crate) fn invalid(faults: Vec<FieldFault>) -> Self {
        InvalidRequest(faults).into()
    }

    /// 400 with one fault.
    pub(crate) fn invalid_field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldFault { field: field.to_owned(), message: message.into() }])
    }

    /// 404 of a thing that has a name.
    pub(crate) fn no_such(noun: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {noun} \"{id}\""))
    }

    /// 412 with the version that the thing has now.
    pub(crate) fn outdated(message: impl Into<String>, current: String) -> Self {
        let mut error = Self::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", message)
            .with_details(Some(json!({ "etag": entity_tag(&current) })));
        error.0.current = Some(current);
        error
    }

    /// 500: what should not happen.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "the answer could not be written")
    }

    /// The faults of one input that two readers found; what else the second one met can wait.
    pub(crate) fn beside(mut self, other: Option<Self>) -> Self {
        let has_faults = |other: &Self| !other.0.faults.is_empty() || matches!(other.0.details, Some(Value::Array(_)));
        if let Some(Self(other)) = other.filter(|other| other.0.code == self.0.code && has_faults(other)) {
            self.0.faults.extend(other.faults);
            self.0.has_more |= other.has_more;
            (self.0.message, self.0.details) = (other.message, other.details);
        }
        self.with_no_more_than_are_told()
    }

    fn with_no_more_than_are_told(mut self) -> Self {
        let Parts { faults, has_more, details, .. } = &mut *self.0;
        let room = MAX_FAULTS.saturating_sub(faults.len());
        *has_more |= faults.len() > MAX_FAULTS;
        faults.truncate(MAX_FAULTS);
        if let Some(Value::Array(entries)) = details {
            *has_more |= entries.len() > room;
            entries.truncate(room);
        }
        self
    }

    /// 400 with the faults of a document.
    fn of_document(faults: &Faults, message: &str) -> Self {
        let told: Vec<Value> = faults.kept().iter().take(MAX_FAULTS).map(document_fault).collect();
        let mut error = Self::new(StatusCode::BAD_REQUEST, "invalid_request", faults::text(message));
        error.0.has_more = faults.count() > told.len();
        error.with_details(Some(told.into()))
    }

    fn with_details(mut self, details: Option<Value>) -> Self {
        self.0.details = details;
        self
    }

    /// The error of an action that has a request id of its own.
    pub(crate) fn of_action(error: &ActionError, request_id: &str, now: Timestamp) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = match error {
            ActionError::NoEligibleRoute { retry_at: Some(at), .. } => {
                // Rounded up: a client that comes back too early is refused again.
                let wait = at.duration_since(now).as_secs().saturating_add(1);
                Some(u64::try_from(wait).unwrap_or(1).max(1))
            }
            _ => None,
        };
        let mut error = Self::new(status, error.code(), error.to_string()).with_details(error.details());
        error.0.request_id = Some(request_id.to_owned());
        error.0.retry_after = retry_after;
        error
    }

    /// The body; `request_id` is the one of the HTTP request.
    pub(crate) fn body(&self, request_id: &str) -> Value {
        let mut error = serde_json::Map::new();
        error.insert("code".to_owned(), self.0.code.into());
        let more = self.0.has_more.then(faults::more);
        error.insert("message".to_owned(), self.message(more.as_ref()).into());
        if let Some(details) = self.details(more.as_ref()) {
            error.insert("details".to_owned(), details);
        }
        let request_id = self.0.request_id.as_deref().unwrap_or(request_id);
        error.insert("request_id".to_owned(), request_id.into());
        serde_json::json!({ "error": error })
    }

    fn message(&self, more: Option<&FieldFault>) -> String {
        let told = |fault: &FieldFault| format!("{} {}", fault.field, fault.message);
        let own = Some(self.0.message.clone()).filter(|message| !message.is_empty());
        let lines = self.0.faults.iter().map(told).chain(own).chain(more.map(told));
        lines.collect::<Vec<String>>().join("; ")
    }

    fn details(&self, more: Option<&FieldFault>) -> Option<Value> {
        let told = |fault: &FieldFault| json!(fault);
        let own = match &self.0.details {
            Some(Value::Array(own)) => own.as_slice(),
            None if !self.0.faults.is_empty() => &[],
            own => return own.clone(),
        };
        let lines = self.0.faults.iter().map(told).chain(own.iter().cloned()).chain(more.map(told));
        Some(lines.collect())
    }

    /// The id of the action that failed, when it had one of its own.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }
}

/// A fault as it is told.
fn document_fault(fault: &Fault) -> Value {
    let mut told = json!(fault);
    for (name, value) in told.as_object_mut().into_iter().flatten() {
        if let Value::String(text) = value {
            *text = if matches!(name.as_str(), "path" | "entry") { faults::place(text) } else { faults::text(text) };
        }
    }
    told
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        let headers = response.headers_mut();
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"relay-manager\""));
        }
        if let Some(seconds) = self.0.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(Ok(tag)) = self.0.current.as_deref().map(|current| HeaderValue::try_from(entity_tag(current))) {
            headers.insert(ETAG, tag);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<InvalidRequest> for ApiError {
    fn from(invalid: InvalidRequest) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, "invalid_request", "");
        error.0.has_more = invalid.0.len() > MAX_FAULTS;
        let told = invalid.0.into_iter().take(MAX_FAULTS);
        error.0.faults = told
            .map(|fault| FieldFault { field: faults::place(&fault.field), message: faults::text(&fault.message) })
            .collect();
        error
    }
}

impl From<Faults> for ApiError {
    fn from(faults: Faults) -> Self {
        let count = faults.count();
        let noun = if count == 1 { "fault" } else { "faults" };
        Self::of_document(&faults, &format!("the fleet document has {count} {noun}"))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %error, source = ?std::error::Error::source(&error), "the store failed");
        match &error {
            StoreError::Unavailable(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", error.to_string())
            }
            StoreError::Sealed { .. } => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_misconfigured", error.to_string())
            }
            StoreError::Corrupt { .. } => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", error.to_string())
            }
        }
    }
}

impl From<ApplyError> for ApiError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Faults(faults) => faults.into(),
            ApplyError::Outdated { current } => Self::outdated(error.to_string(), current.to_string()),
            ApplyError::Publish(error) => error.into(),
        }
    }
}

impl From<PlanError> for ApiError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Faults(faults) => faults.into(),
            PlanError::Query(error) => error.into(),
        }
    }
}

impl From<SimulateError> for ApiError {
    fn from(error: SimulateError) -> Self {
        match error {
            SimulateError::UnknownHost(host) => Self::new(StatusCode::NOT_FOUND, "not_found", host.to_string()),
            SimulateError::Query(error) => error.into(),
        }
    }
}

impl From<PublishError> for ApiError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Store(error) => error.into(),
            PublishError::Conflict { .. } => Self::new(StatusCode::CONFLICT, "conflict", error.to_string()),
            PublishError::Inconsistent { .. } => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_request", error.to_string())
            }
        }
    }
}

impl From<GenerationError> for ApiError {
    fn from(error: GenerationError) -> Self {
        match error {
            GenerationError::Unknown(number) => Self::no_such("generation", &number.to_string()),
            GenerationError::Forgotten(_) => Self::new(StatusCode::CONFLICT, "conflict", error.to_string()),
            GenerationError::Outdated { current } => Self::outdated(error.to_string(), current.to_string()),
            GenerationError::Publish(error) => error.into(),
        }
    }
}

impl From<ExplainError> for ApiError {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::Generation(error) => error.into(),
            ExplainError::Query(error) => error.into(),
        }
    }
}

impl From<HypotheticalError> for ApiError {
    fn from(error: HypotheticalError) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", error.to_string())
    }
}

impl From<EditError> for ApiError {
    fn from(error: EditError) -> Self {
        let told = error.to_string();
        match error {
            EditError::Unknown { .. } => Self::new(StatusCode::NOT_FOUND, "not_found", told),
            EditError::Exists { .. } => Self::new(StatusCode::CONFLICT, "already_exists", told),
            EditError::Referred { by, .. } => {
                Self::new(StatusCode::CONFLICT, "conflict", told).with_details(Some(json!({ "referred_to_by": by })))
            }
            EditError::Outdated { current, .. } => Self::outdated(told, current),
            EditError::SecretElsewhere(..) => Self::new(StatusCode::CONFLICT, "conflict", told),
            EditError::Faults(faults) => Self::of_document(&faults, &told),
            EditError::Publish(error) => error.into(),
        }
    }
}

impl From<Outdated> for ApiError {
    fn from(error: Outdated) -> Self {
        Self::outdated(error.to_string(), error.current)
    }
}

impl From<BindingError> for ApiError {
    fn from(error: BindingError) -> Self {
        match error {
            BindingError::Unknown(_) => Self::new(StatusCode::NOT_FOUND, "not_found", error.to_string()),
            BindingError::Outdated(error) => error.into(),
            BindingError::Store(error) => error.into(),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Store(error) => error.into(),
            QueryError::Log(_) | QueryError::Aborted => {
                tracing::error!(error = %error, source = ?std::error::Error::source(&error), "the decision log was not read");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "log_unavailable", error.to_string())
            }
        }
    }
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        let told = error.to_string();
        if error.is_without_access() {
            return Self::new(StatusCode::CONFLICT, "no_admin_access", told);
        }
        match error {
            AccessError::UnknownHost(_) | AccessError::UnknownGrant { .. } => {
                Self::new(StatusCode::NOT_FOUND, "not_found", told)
            }
            AccessError::Outdated(error) => error.into(),
            AccessError::Store(error) | AccessError::Ensure(EnsureError::Store(error)) => error.into(),
            AccessError::Ensure(EnsureError::NoHost) => Self::new(StatusCode::NOT_FOUND, "not_found", told),
            // The host answered; somebody has to change something.
            AccessError::Ensure(EnsureError::Stuck { .. } | EnsureError::Overtaken) => {
                Self::new(StatusCode::CONFLICT, "conflict", told)
            }
            AccessError::Group(_) | AccessError::Ensure(_) => Self::new(StatusCode::BAD_GATEWAY, "host_error", told),
        }
    }
}

impl From<HostError> for ApiError {
    fn from(error: HostError) -> Self {
        let told = error.to_string();
        match error {
            HostError::Unknown(_) | HostError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "not_found", told),
            HostError::NoAccess(_) => Self::new(StatusCode::CONFLICT, "no_admin_access", told),
            HostError::Admin { .. } => Self::new(StatusCode::BAD_GATEWAY, "host_error", told),
            HostError::Log(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "log_unavailable", told),
            HostError::Edit(error) => error.into(),
            HostError::Store(error) => error.into(),
        }
    }
}

impl From<RecordError> for ApiError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::UnknownHost(_) => Self::new(StatusCode::NOT_FOUND, "not_found", error.to_string()),
            RecordError::Exists { .. } => Self::new(StatusCode::CONFLICT, "already_exists", error.to_string()),
            RecordError::Outdated(error) => error.into(),
            RecordError::Store(error) => error.into(),
        }
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        let told = error.to_string();
        match error {
            TokenError::Label => Self::invalid_field("label", told),
            TokenError::Exists(_) => Self::new(StatusCode::CONFLICT, "already_exists", told),
            TokenError::Unknown(_) => Self::new(StatusCode::NOT_FOUND, "not_found", told),
            TokenError::LastAdmin(_) => Self::new(StatusCode::CONFLICT, "conflict", told),
            TokenError::Outdated(error) => error.into(),
            TokenError::Store(error) => error.into(),
        }
    }
}

impl From<ChannelError> for ApiError {
    fn from(error: ChannelError) -> Self {
        let told = error.to_string();
        match error {
            ChannelError::Invalid(faults) => InvalidRequest::from(faults.as_slice()).into(),
            ChannelError::Exists(_) => Self::new(StatusCode::CONFLICT, "already_exists", told),
            ChannelError::Missing(id) => Self::no_such("notification channel", &id),
            ChannelError::Outdated { current } => Self::outdated(told, current),
            ChannelError::Store(error) => error.into(),
        }
    }
}

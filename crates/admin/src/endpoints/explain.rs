//! `GET /api/v1/explain`: where a request would go that nobody has sent.

use axum::Json;
use axum::extract::State;
use relay_control::explain::{Hypothetical, Question};
use relay_control::words::Language;
use relay_domain::Scope;
use utoipa::IntoParams;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::NotFound;
use crate::state::AdminState;

/// Which request is asked about.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read by hand")]
struct ExplainQuery {
    /// The group; with `key_id` it may be left out.
    logical_group_id: Option<String>,
    /// The model, as a client would ask for it.
    public_model: String,
    /// `user`, `conversation` or `none`; as the group has it when left out.
    scope: Option<String>,
    /// The conversation's or user's id.
    subject_id: Option<String>,
    /// The conversation's id, as its client sends it.
    conversation: Option<String>,
    /// The consumer key that would ask; an operator's action when left out.
    key_id: Option<String>,
    /// What would be called; `chat_completions` when left out.
    surface: Option<String>,
}

/// Tells where a request would go that nobody has sent.
///
/// Nothing is bound or logged.
#[utoipa::path(
    get,
    path = "/explain",
    operation_id = "explainHypothetical",
    tag = "decisions",
    params(ExplainQuery),
    responses((status = 200, description = "Where it would go, and why", body = Hypothetical), NotFound),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    mut input: Input,
) -> ApiResult<Json<Hypothetical>> {
    let query = &mut input.query;
    let scope = query.parsed("scope", str::parse::<Scope>);
    let (subject, conversation) = (query.text("subject_id"), query.text("conversation"));
    if subject.is_some() && conversation.is_some() {
        query.fault("conversation", "is another word for subject_id; give one");
    }
    let model = query.required("public_model", str::parse::<String>);
    let (group, key) = (query.text("logical_group_id"), query.text("key_id"));
    if group.is_none() && key.is_none() {
        query.fault("logical_group_id", "is required without key_id");
    }
    let question = Question {
        logical_group_id: group,
        public_model: model.unwrap_or_default(),
        // A conversation names itself, whatever the group keys its stickiness by.
        scope: scope.or_else(|| conversation.is_some().then_some(Scope::Conversation)),
        subject_id: subject.or(conversation),
        key_id: key,
        surface: query.text("surface"),
    };
    input.finish()?;
    Ok(Json(state.control.explain_hypothetical(&question, Language::English).await?))
}

//! The actions' requests for the API's description (ADR 0012). `super::input`
//! reads them by hand, and notes all faults at once; nothing is read into these
//! types. Everywhere `null` is as good as leaving a field out.

use serde::Serialize;
use utoipa::ToSchema;

/// What all three take, the model under the name that the action has for it, and what one takes beside.
macro_rules! body {
    ($(#[$about:meta])* $name:ident, $model:ident, { $($more:tt)* }) => {
        $(#[$about])*
        #[derive(Debug, ToSchema)]
        pub struct $name {
            /// Names the request, at most 128 visible ASCII characters; made when left out.
            #[schema(max_length = 128)]
            pub request_id: Option<String>,
            /// The group.
            #[schema(example = "gpt")]
            pub logical_group_id: String,
            /// The model.
            #[schema(example = "gpt-5")]
            pub $model: String,
            /// `user`, `conversation` or `none`, in any case.
            #[schema(example = "conversation")]
            pub scope: String,
            /// The subject; required unless the scope is `none`.
            #[schema(example = "thread-1")]
            pub subject_id: Option<String>,
            /// For the record; the subject when the scope is `user`.
            pub user_key: Option<String>,
            /// For the record; the subject when the scope is `conversation`.
            pub conversation_key: Option<String>,
            /// Answer only when the decision is on disk.
            pub sync: Option<bool>,
            $($more)*
        }
    };
}

/// What is taken by those that send a completion.
macro_rules! forward_body {
    ($(#[$about:meta])* $name:ident, $model:ident) => {
        body! { $(#[$about])* $name, $model, {
            /// The key to send; it wins over a managed one. One of the two is required.
            pub gateway_api_key: Option<String>,
            /// The host user whose managed key is sent.
            pub subscription_user_id: Option<String>,
            /// The messages; one user message `ping` when there are none.
            pub messages: Option<Vec<MessageBody>>,
            /// 8 when left out, 0 or less.
            pub max_tokens: Option<i64>,
            /// 0 when left out.
            pub temperature: Option<f64>,
            /// Try the next candidates when one fails.
            pub failover: Option<bool>,
        } }
    };
}

body! {
    /// Asks for a route.
    ResolveBody, public_model, {}
}

forward_body! {
    /// Asks for a route and sends a small completion over it.
    ProxyBody, public_model
}

forward_body! {
    /// The same, with the model under OpenAI's name.
    RouteBody, model
}

/// A message.
#[derive(Debug, ToSchema)]
pub struct MessageBody {
    /// Whose; `user` when left out.
    pub role: Option<String>,
    /// What it says.
    pub content: MessageContent,
}

/// Content of a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum MessageContent {
    /// A text; it is trimmed.
    Text(String),
    /// Parts, passed on as they are.
    Parts(Vec<serde_json::Value>),
}

//! Answers that endpoints share: the shape of errors, and each status with what
//! it means. An endpoint names those that are its own; those that any endpoint
//! can give are added to all of them.

use std::collections::BTreeMap;

use relay_control::actions::{FieldFault, RouteReason};
use relay_control::diff::EntryName;
use relay_control::fleet_document::DocumentFault;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::{Ref, RefOr, Response};
use utoipa::{IntoResponses, PartialSchema as _, ToSchema};

/// An error.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `ApiError::body` writes")]
pub(crate) struct Error {
    /// What went wrong.
    error: ErrorBody,
}

/// What went wrong.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `ApiError::body` writes")]
pub(crate) struct ErrorBody {
    /// A fixed word for programs.
    #[schema(example = "invalid_request")]
    code: String,
    /// For people.
    message: String,
    /// All faults of the input, or why each route cannot serve.
    #[schema(nullable = false)]
    details: Option<ErrorDetails>,
    /// Names the request in logs.
    request_id: String,
}

/// The parts of an error.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what `ApiError::body` writes")]
pub(crate) enum ErrorDetails {
    /// All that is wrong with the input.
    Faults(Vec<InputFault>),
    /// Routes that cannot serve now.
    Routes(Vec<RouteReason>),
    /// The version that the thing has now.
    Version {
        /// Its entity tag.
        etag: String,
    },
    /// What refers to the thing.
    Referrers {
        /// Each by noun and id.
        referred_to_by: Vec<EntryName>,
    },
}

/// A fault of an input.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what `ApiError::body` writes")]
pub(crate) enum InputFault {
    /// A parameter, a header or a member of the body.
    Field(FieldFault),
    /// A fleet document, or an entry of it.
    Document(DocumentFault),
}

/// Statuses that an endpoint names itself.
macro_rules! own {
    ($($(#[$doc:meta])* $name:ident = $status:literal;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([($status.to_owned(), RefOr::Ref(Ref::from_response_name(stringify!($name))))])
            }
        }
    )*};
}

own! {
    /// What is named is not there.
    NotFound = "404";
    /// It is there already, or somebody else changed it meanwhile.
    Conflict = "409";
    /// It has another version than the caller expects.
    Outdated = "412";
    /// The host's admin API failed us.
    HostFailed = "502";
}

/// The responses that are referred to by name.
pub(crate) fn shared() -> Value {
    json!({
        "BadRequest": error("The input has faults; `details` has all of them, or the first hundred and one line more"),
        "Unauthorized": error("No admin token, or one that is not known"),
        "Forbidden": error("The token's role is not enough"),
        "NotFound": error("There is no such thing"),
        "Conflict": error("It is there already, or it was changed meanwhile, or its state forbids it"),
        "Outdated": error("It has another version than `If-Match` says; `ETag` and `details.etag` have that version"),
        "BodyStalled": error("The body did not come to its end"),
        "BodyTooLarge": error("The body is too large"),
        "InternalError": error("A fault of this server: something that is stored cannot be used"),
        "HostFailed": error("The host's admin API failed us"),
        "Unavailable": unavailable(),
    })
}

/// The schemas that [`shared`] refers to.
pub(crate) fn add_schemas(schemas: &mut Value) {
    let mut own = vec![(Error::name().into_owned(), Error::schema())];
    Error::schemas(&mut own);
    for (name, schema) in own {
        schemas[name] = serde_json::to_value(schema).expect("a schema is JSON");
    }
}

fn error(description: &str) -> Value {
    json!({
        "description": description,
        "headers": { "X-Request-ID": request_id_header() },
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
    })
}

fn unavailable() -> Value {
    let mut response = error("The store or the decision log cannot be used now, or no route can serve");
    response["headers"]["Retry-After"] = json!({
        "description": "Seconds after which a route may serve again",
        "schema": { "type": "integer", "minimum": 1 },
    });
    response
}

/// The id that every answer carries.
pub(crate) fn request_id_header() -> Value {
    json!({ "description": "The request's id: yours when it is safe, else made", "required": true, "schema": { "type": "string" } })
}

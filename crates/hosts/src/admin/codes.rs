//! Codes of hosts that somebody here acts on (sub2api-host-api.md §1.2, §1.3,
//! §1.4, §2, §4.3). A host's texts are in two languages and change; its codes
//! are what to match, as patterns against [`AdminError::code`](super::AdminError::code).

/// No usable credential came with the call.
pub const UNAUTHORIZED: &str = "UNAUTHORIZED";
/// The admin key is wrong, or the host has none.
pub const INVALID_ADMIN_KEY: &str = "INVALID_ADMIN_KEY";
/// The session is past its end.
pub const TOKEN_EXPIRED: &str = "TOKEN_EXPIRED";
/// Not a token of this host.
pub const INVALID_TOKEN: &str = "INVALID_TOKEN";
/// The password changed since the token was issued.
pub const TOKEN_REVOKED: &str = "TOKEN_REVOKED";
/// The session is bound to another address or user agent.
pub const SESSION_BINDING_MISMATCH: &str = "SESSION_BINDING_MISMATCH";
/// The token is not an administrator's.
pub const FORBIDDEN: &str = "FORBIDDEN";
/// An administrator has to accept the host's compliance terms first.
pub const ADMIN_COMPLIANCE_ACK_REQUIRED: &str = "ADMIN_COMPLIANCE_ACK_REQUIRED";
/// Only administrators may log in.
pub const BACKEND_MODE_ADMIN_ONLY: &str = "BACKEND_MODE_ADMIN_ONLY";
/// Wrong e-mail or password.
pub const INVALID_CREDENTIALS: &str = "INVALID_CREDENTIALS";
/// The user is switched off.
pub const USER_NOT_ACTIVE: &str = "USER_NOT_ACTIVE";

/// No such user.
pub const USER_NOT_FOUND: &str = "USER_NOT_FOUND";
/// The e-mail address is taken, on older hosts also by a deleted user.
pub const EMAIL_EXISTS: &str = "EMAIL_EXISTS";
/// No such group.
pub const GROUP_NOT_FOUND: &str = "GROUP_NOT_FOUND";
/// The group takes no subscriptions.
pub const GROUP_NOT_SUBSCRIPTION_TYPE: &str = "GROUP_NOT_SUBSCRIPTION_TYPE";
/// The user may not bind a key to the group: no live subscription, or an exclusive group.
pub const GROUP_NOT_ALLOWED: &str = "GROUP_NOT_ALLOWED";
/// The group is switched off.
pub const GROUP_NOT_ACTIVE: &str = "GROUP_NOT_ACTIVE";
/// No such subscription; at the gateway: none that is live.
pub const SUBSCRIPTION_NOT_FOUND: &str = "SUBSCRIPTION_NOT_FOUND";
/// The user has a subscription of this group, or another assignment came first.
pub const SUBSCRIPTION_ALREADY_EXISTS: &str = "SUBSCRIPTION_ALREADY_EXISTS";
/// The user has one with other days or notes.
pub const SUBSCRIPTION_ASSIGN_CONFLICT: &str = "SUBSCRIPTION_ASSIGN_CONFLICT";
/// The key cannot be bound: its user has no live subscription of the group.
pub const SUBSCRIPTION_REQUIRED: &str = "SUBSCRIPTION_REQUIRED";
/// No such key.
pub const API_KEY_NOT_FOUND: &str = "API_KEY_NOT_FOUND";
/// The custom key is taken, on older hosts also by a deleted key.
pub const API_KEY_EXISTS: &str = "API_KEY_EXISTS";
/// Too many custom keys of this user were taken ones, within an hour.
pub const API_KEY_RATE_LIMITED: &str = "API_KEY_RATE_LIMITED";
/// The idempotency key has a form that hosts refuse.
pub const IDEMPOTENCY_KEY_INVALID: &str = "IDEMPOTENCY_KEY_INVALID";
/// The idempotency key was used for something else.
pub const IDEMPOTENCY_KEY_CONFLICT: &str = "IDEMPOTENCY_KEY_CONFLICT";
/// The same write is under way; `retry_after` in the metadata.
pub const IDEMPOTENCY_IN_PROGRESS: &str = "IDEMPOTENCY_IN_PROGRESS";
/// The same write was just refused; `retry_after` in the metadata.
pub const IDEMPOTENCY_RETRY_BACKOFF: &str = "IDEMPOTENCY_RETRY_BACKOFF";

/// No gateway key came with the call.
pub const API_KEY_REQUIRED: &str = "API_KEY_REQUIRED";
/// No such gateway key.
pub const INVALID_API_KEY: &str = "INVALID_API_KEY";

//! From a whole answer to data or an error. Hosts answer in several shapes on
//! the same URL (sub2api-host-api.md §1.2, §1.4, §4.3, §7): handlers with a
//! numeric `code`, middleware with a string, limiters with a flat `error`, the
//! gateway with a nested one, the router with plain text, and the web page in
//! place of everything else.

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use relay_domain::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::codes;
use super::error::{AdminError, Barrier};
use super::refusal::Words;
use super::transport::Answer;

/// What the router says to a path it does not know (§7.2).
const NO_ROUTE: &[u8] = b"404 page not found";

/// The wait when a 429 names none: the window of every limit of the panel.
const LIMIT_WINDOW: Duration = Duration::from_mins(1);

/// Longest wait that is believed.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// How backend mode begins its sentence: on user routes it comes without a code (§3.4).
const BACKEND_MODE: &str = "Backend mode";

#[derive(Deserialize)]
struct Envelope<'a> {
    code: Value,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// Any error body.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    code: Value,
    message: Option<String>,
    reason: Option<String>,
    metadata: Option<BTreeMap<String, Value>>,
    error: Value,
}

/// The `data` of a handler's answer; `null` when it has none.
pub(super) fn data<T: DeserializeOwned>(answer: &Answer, call: &str, sent: &[&Secret]) -> Result<T, AdminError> {
    let not_api = |what| AdminError::NotApi { status: answer.status, what };
    if !is_success(answer) {
        return Err(error(answer, call, sent, panel_words(answer)));
    }
    let envelope: Envelope<'_> = serde_json::from_slice(&answer.body).map_err(|_| not_api(what_it_is(answer)))?;
    if envelope.code != 0 {
        return Err(error(answer, call, sent, panel_words(answer)));
    }
    let data = envelope.data.map_or("null", RawValue::get);
    serde_json::from_str(data).map_err(|_| not_api("data of another shape"))
}

/// The whole body of a gateway's answer, which has no envelope.
pub(super) fn bare<T: DeserializeOwned>(answer: &Answer, call: &str, sent: &[&Secret]) -> Result<T, AdminError> {
    if !is_success(answer) {
        return Err(error(answer, call, sent, gateway_words(answer)));
    }
    let not_api = |_| AdminError::NotApi { status: answer.status, what: what_it_is(answer) };
    serde_json::from_slice(&answer.body).map_err(not_api)
}

/// The known versions create with 200; 201 and 202 are their newer habit.
fn is_success(answer: &Answer) -> bool {
    (200..=202).contains(&answer.status)
}

/// What an answer that is no success means. `words` are `None` when its body is no error of a host.
fn error(answer: &Answer, call: &str, sent: &[&Secret], words: Option<Words>) -> AdminError {
    let status = answer.status;
    if status == 404 && answer.body.trim_ascii() == NO_ROUTE {
        return AdminError::NoRoute { call: call.to_owned() };
    }
    if status == 429 && is_about_pace(answer, words.as_ref()) {
        return AdminError::RateLimited { wait: wait(answer) };
    }
    match words {
        Some(words) => classify(words, status, sent),
        // Proxies answer for a host that is down with pages of their own.
        None if status >= 500 => AdminError::HostFault(Words::default().refuse(status, sent)),
        None => AdminError::NotApi { status, what: what_it_is(answer) },
    }
}

/// A 429 may also be about one user's guesses of custom keys, or a spent
/// quota (§2.4, §4.3): no reason to stop calling the host.
fn is_about_pace(answer: &Answer, words: Option<&Words>) -> bool {
    let code = words.map_or("", |words| words.code.as_str());
    matches!(code, "" | "RATE_LIMITED" | "rate limit exceeded") || answer.headers.contains_key(RETRY_AFTER)
}

fn classify(words: Words, status: u16, sent: &[&Secret]) -> AdminError {
    let barrier = barrier(&words, status);
    let is_credential = match words.code.as_str() {
        codes::FORBIDDEN | codes::INVALID_CREDENTIALS | codes::USER_NOT_ACTIVE => true,
        // About a gateway key, which is what was asked about.
        codes::INVALID_API_KEY | codes::API_KEY_REQUIRED | "API_KEY_DISABLED" => false,
        _ => status == 401,
    };
    let refusal = words.refuse(status, sent);
    match barrier {
        Some(barrier) => AdminError::Barrier { barrier, refusal },
        None if is_credential => AdminError::Credential(refusal),
        None if status >= 500 => AdminError::HostFault(refusal),
        None => AdminError::Refused(refusal),
    }
}

fn barrier(words: &Words, status: u16) -> Option<Barrier> {
    let code = words.code.as_str();
    match code {
        codes::ADMIN_COMPLIANCE_ACK_REQUIRED => Some(Barrier::Compliance),
        codes::SESSION_BINDING_MISMATCH => Some(Barrier::SessionBinding),
        codes::BACKEND_MODE_ADMIN_ONLY => Some(Barrier::BackendMode),
        _ if status == 423 => Some(Barrier::Compliance),
        _ if code.starts_with("STEP_UP_") => Some(Barrier::StepUp),
        _ if code.contains("CAPTCHA") || code.starts_with("TURNSTILE_") => Some(Barrier::Captcha),
        "" if status == 403 && words.message.starts_with(BACKEND_MODE) => Some(Barrier::BackendMode),
        _ => None,
    }
}

/// An error of the panel: a middleware's, a handler's, or a limiter's.
fn panel_words(answer: &Answer) -> Option<Words> {
    let body: ErrorBody = serde_json::from_slice(&answer.body).ok()?;
    let of_middleware = body.code.as_str().map(str::to_owned);
    let flat = body.error.as_str().map(str::to_owned);
    if body.code.is_null() && flat.is_none() {
        return None;
    }
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let metadata = body.metadata.unwrap_or_default().into_iter().map(|(name, value)| (name, text(value)));
    Some(Words {
        code: of_middleware.or(body.reason).or(flat).unwrap_or_default(),
        message: body.message.unwrap_or_default(),
        metadata: metadata.collect(),
    })
}

/// An error of the gateway: of the key check, which speaks as middleware does, or in an API's own nested shape.
fn gateway_words(answer: &Answer) -> Option<Words> {
    panel_words(answer).or_else(|| {
        let body: ErrorBody = serde_json::from_slice(&answer.body).ok()?;
        let nested = |name: &str| body.error.get(name).and_then(Value::as_str).map(str::to_owned);
        let code = nested("code").or_else(|| nested("type"));
        body.error.is_object().then(|| Words {
            code: code.unwrap_or_default(),
            message: nested("message").unwrap_or_default(),
            metadata: BTreeMap::new(),
        })
    })
}

fn wait(answer: &Answer) -> Duration {
    let seconds = answer.header(RETRY_AFTER.as_str()).and_then(|value| value.trim().parse().ok());
    let wait = seconds.filter(|seconds| *seconds > 0).map_or(LIMIT_WINDOW, Duration::from_secs);
    wait.min(LONGEST_WAIT)
}

fn what_it_is(answer: &Answer) -> &'static str {
    let content_type = answer.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    match answer.status {
        300..400 => "a redirect",
        _ if content_type.starts_with("text/html") || answer.body.trim_ascii_start().starts_with(b"<") => "a web page",
        _ if answer.body.is_empty() => "nothing",
        _ if serde_json::from_slice::<Value>(&answer.body).is_ok() => "other JSON",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};

    use super::*;
    use crate::admin::Fault;

    fn answer(status: u16, content_type: &'static str, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Answer { status, headers, body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    #[track_caller]
    fn check(status: u16, body: &str, label: &str, code: Option<&str>, fault: Fault) {
        let error = data::<Value>(&answer(status, "application/json", body), "GET /x", &[]).unwrap_err();
        assert_eq!((error.as_str(), error.code(), error.fault()), (label, code, fault), "{status} {body}");
    }

    #[test]
    fn every_shape_of_an_error_is_understood() {
        use Fault::{Configuration, Host, Operator, Pace, Request};
        let a = |code: &str| format!("{{\"code\":\"{code}\",\"message\":\"m\"}}");
        let b = |code: u16, reason: &str| format!("{{\"code\":{code},\"message\":\"m\",\"reason\":\"{reason}\"}}");
        check(401, &a("INVALID_ADMIN_KEY"), "credential", Some("INVALID_ADMIN_KEY"), Configuration);
        check(401, &a("USER_INACTIVE"), "credential", Some("USER_INACTIVE"), Configuration);
        check(403, &a("FORBIDDEN"), "credential", Some("FORBIDDEN"), Configuration);
        check(401, &b(401, "INVALID_CREDENTIALS"), "credential", Some("INVALID_CREDENTIALS"), Configuration);
        check(401, &a("SESSION_BINDING_MISMATCH"), "session_binding", Some("SESSION_BINDING_MISMATCH"), Operator);
        check(423, &a("ADMIN_COMPLIANCE_ACK_REQUIRED"), "compliance", Some("ADMIN_COMPLIANCE_ACK_REQUIRED"), Operator);
        check(403, &a("STEP_UP_REQUIRED"), "step_up", Some("STEP_UP_REQUIRED"), Operator);
        check(
            400,
            &b(400, "TURNSTILE_VERIFICATION_FAILED"),
            "captcha",
            Some("TURNSTILE_VERIFICATION_FAILED"),
            Operator,
        );
        check(
            503,
            &b(503, "TENCENT_CAPTCHA_NOT_CONFIGURED"),
            "captcha",
            Some("TENCENT_CAPTCHA_NOT_CONFIGURED"),
            Operator,
        );
        check(403, &b(403, "BACKEND_MODE_ADMIN_ONLY"), "backend_mode", Some("BACKEND_MODE_ADMIN_ONLY"), Operator);
        let without_reason = "{\"code\":403,\"message\":\"Backend mode is active. User self-service is disabled.\"}";
        check(403, without_reason, "backend_mode", None, Operator);
        check(409, &b(409, "EMAIL_EXISTS"), "refused", Some("EMAIL_EXISTS"), Request);
        check(404, &b(404, "GROUP_NOT_FOUND"), "refused", Some("GROUP_NOT_FOUND"), Request);
        check(400, "{\"code\":400,\"message\":\"Invalid request: EOF\"}", "refused", None, Request);
        check(
            409,
            "{\"error\":\"mixed_channel_warning\",\"message\":\"m\"}",
            "refused",
            Some("mixed_channel_warning"),
            Request,
        );
        check(401, &a("INVALID_API_KEY"), "refused", Some("INVALID_API_KEY"), Request);
        check(500, "{\"code\":500,\"message\":\"internal error\"}", "host_fault", None, Host);
        check(429, &a("RATE_LIMITED"), "rate_limited", None, Pace);
        check(429, "{\"error\":\"rate limit exceeded\",\"message\":\"m\"}", "rate_limited", None, Pace);
        check(429, "<html>slow down</html>", "rate_limited", None, Pace);
        check(429, &b(429, "API_KEY_RATE_LIMITED"), "refused", Some("API_KEY_RATE_LIMITED"), Request);
        check(404, "404 page not found", "no_route", None, Host);
    }

    #[test]
    fn a_nested_error_is_the_gateways_and_not_the_panels() {
        let nested = "{\"type\":\"error\",\"error\":{\"type\":\"permission_error\",\"message\":\"m\"}}";
        let answer = answer(403, "application/json", nested);
        let of_gateway = bare::<Value>(&answer, "GET /v1/usage", &[]).unwrap_err();
        assert_eq!((of_gateway.as_str(), of_gateway.code()), ("refused", Some("permission_error")));
        assert_eq!(data::<Value>(&answer, "GET /x", &[]).unwrap_err().as_str(), "not_api");
    }

    #[test]
    fn what_is_no_api_is_not_taken_for_one() {
        use Fault::{Configuration, Host};
        check(200, "<!doctype html><title>Sub2API</title>", "not_api", None, Configuration);
        check(200, "{\"status\":\"ok\"}", "not_api", None, Configuration);
        check(200, "", "not_api", None, Configuration);
        check(302, "", "not_api", None, Configuration);
        check(404, "<html>404</html>", "not_api", None, Configuration);
        check(404, "{\"detail\":\"Not Found\"}", "not_api", None, Configuration);
        check(502, "<html>Bad Gateway</html>", "host_fault", None, Host);
        check(200, "{\"code\":0,\"message\":\"success\",\"data\":", "not_api", None, Configuration);
    }

    #[test]
    fn data_may_be_missing_and_fields_may_be_more() {
        let data = |body: &str| data::<Option<Vec<u8>>>(&answer(200, "application/json", body), "GET /x", &[]).unwrap();
        assert_eq!(data("{\"code\":0,\"message\":\"success\"}"), None);
        assert_eq!(data("{\"code\":0,\"data\":null,\"trace\":1}"), None);
        assert_eq!(data("{\"code\":0,\"data\":[1]}"), Some(vec![1]));
        let created = answer(201, "application/json", "{\"code\":0,\"data\":7}");
        assert_eq!(super::data::<u8>(&created, "POST /x", &[]).unwrap(), 7);
    }

    #[test]
    fn the_wait_is_the_hosts_or_a_window_and_never_absurd() {
        let waited = |value: Option<&'static str>| {
            let mut answer = answer(429, "application/json", "{\"error\":\"rate limit exceeded\"}");
            if let Some(value) = value {
                answer.headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            }
            data::<Value>(&answer, "GET /x", &[]).unwrap_err().retry_after()
        };
        assert_eq!(waited(Some("7")), Some(Duration::from_secs(7)));
        assert_eq!(waited(None), Some(Duration::from_mins(1)));
        assert_eq!(waited(Some("0")), Some(Duration::from_mins(1)));
        assert_eq!(waited(Some("Wed, 21 Oct 2026 07:28:00 GMT")), Some(Duration::from_mins(1)));
        assert_eq!(waited(Some("999999999")), Some(Duration::from_hours(1)));
    }
}

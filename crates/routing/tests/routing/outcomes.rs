//! The table of spec §5, row by row, and the bodies of sub2api-host-api.md §4.3.

use std::time::Duration;

use relay_routing::outcome::status_class;
use relay_routing::{Another, AnswerHead, AttemptEnd, Ending, Fault, LeftBecause, Outcome, Reply, classify};

fn ours(status: u16, code: &'static str) -> (u16, &'static str) {
    (status, code)
}

const RELAYED: (u16, &str) = (0, "relayed");

fn reply(outcome: &Outcome) -> (u16, &'static str) {
    match outcome.reply {
        Reply::Relayed => RELAYED,
        Reply::Ours { status, code, .. } => (status, code),
        Reply::InStream { code, .. } => (200, code),
        Reply::Nothing => (0, "nothing"),
    }
}

type Expected = (AttemptEnd, &'static str, Fault, Another, (u16, &'static str));

fn assert_outcome(outcome: &Outcome, expected: Expected, what: &str) {
    let actual = (outcome.end, outcome.class.unwrap(), outcome.fault.unwrap(), outcome.another, reply(outcome));
    assert_eq!(actual, expected, "{what}");
}

fn answered(status: u16, body: &str) -> Outcome {
    let head = AnswerHead { status, content_type: "application/json", wait: None, body_head: Some(body.as_bytes()) };
    classify(&Ending::Answer(head))
}

#[test]
fn transport_and_stream_endings() {
    use AttemptEnd::{Answered, MaybeExecuted, NotSent};
    let rows: [(Ending<'_>, Expected); 8] = [
        (
            Ending::Unreachable,
            (NotSent, "transport_error", Fault::Host, Another::Yes, ours(502, "upstream_unreachable")),
        ),
        (
            Ending::CutShort,
            (MaybeExecuted, "transport_error", Fault::Host, Another::Yes, ours(502, "upstream_bad_response")),
        ),
        (
            Ending::Junk,
            (MaybeExecuted, "gateway_bad_response", Fault::Host, Another::Yes, ours(502, "upstream_bad_response")),
        ),
        (Ending::NoOutput, (MaybeExecuted, "error_in_stream", Fault::Host, Another::Yes, ours(502, "upstream_error"))),
        (
            Ending::FirstOutputTimeout,
            (MaybeExecuted, "timeout", Fault::Host, Another::Once, ours(504, "upstream_timeout")),
        ),
        (Ending::StreamIdle, (Answered, "stream_idle", Fault::Host, Another::No, ours(200, "stream_timeout"))),
        (
            Ending::StreamTruncated,
            (Answered, "stream_truncated", Fault::Host, Another::No, ours(200, "stream_interrupted")),
        ),
        (Ending::ClientGone, (MaybeExecuted, "client_gone", Fault::Client, Another::No, ours(0, "nothing"))),
    ];
    for (ending, expected) in rows {
        assert_outcome(&classify(&ending), expected, &format!("{ending:?}"));
    }
}

#[test]
fn refusals_by_status_and_code() {
    use Another::{No, Yes};
    use Fault::{Client, Credential, Host, Relay};
    let e502 = ours(502, "upstream_error");
    let quota = ("gateway_quota_exhausted", Credential, Yes, ours(503, "upstream_quota"));
    let limited = ("gateway_rate_limited", Credential, Yes, ours(429, "upstream_rate_limited"));
    let auth = ("gateway_auth_error", Credential, Yes, ours(502, "upstream_auth"));
    let busy = ("gateway_busy", Host, Yes, ours(429, "upstream_busy"));
    let overloaded = ("gateway_busy", Host, Yes, ours(503, "upstream_overloaded"));
    let failing = ("gateway_5xx", Host, Yes, e502);
    let rows = [
        // Shape A: admission.
        (400, r#"{"code":"api_key_in_query_deprecated","message":"m"}"#, ("gateway_400", Client, No, RELAYED)),
        (401, r#"{"code":"INVALID_API_KEY","message":"m"}"#, auth),
        (401, r#"{"code":"USER_INACTIVE","message":"m"}"#, auth),
        (403, r#"{"code":"SUBSCRIPTION_NOT_FOUND","message":"m"}"#, auth),
        (403, r#"{"code":"SUBSCRIPTION_INVALID","message":"m"}"#, auth),
        (403, r#"{"code":"API_KEY_EXPIRED","message":"m"}"#, auth),
        (403, r#"{"code":"GROUP_DELETED","message":"m"}"#, auth),
        (403, r#"{"code":"ACCESS_DENIED","message":"m"}"#, auth),
        (403, r#"{"code":"INSUFFICIENT_BALANCE","message":"m"}"#, quota),
        (429, r#"{"code":"USAGE_LIMIT_EXCEEDED","message":"reason=\"DAILY_LIMIT_EXCEEDED\""}"#, quota),
        (429, r#"{"code":"API_KEY_QUOTA_EXHAUSTED","message":"m"}"#, quota),
        (
            429,
            r#"{"code":"INVALID_AUTH_RATE_LIMITED","message":"m"}"#,
            ("gateway_rate_limited", Host, Yes, ours(429, "upstream_rate_limited")),
        ),
        (503, r#"{"code":"API_KEY_AUTH_OVERLOADED","message":"m"}"#, failing),
        (500, r#"{"code":"INTERNAL_ERROR","message":"m"}"#, ("gateway_500", Host, Yes, e502)),
        // Shape B: a number for a code says nothing.
        (403, r#"{"code":403,"message":"m"}"#, auth),
        // Shape C: Anthropic.
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"m"}}"#,
            ("gateway_400", Client, No, RELAYED),
        ),
        (400, r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, overloaded),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API"}}"#,
            quota,
        ),
        (403, r#"{"type":"error","error":{"type":"permission_error","message":"m"}}"#, auth),
        (403, r#"{"type":"error","error":{"type":"billing_error","message":"m"}}"#, quota),
        (
            404,
            r#"{"type":"error","error":{"type":"not_found_error","message":"model: gpt-9"}}"#,
            ("gateway_404", Relay, Yes, RELAYED),
        ),
        (
            404,
            r#"{"type":"error","error":{"type":"not_found_error","message":"no such file"}}"#,
            ("gateway_404", Client, No, RELAYED),
        ),
        (
            413,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"m"}}"#,
            ("gateway_413", Client, No, RELAYED),
        ),
        (
            429,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"Upstream rate limit exceeded, please retry later"}}"#,
            limited,
        ),
        (
            429,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"Concurrency limit exceeded for user, please retry later"}}"#,
            busy,
        ),
        (
            429,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"Too many pending requests, please retry later"}}"#,
            busy,
        ),
        (429, r#"{"type":"error","error":{"type":"rate_limit_exceeded","message":"api key 5小时限额已用完"}}"#, quota),
        (
            429,
            r#"{"type":"error","error":{"type":"rate_limit_exceeded","message":"user requests-per-minute limit exceeded"}}"#,
            limited,
        ),
        (503, r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, failing),
        (529, r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, failing),
        // Shape D: OpenAI.
        (
            400,
            r#"{"error":{"type":"invalid_request_error","message":"m","code":"context_length_exceeded"}}"#,
            ("gateway_400", Client, No, RELAYED),
        ),
        (400, r#"{"error":{"message":"m","code":"engine_overloaded"}}"#, overloaded),
        (401, r#"{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}"#, auth),
        (
            401,
            r#"{"error":{"type":"server_error","code":"server_error","message":"All available accounts exhausted"}}"#,
            failing,
        ),
        (
            403,
            r#"{"error":{"type":"server_error","code":"server_error","message":"All available accounts exhausted"}}"#,
            failing,
        ),
        (402, r#"{"error":{"message":"m"}}"#, quota),
        (403, r#"{"error":{"message":"m","code":"content_policy_violation"}}"#, ("gateway_403", Client, No, RELAYED)),
        (
            404,
            r#"{"error":{"type":"invalid_request_error","code":"model_not_found","message":"m"}}"#,
            ("gateway_404", Relay, Yes, RELAYED),
        ),
        (404, r#"{"error":{"message":"No such conversation"}}"#, ("gateway_404", Client, No, RELAYED)),
        (429, r#"{"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"m"}}"#, quota),
        (429, r#"{"error":{"type":"usage_limit_reached","message":"m"}}"#, quota),
        (429, r#"{"error":{"type":"tokens","code":"rate_limit_exceeded","message":"m"}}"#, limited),
        (502, r#"{"error":{"type":"upstream_error","message":"m"}}"#, failing),
        // Shape E: Google, also in a list.
        (
            400,
            r#"{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}"#,
            ("gateway_400", Client, No, RELAYED),
        ),
        (
            400,
            r#"[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#,
            auth,
        ),
        (403, r#"{"error":{"code":403,"message":"m","status":"PERMISSION_DENIED"}}"#, auth),
        (
            404,
            r#"{"error":{"code":404,"message":"models/x is not found","status":"NOT_FOUND"}}"#,
            ("gateway_404", Relay, Yes, RELAYED),
        ),
        (429, r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#, limited),
        // No shape at all.
        (401, "", auth),
        (403, "denied", auth),
        (404, "404 page not found", ("gateway_404", Relay, Yes, RELAYED)),
        (405, "", ("gateway_405", Relay, Yes, RELAYED)),
        (408, "", overloaded),
        (409, "{}", ("gateway_409", Client, No, RELAYED)),
        (415, "{}", ("gateway_415", Client, No, RELAYED)),
        (418, "{}", ("gateway_418", Client, No, RELAYED)),
        (422, "{}", ("gateway_422", Client, No, RELAYED)),
        (425, "", overloaded),
        (429, "slow down", limited),
        (451, "{}", ("gateway_451", Client, No, RELAYED)),
        (499, "{}", ("gateway_499", Client, No, RELAYED)),
        (500, "oops", ("gateway_500", Host, Yes, e502)),
        (501, "", ("gateway_501", Relay, Yes, RELAYED)),
        (503, "", failing),
        (522, "<html>", failing),
        (599, "", failing),
        (999, "", failing),
    ];
    for (status, body, (class, fault, another, reply)) in rows {
        let expected = (AttemptEnd::Refused, class, fault, another, reply);
        assert_outcome(&answered(status, body), expected, &format!("{status} {body}"));
    }
}

#[test]
fn a_gateways_timeout_may_have_done_the_work() {
    for status in [504, 520, 524] {
        assert_eq!(answered(status, "").end, AttemptEnd::MaybeExecuted, "{status}");
    }
    assert_eq!(answered(502, "").end, AttemptEnd::Refused);
}

#[test]
fn a_success_that_is_none_is_a_bad_response() {
    let check = |status, content_type, body: Option<&str>, good: bool| {
        let head = AnswerHead { status, content_type, wait: None, body_head: body.map(str::as_bytes) };
        let outcome = classify(&Ending::Answer(head));
        assert_eq!(outcome.is_answered(), good, "{status} {content_type} {body:?}");
        if !good {
            assert_eq!(outcome.class, Some("gateway_bad_response"));
            assert_eq!((outcome.another, reply(&outcome)), (Another::Yes, (502, "upstream_bad_response")));
        }
    };
    check(200, "application/json", Some("{}"), true);
    check(200, "text/event-stream", None, true);
    check(201, "", Some("{}"), true);
    check(200, "text/html; charset=utf-8", None, false);
    check(200, "TEXT/HTML", Some("{}"), false);
    check(200, "application/json", Some(" <!doctype html>"), false);
    check(200, "application/json", Some(""), false);
    check(200, "application/json", Some(" \n"), false);
    check(301, "", None, false);
    check(302, "application/json", Some("{}"), false);
    check(103, "", None, false);
    check(403, "text/html", Some("<html>blocked</html>"), false);
}

#[test]
fn an_error_in_band_says_by_its_code_whose_fault_it_is() {
    use Another::{No, Yes};
    use Fault::{Client, Credential, Host};
    let e502 = (502, "upstream_error");
    for (data, fault, another, reply) in [
        (r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, Host, Yes, e502),
        (r#"{"type":"error","error":{"type":"rate_limit_error","message":"m"}}"#, Credential, Yes, e502),
        (r#"{"type":"error","error":{"type":"billing_error","message":"m"}}"#, Credential, Yes, e502),
        (r#"{"type":"error","error":{"type":"invalid_request_error","message":"m"}}"#, Client, No, RELAYED),
        (r#"{"error":{"type":"upstream_error","message":"m"}}"#, Host, Yes, e502),
        (
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"authentication_failed","message":"m"}}}"#,
            Credential,
            Yes,
            e502,
        ),
        (r#"{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded"}}}"#, Credential, Yes, e502),
        (r#"{"type":"response.failed","response":{"error":{"code":"server_error"}}}"#, Host, Yes, e502),
        (r#"{"type":"response.failed","response":{"error":{"code":"invalid_request"}}}"#, Client, No, RELAYED),
        (r#"{"error":"boom"}"#, Host, Yes, e502),
        ("junk", Host, Yes, e502),
    ] {
        let outcome = classify(&Ending::ErrorEvent(data.as_bytes()));
        assert_outcome(&outcome, (AttemptEnd::Refused, "error_in_stream", fault, another, reply), data);
    }
}

#[test]
fn a_wait_is_kept_and_capped_and_turns_a_502_into_a_503() {
    let hour = Duration::from_hours(1);
    let check = |status, body: &str, wait: Duration, expected: Duration, client: u16| {
        let head = AnswerHead { status, content_type: "", wait: Some(wait), body_head: Some(body.as_bytes()) };
        let outcome = classify(&Ending::Answer(head));
        assert_eq!((outcome.wait, reply(&outcome).0), (Some(expected), client), "{status}");
    };
    check(429, "", hour * 5, hour, 429);
    check(429, "", Duration::from_secs(3), Duration::from_secs(3), 429);
    check(502, "", Duration::from_secs(3), Duration::from_secs(3), 503);
    check(503, "", hour * 5, hour, 503);
    check(529, "", hour, hour, 503);
    check(429, r#"{"code":"USAGE_LIMIT_EXCEEDED"}"#, hour * 24, hour * 24, 503);
}

#[test]
fn only_what_is_busy_is_borrowed_around() {
    assert_eq!(answered(408, "").left_because(), LeftBecause::Busy);
    assert_eq!(answered(429, r#"{"message":"Too many pending requests"}"#).left_because(), LeftBecause::Busy);
    assert_eq!(answered(429, "").left_because(), LeftBecause::Failed);
    assert_eq!(answered(503, "").left_because(), LeftBecause::Failed);
    assert_eq!(classify(&Ending::Unreachable).left_because(), LeftBecause::Failed);
}

#[test]
fn the_operators_probe_is_judged_by_status_alone() {
    for (status, class) in [
        (200, None),
        (302, None),
        (400, Some("gateway_400")),
        (401, Some("gateway_auth_error")),
        (403, Some("gateway_auth_error")),
        (404, Some("gateway_404")),
        (429, Some("gateway_rate_limited")),
        (500, Some("gateway_500")),
        (501, Some("gateway_501")),
        (502, Some("gateway_5xx")),
        (599, Some("gateway_5xx")),
    ] {
        assert_eq!(status_class(status), class, "{status}");
    }
}

#[test]
fn the_message_for_the_client_names_no_host() {
    let outcome = answered(502, r#"{"error":{"message":"dial tcp secret.internal:443"}}"#);
    assert!(!format!("{outcome:?}").contains("secret"));
}

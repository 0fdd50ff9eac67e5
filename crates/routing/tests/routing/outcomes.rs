//! The table of spec §5, row by row: how each ending is judged, and what it does to health.

use std::time::Duration;

use relay_routing::breaker::Seen;
use relay_routing::outcome::{Quota, status_class};
use relay_routing::wait::{Wait, WaitFor};
use relay_routing::{
    Another, AnswerHead, AttemptEnd, Effect, Ending, Fault, LeftBecause, Outcome, Reply, Surface, classify,
};

use crate::judgements::{
    AUTH, BANNED, BUSY, CLIENT, CUT_SHORT, DRIFT, FAILING, IN_STREAM, Judgement, LIMITED, NOT_OFFERED, OVERLOADED,
    RELAYED, UNREACHABLE, WRONG_CLIENT, assert_judgement, quota, relayed, reply,
};

fn answered(status: u16, body: &str) -> Outcome {
    answered_with(status, body, None)
}

fn answered_with(status: u16, body: &str, wait: Option<Wait>) -> Outcome {
    let head = AnswerHead { status, content_type: "application/json", wait, body_head: Some(body.as_bytes()) };
    classify(&Ending::Answer(head))
}

#[test]
fn endings_without_an_answer() {
    use AttemptEnd::{Answered, MaybeExecuted};
    let bad_response = Judgement { class: "gateway_bad_response", ..CUT_SHORT };
    let timeout = Judgement {
        class: "timeout",
        another: Another::Once,
        effect: Effect::Route,
        reply: (504, "upstream_timeout"),
        ..CUT_SHORT
    };
    let truncated = Judgement {
        end: Answered,
        class: "stream_truncated",
        another: Another::No,
        effect: Effect::Route,
        reply: (200, "stream_interrupted"),
        ..CUT_SHORT
    };
    let misconfigured = Judgement { fault: Fault::Relay, effect: Effect::RouteMisconfigured, ..bad_response };
    let gone = Judgement {
        class: "client_gone",
        fault: Fault::Client,
        another: Another::No,
        effect: Effect::None,
        reply: (0, "nothing"),
        ..CUT_SHORT
    };
    for (ending, expected) in [
        (Ending::Unreachable, UNREACHABLE),
        (Ending::Unsendable, Judgement { fault: Fault::Relay, effect: Effect::RouteMisconfigured, ..UNREACHABLE }),
        (Ending::CutShort, CUT_SHORT),
        (Ending::Junk, bad_response),
        (Ending::Undecodable, bad_response),
        (Ending::Redirect(302), misconfigured),
        (Ending::NoOutput, Judgement { end: MaybeExecuted, ..IN_STREAM }),
        (Ending::FirstOutputTimeout, timeout),
        (Ending::StreamTruncated, truncated),
        (Ending::StreamIdle, Judgement { class: "stream_idle", reply: (200, "stream_timeout"), ..truncated }),
        (Ending::StreamError(b"{}"), Judgement { class: "error_in_stream", ..truncated }),
        (Ending::ClientGone, gone),
    ] {
        assert_judgement(&classify(&ending), expected, &format!("{ending:?}"));
    }
}

#[test]
fn refusals_by_status_and_code() {
    let rows = [
        // Shape A, and B, where a number for a code says nothing.
        (403, r#"{"code":"USER_INACTIVE","message":"m"}"#, AUTH),
        (403, r#"{"code":403,"message":"m"}"#, AUTH),
        // The storm of bad keys, whatever the status.
        (401, r#"{"code":"INVALID_AUTH_RATE_LIMITED","message":"m"}"#, BANNED),
        (403, r#"{"code":"INVALID_AUTH_RATE_LIMITED","message":"m"}"#, BANNED),
        // Windows and limits of a host's key, of its users and of its platforms.
        (429, r#"{"code":"API_KEY_RATE_7D_EXCEEDED","message":"m"}"#, quota(Quota::Week)),
        (429, r#"{"code":"API_KEY_RATE_1D_EXCEEDED","message":"m"}"#, quota(Quota::Day)),
        (
            429,
            r#"{"error":{"type":"rate_limit_exceeded","message":"api key 5小时限额已用完"}}"#,
            quota(Quota::FiveHours),
        ),
        (429, r#"{"error":{"type":"rate_limit_exceeded","message":"api key 日限额已用完"}}"#, quota(Quota::Day)),
        (429, r#"{"error":{"type":"rate_limit_exceeded","message":"api key 7天限额已用完"}}"#, quota(Quota::Week)),
        (
            429,
            r#"{"error":{"type":"rate_limit_exceeded","message":"Daily usage quota exhausted for this platform."}}"#,
            quota(Quota::Day),
        ),
        (
            429,
            r#"{"error":{"type":"rate_limit_exceeded","message":"group requests-per-minute limit exceeded"}}"#,
            LIMITED,
        ),
        // The Go dump, at the second check of an old host too.
        (
            403,
            r#"{"type":"error","error":{"type":"billing_error","message":"error: code=429 reason=\"DAILY_LIMIT_EXCEEDED\""}}"#,
            quota(Quota::Day),
        ),
        (403, r#"{"type":"error","error":{"type":"billing_error","message":"m"}}"#, quota(Quota::Unnamed)),
        // A host's audit of contents: the client's own fault, and no reason to doubt the key.
        (403, r#"{"error":{"type":"content_policy_violation","message":"m"}}"#, relayed(403, CLIENT)),
        (
            403,
            r#"{"error":{"code":403,"message":"内容审计命中风险规则，请调整输入后重试","status":"PERMISSION_DENIED"}}"#,
            relayed(403, CLIENT),
        ),
        // Clients that a group or an account does not take, and functions it lacks.
        (
            403,
            r#"{"error":{"type":"access_denied","message":"This group only allows Claude Code clients."}}"#,
            WRONG_CLIENT,
        ),
        (
            503,
            r#"{"type":"error","error":{"type":"api_error","message":"No available accounts: this group only allows Claude Code clients"}}"#,
            Judgement { effect: Effect::None, ..FAILING },
        ),
        (
            403,
            r#"{"type":"error","error":{"type":"permission_error","message":"This group does not allow /v1/messages dispatch"}}"#,
            NOT_OFFERED,
        ),
        (
            403,
            r#"{"error":{"type":"permission_error","message":"Image generation is not enabled for this group"}}"#,
            NOT_OFFERED,
        ),
        (
            404,
            r#"{"error":{"type":"not_found_error","message":"Images API is not supported for this platform"}}"#,
            relayed(404, DRIFT),
        ),
        // Anthropic itself.
        (400, r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, OVERLOADED),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API"}}"#,
            quota(Quota::Balance),
        ),
        (
            403,
            r#"{"type":"error","error":{"type":"permission_error","message":"Your API key does not have permission"}}"#,
            AUTH,
        ),
        (404, r#"{"type":"error","error":{"type":"not_found_error","message":"model: gpt-9"}}"#, relayed(404, DRIFT)),
        (404, r#"{"type":"error","error":{"type":"not_found_error","message":"no such file"}}"#, relayed(404, CLIENT)),
        (529, r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, FAILING),
        // OpenAI itself, and its likes.
        (400, r#"{"error":{"message":"m","code":"engine_overloaded"}}"#, OVERLOADED),
        (400, r#"{"error":{"message":"m","code":"billing_hard_limit_reached"}}"#, quota(Quota::Unnamed)),
        (402, r#"{"error":{"message":"Insufficient Balance","code":"invalid_request_error"}}"#, quota(Quota::Balance)),
        (402, "", quota(Quota::Balance)),
        (403, r#"{"error":{"message":"m","code":"insufficient_user_quota"}}"#, quota(Quota::Unnamed)),
        (403, r#"{"error":{"message":"m","code":"content_policy_violation"}}"#, relayed(403, CLIENT)),
        (404, r#"{"error":{"message":"No such conversation"}}"#, relayed(404, CLIENT)),
        (429, r#"{"error":{"type":"usage_limit_reached","message":"m"}}"#, quota(Quota::Unnamed)),
        (429, r#"{"error":{"type":"tokens","code":"rate_limit_exceeded","message":"m"}}"#, LIMITED),
        (429, r#"{"error":{"type":"engine_overloaded_error","message":"m"}}"#, BUSY),
        // Every account behind the host failed, and the last one's status shines through.
        (402, r#"{"error":{"code":"server_error","message":"All available accounts exhausted"}}"#, FAILING),
        (403, r#"{"error":{"code":"server_error","message":"All available accounts exhausted"}}"#, FAILING),
        (529, r#"{"error":{"code":"server_error","message":"All available accounts exhausted"}}"#, FAILING),
        // Google, also in a list. It says "quota" of the limits of a minute.
        (400, r#"{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}"#, relayed(400, CLIENT)),
        (
            400,
            r#"[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#,
            AUTH,
        ),
        (404, r#"{"error":{"code":404,"message":"models/x is not found","status":"NOT_FOUND"}}"#, relayed(404, DRIFT)),
        (
            429,
            r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]}]}}"#,
            LIMITED,
        ),
        (
            429,
            r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}}"#,
            quota(Quota::Day),
        ),
        // The message is the error's own, not one of its details.
        (
            429,
            r#"{"error":{"code":429,"message":"Too many pending requests","status":"RESOURCE_EXHAUSTED","details":[{"message":"m"}]}}"#,
            BUSY,
        ),
        // No shape at all.
        (400, "", relayed(400, CLIENT)),
        (401, "", AUTH),
        (403, "denied", AUTH),
        (404, "404 page not found", relayed(404, DRIFT)),
        (405, "", relayed(405, DRIFT)),
        (408, "", OVERLOADED),
        (409, "{}", relayed(409, CLIENT)),
        (413, "<html>", relayed(413, CLIENT)),
        (415, "{}", relayed(415, CLIENT)),
        (418, "{}", relayed(418, CLIENT)),
        (422, "{}", relayed(422, CLIENT)),
        (425, "", OVERLOADED),
        (429, "slow down", LIMITED),
        (451, "{}", relayed(451, CLIENT)),
        (500, "oops", Judgement { class: "gateway_500", ..FAILING }),
        (501, "", relayed(501, DRIFT)),
        (502, "<html>", FAILING),
        (503, "", FAILING),
        (522, "<html>", FAILING),
        (599, "", FAILING),
        (999, "", FAILING),
    ];
    for (status, body, expected) in rows {
        let outcome = answered(status, body);
        assert_judgement(&outcome, expected, &format!("{status} {body}"));
        assert_eq!(outcome.status, Some(status));
    }
}

#[test]
fn nobody_cools_down_a_credential_with_words_of_his_own() {
    // Errors quote what they complain of.
    for words in [
        "DAILY_LIMIT_EXCEEDED",
        "额度已用完",
        "your credit balance is too low",
        "exceeded your current quota, please check your plan and billing",
    ] {
        let body =
            format!(r#"{{"error":{{"type":"invalid_request_error","message":"Unknown parameter: '{words}'"}}}}"#);
        assert_judgement(&answered(400, &body), relayed(400, CLIENT), words);
        assert_eq!(classify(&Ending::ErrorEvent(body.as_bytes())).effect, Effect::None, "{words}");
        let body = format!(r#"{{"detail":"no '{words}'","message":"no '{words}'"}}"#);
        assert_judgement(&answered(400, &body), relayed(400, CLIENT), words);
    }
}

#[test]
fn a_gateways_timeout_may_have_done_the_work() {
    for status in [504, 520, 524] {
        let expected = Judgement { end: AttemptEnd::MaybeExecuted, ..FAILING };
        assert_judgement(&answered(status, ""), expected, &status.to_string());
    }
}

#[test]
fn a_client_that_waits_never_reads_that_it_went_away() {
    let expected = Judgement { end: AttemptEnd::MaybeExecuted, class: "gateway_499", effect: Effect::None, ..FAILING };
    assert_judgement(&answered(499, r#"{"error":{"type":"api_error","message":"context canceled"}}"#), expected, "499");
}

#[test]
fn a_success_that_is_none_is_a_bad_response() {
    let bad = Judgement { class: "gateway_bad_response", ..CUT_SHORT };
    let moved = Judgement { fault: Fault::Relay, effect: Effect::RouteMisconfigured, ..bad };
    let check = |status, content_type, body: Option<&str>, expected: Option<Judgement>| {
        let head = AnswerHead { status, content_type, wait: None, body_head: body.map(str::as_bytes) };
        let outcome = classify(&Ending::Answer(head));
        match expected {
            None => assert_eq!(outcome, Outcome::ANSWERED, "{status} {content_type} {body:?}"),
            Some(expected) => assert_judgement(&outcome, expected, &format!("{status} {content_type} {body:?}")),
        }
    };
    check(200, "application/json", Some("{}"), None);
    check(200, "text/event-stream", None, None);
    check(201, "", Some("{}"), None);
    check(200, "text/html; charset=utf-8", None, Some(bad));
    check(200, "TEXT/HTML", Some("{}"), Some(bad));
    check(200, "application/json", Some(" <!doctype html>"), Some(bad));
    check(200, "application/json", Some(""), Some(bad));
    check(200, "application/json", Some(" \n"), Some(bad));
    check(103, "", None, Some(bad));
    check(301, "", None, Some(moved));
    check(308, "application/json", Some("{}"), Some(moved));
    check(403, "text/html", Some("<html>blocked</html>"), Some(Judgement { end: AttemptEnd::Refused, ..bad }));
}

#[test]
fn an_error_in_band_is_judged_by_its_code() {
    let credential = |effect| Judgement { fault: Fault::Credential, effect, ..IN_STREAM };
    let of_the_client =
        Judgement { fault: Fault::Client, another: Another::No, effect: Effect::None, reply: RELAYED, ..IN_STREAM };
    let unclear = Judgement { end: AttemptEnd::MaybeExecuted, ..IN_STREAM };
    for (data, expected) in [
        (r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, IN_STREAM),
        (r#"{"type":"error","error":{"type":"rate_limit_error","message":"m"}}"#, credential(Effect::RateLimited)),
        (
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"Concurrency limit exceeded for user, please retry later"}}"#,
            Judgement { effect: Effect::Busy, ..IN_STREAM },
        ),
        (
            r#"{"type":"error","error":{"type":"billing_error","message":"m"}}"#,
            credential(Effect::Quota(Quota::Unnamed)),
        ),
        (r#"{"type":"error","error":{"type":"billing_service_error","message":"m"}}"#, IN_STREAM),
        (r#"{"type":"error","error":{"type":"permission_error","message":"m"}}"#, credential(Effect::Refused)),
        (r#"{"type":"error","error":{"type":"invalid_request_error","message":"m"}}"#, of_the_client),
        (r#"{"type":"error","error":{"type":"stream_timeout","message":"m"}}"#, unclear),
        (r#"{"error":{"type":"upstream_error","message":"m"}}"#, IN_STREAM),
        (r#"{"error":{"type":"upstream_error","code":"upstream_stream_read_error","message":"m"}}"#, unclear),
        (
            r#"{"error":{"type":"model_not_found","message":"m"}}"#,
            Judgement { fault: Fault::Relay, effect: Effect::Drift, reply: RELAYED, ..IN_STREAM },
        ),
        (
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"authentication_failed","message":"m"}}}"#,
            credential(Effect::Refused),
        ),
        (
            r#"{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded"}}}"#,
            credential(Effect::RateLimited),
        ),
        (
            r#"{"type":"response.failed","response":{"error":{"code":"permission_denied"}}}"#,
            credential(Effect::Refused),
        ),
        (r#"{"type":"response.failed","response":{"error":{"code":"server_error"}}}"#, IN_STREAM),
        (r#"{"type":"response.failed","response":{"error":{"code":"invalid_request"}}}"#, of_the_client),
        (r#"{"error":"boom"}"#, IN_STREAM),
        ("junk", IN_STREAM),
    ] {
        let outcome = classify(&Ending::ErrorEvent(data.as_bytes()));
        assert_judgement(&outcome, expected, data);

        // The same after the commit: nothing can be tried any more, and health hears the same.
        let committed = classify(&Ending::StreamError(data.as_bytes()));
        let told = Judgement {
            end: AttemptEnd::Answered,
            another: Another::No,
            reply: (200, "stream_interrupted"),
            ..expected
        };
        assert_judgement(&committed, told, data);
    }
}

fn wait(seconds: u64, of: WaitFor) -> Wait {
    Wait { span: Duration::from_secs(seconds), of }
}

#[test]
fn a_wait_is_kept_and_capped_and_turns_a_502_into_a_503() {
    let check = |status, body: &str, seconds, expected: u64, client: u16| {
        let outcome = answered_with(status, body, Some(wait(seconds, WaitFor::Answer)));
        assert_eq!(outcome.wait, Some(Duration::from_secs(expected)), "{status}");
        assert_eq!(reply(&outcome).0, client, "{status}");
    };
    check(429, "", 5 * 3600, 3600, 429);
    check(429, "", 3, 3, 429);
    check(429, r#"{"code":"INVALID_AUTH_RATE_LIMITED"}"#, 60, 60, 429);
    check(429, r#"{"message":"Too many pending requests"}"#, 2, 2, 429);
    check(502, "", 3, 3, 503);
    check(503, "", 5 * 3600, 3600, 503);
    check(529, "", 3600, 3600, 503);
    check(429, r#"{"code":"USAGE_LIMIT_EXCEEDED"}"#, 24 * 3600, 24 * 3600, 503);
}

#[test]
fn the_state_of_short_limits_says_nothing_of_other_failures() {
    // It rides on every answer, so only a plain 429 is about it.
    let waited = |status, body| answered_with(status, body, Some(wait(1, WaitFor::Limit))).wait;
    assert_eq!(waited(429, ""), Some(Duration::from_secs(1)));
    for (status, body) in [
        (429, r#"{"error":{"code":"insufficient_quota"}}"#),
        (429, r#"{"message":"Too many pending requests"}"#),
        (402, ""),
        (503, ""),
        (408, ""),
        (401, ""),
    ] {
        assert_eq!(waited(status, body), None, "{status} {body}");
    }
}

#[test]
fn a_window_is_used_up_only_with_evidence() {
    // Field note 23: a burst is not a window; headers or codes have to say so.
    let week = Some(wait(25 * 3600, WaitFor::Window(Quota::Week)));
    let outcome = answered_with(429, r#"{"error":{"type":"rate_limit_error","message":"m"}}"#, week);
    assert_judgement(&outcome, quota(Quota::Week), "headers");
    assert_eq!(outcome.wait, Some(Duration::from_hours(25)));
    assert_judgement(&answered_with(503, "", week), FAILING, "rides along");
    assert_judgement(&answered_with(401, "", week), AUTH, "rides along");
    assert_judgement(&answered_with(429, "", Some(wait(7, WaitFor::Answer))), LIMITED, "burst");
}

#[test]
fn a_body_may_tell_the_wait_where_headers_do_not() {
    let plan = r#"{"error":{"type":"usage_limit_reached","resets_in_seconds":9000,"message":"m"}}"#;
    assert_eq!(answered(429, plan).wait, Some(Duration::from_mins(150)));
    assert_eq!(answered_with(429, plan, Some(wait(30, WaitFor::Answer))).wait, Some(Duration::from_secs(30)));
    let google =
        r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":"t"},{"retryDelay":"34.5s"}]}}"#;
    assert_eq!(answered(429, google).wait, Some(Duration::from_millis(34_500)));
    for absurd in ["-1", "1e99", "\"soon\"", "null"] {
        let body = format!(r#"{{"error":{{"type":"usage_limit_reached","resets_in_seconds":{absurd}}}}}"#);
        assert_eq!(answered(429, &body).wait, None, "{absurd}");
    }
}

#[test]
fn only_what_is_busy_is_borrowed_around() {
    let in_band = br#"{"type":"error","error":{"type":"rate_limit_error","message":"Too many pending requests"}}"#;
    assert_eq!(answered(408, "").left_because(), LeftBecause::Busy);
    assert_eq!(answered(429, r#"{"message":"Too many pending requests"}"#).left_because(), LeftBecause::Busy);
    assert_eq!(classify(&Ending::ErrorEvent(in_band)).left_because(), LeftBecause::Busy);
    assert_eq!(answered(429, "").left_because(), LeftBecause::Failed);
    assert_eq!(answered(503, "").left_because(), LeftBecause::Failed);
    assert_eq!(classify(&Ending::Unreachable).left_because(), LeftBecause::Failed);
}

#[test]
fn breakers_see_what_the_route_or_the_host_has_to_answer_for() {
    use Seen::{Failure, Nothing, Success};
    for (outcome, by_route, by_host) in [
        (Outcome::ANSWERED, Success, Success),
        // A refusal proves that the host lives, and nothing of what lies behind.
        (answered(400, ""), Nothing, Success),
        (answered(404, ""), Nothing, Success),
        (answered(408, ""), Nothing, Success),
        (answered(401, ""), Nothing, Success),
        (answered(429, ""), Nothing, Success),
        (answered(402, ""), Nothing, Success),
        // A proxy before a dead host says 5xx as well.
        (answered(503, ""), Failure("gateway_5xx"), Nothing),
        (classify(&Ending::Redirect(301)), Failure("gateway_bad_response"), Nothing),
        (classify(&Ending::Unsendable), Failure("transport_error"), Nothing),
        (classify(&Ending::FirstOutputTimeout), Failure("timeout"), Nothing),
        (classify(&Ending::StreamTruncated), Failure("stream_truncated"), Nothing),
        (classify(&Ending::StreamIdle), Failure("stream_idle"), Nothing),
        (classify(&Ending::NoOutput), Failure("error_in_stream"), Nothing),
        // What never left us says nothing of the route.
        (classify(&Ending::Unreachable), Nothing, Failure("transport_error")),
        (classify(&Ending::CutShort), Failure("transport_error"), Failure("transport_error")),
        (classify(&Ending::Junk), Failure("gateway_bad_response"), Failure("gateway_bad_response")),
        (classify(&Ending::ClientGone), Nothing, Nothing),
        (answered(499, ""), Nothing, Nothing),
    ] {
        assert_eq!((outcome.seen_by_route(), outcome.seen_by_host()), (by_route, by_host), "{outcome:?}");
    }
}

#[test]
fn a_529_stays_one_where_clients_know_it() {
    let status_on = |outcome: &Outcome, surface| match outcome.reply_on(surface) {
        Reply::Ours { status, .. } => status,
        other => panic!("{other:?}"),
    };
    let overloaded = answered(529, "");
    assert_eq!(status_on(&overloaded, Surface::Messages), 529);
    assert_eq!(status_on(&overloaded, Surface::CountTokens), 529);
    assert_eq!(status_on(&overloaded, Surface::ChatCompletions), 502);
    assert_eq!(status_on(&overloaded, Surface::Responses), 502);
    assert_eq!(status_on(&answered(503, ""), Surface::Messages), 502);
    assert_eq!(status_on(&answered(408, ""), Surface::Messages), 503);
    assert_eq!(answered(400, "").reply_on(Surface::Messages), Reply::Relayed);
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

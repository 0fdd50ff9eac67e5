//! Every error of a sub2api host, as it stands on the wire (sub2api-host-api.md §4.3, §4.4;
//! texts, codes and shapes are the test double's), in every shape it comes in.

use relay_routing::outcome::Quota;
use relay_routing::{Another, AnswerHead, AttemptEnd, Effect, Ending, Fault, classify};
use relay_testkit::errors::{ALL, MODEL_NOT_FOUND};
use relay_testkit::{Personality, Surface};

use crate::judgements::{
    AUTH, BANNED, BUSY, CLIENT, DRIFT, FAILING, IN_STREAM, Judgement, LIMITED, NOT_OFFERED, RELAYED, WRONG_CLIENT,
    assert_judgement, quota, relayed,
};

const SURFACES: [Surface; 4] = [Surface::Chat, Surface::Responses, Surface::Messages, Surface::Gemini];

/// How the error is to be judged by its status and body, on whichever surface.
fn expected(name: &str) -> Option<Judgement> {
    let lack = Judgement { effect: Effect::Drift, ..FAILING };
    let unclear = Judgement { end: AttemptEnd::MaybeExecuted, ..FAILING };
    Some(match name {
        "KEY_REQUIRED"
        | "KEY_REQUIRED_S"
        | "KEY_REQUIRED_GOOGLE"
        | "INVALID_API_KEY"
        | "API_KEY_DISABLED"
        | "USER_NOT_FOUND"
        | "USER_INACTIVE"
        | "SUBSCRIPTION_NOT_FOUND"
        | "SUBSCRIPTION_INVALID"
        | "API_KEY_EXPIRED"
        | "GROUP_DELETED"
        | "GROUP_DISABLED"
        | "GROUP_NOT_ALLOWED"
        | "ACCESS_DENIED"
        | "KEY_WITHOUT_GROUP"
        | "OPENAI_KEY_MISSING"
        | "OPENAI_KEY_INVALID" => AUTH,
        "DAILY_LIMIT_EXCEEDED" => quota(Quota::Day),
        "WEEKLY_LIMIT_EXCEEDED" => quota(Quota::Week),
        "MONTHLY_LIMIT_EXCEEDED" => quota(Quota::Month),
        "INSUFFICIENT_BALANCE" => quota(Quota::Balance),
        "API_KEY_QUOTA_EXHAUSTED" | "INSUFFICIENT_QUOTA" | "BILLING_ERROR" | "OPENAI_INSUFFICIENT_QUOTA" => {
            quota(Quota::Unnamed)
        }
        "INVALID_AUTH_RATE_LIMITED" => BANNED,
        "RATE_LIMIT_EXCEEDED" | "POOL_RATE_LIMITED" | "UPSTREAM_RATE_LIMITED" => LIMITED,
        "QUEUE_FULL" | "USER_CONCURRENCY" | "ACCOUNT_CONCURRENCY" => BUSY,
        "INTERNAL_ERROR" | "SUBSCRIPTION_MAINTENANCE_FAILED" => Judgement { class: "gateway_500", ..FAILING },
        "API_KEY_AUTH_OVERLOADED"
        | "BILLING_SERVICE_ERROR"
        | "SERVICE_UNAVAILABLE"
        | "NO_ACCOUNTS_FOR_MODEL"
        | "NO_ACCOUNTS_FOR_MODEL_ANTHROPIC"
        | "NO_AVAILABLE_ACCOUNTS"
        | "UPSTREAM_OVERLOADED"
        | "UPSTREAM_AUTH_FAILED"
        | "UPSTREAM_FORBIDDEN"
        | "UPSTREAM_UNAVAILABLE"
        | "UPSTREAM_FAILED"
        | "ACCOUNTS_EXHAUSTED"
        | "WITHOUT_TYPE"
        | "STREAM_READ_ERROR" => FAILING,
        "STREAM_TIMEOUT" => unclear,
        "COMPACT_NOT_SUPPORTED" => lack,
        "MODEL_NOT_FOUND" | "OPENAI_MODEL_NOT_FOUND" => relayed(404, DRIFT),
        "CLAUDE_CODE_ONLY" | "FORBIDDEN_CLIENT" => WRONG_CLIENT,
        "QUERY_KEY_DEPRECATED"
        | "QUERY_API_KEY_DEPRECATED"
        | "EMPTY_BODY"
        | "UNPARSABLE_BODY"
        | "MODEL_REQUIRED"
        | "CONTEXT_LENGTH_EXCEEDED"
        | "UPSTREAM_BAD_REQUEST"
        | "CONTENT_POLICY" => relayed(400, CLIENT),
        "BODY_TOO_LARGE" => relayed(413, CLIENT),
        "CLIENT_CLOSED" => Judgement { class: "gateway_499", effect: Effect::None, ..unclear },
        _ => return None,
    })
}

/// Shape E has no room for codes, so there the text is all that a host says.
fn expected_in_shape_e(name: &str) -> Option<Judgement> {
    match name {
        // The text of the one is that of a missing subscription; the other is not spoken there.
        "BILLING_ERROR" | "ACCOUNTS_EXHAUSTED" => Some(AUTH),
        // Nor is this.
        "COMPACT_NOT_SUPPORTED" => Some(FAILING),
        name => expected(name),
    }
}

#[test]
fn every_error_of_a_host_in_every_shape() {
    for (name, error) in ALL {
        for surface in SURFACES {
            let expected = if surface == Surface::Gemini { expected_in_shape_e(name) } else { expected(name) };
            let expected = expected.unwrap_or_else(|| panic!("{name} is in no row"));
            let body = error.body(surface, "gpt-5");
            let head = AnswerHead {
                status: error.status,
                content_type: "application/json",
                wait: None,
                body_head: Some(body.as_bytes()),
            };
            assert_judgement(&classify(&Ending::Answer(head)), expected, &format!("{name} on {surface:?}: {body}"));
        }
    }
}

/// What an error told after a queue does to health: what the same would do with a status.
fn in_band(name: &str) -> Judgement {
    let with_status = expected(name).unwrap();
    let in_stream = Judgement { fault: with_status.fault, effect: with_status.effect, ..IN_STREAM };
    match (with_status.effect, name) {
        (_, "CLIENT_CLOSED") => IN_STREAM,
        (_, "STREAM_READ_ERROR" | "STREAM_TIMEOUT") => Judgement { end: AttemptEnd::MaybeExecuted, ..in_stream },
        (Effect::None, _) if with_status.reply == RELAYED => {
            Judgement { another: Another::No, reply: RELAYED, ..in_stream }
        }
        (Effect::None, _) => Judgement { reply: with_status.reply, ..in_stream },
        (Effect::Drift, "COMPACT_NOT_SUPPORTED") => {
            Judgement { fault: Fault::Relay, reply: NOT_OFFERED.reply, ..in_stream }
        }
        (Effect::Drift, _) => Judgement { reply: RELAYED, ..in_stream },
        _ => in_stream,
    }
}

#[test]
fn every_error_after_admission_told_in_band() {
    let told_after_a_queue = [
        "BILLING_ERROR",
        "RATE_LIMIT_EXCEEDED",
        "QUEUE_FULL",
        "USER_CONCURRENCY",
        "ACCOUNT_CONCURRENCY",
        "SERVICE_UNAVAILABLE",
        "NO_AVAILABLE_ACCOUNTS",
        "POOL_RATE_LIMITED",
        "MODEL_NOT_FOUND",
        "UPSTREAM_RATE_LIMITED",
        "UPSTREAM_OVERLOADED",
        "UPSTREAM_AUTH_FAILED",
        "UPSTREAM_FAILED",
        "BILLING_SERVICE_ERROR",
        "COMPACT_NOT_SUPPORTED",
        "STREAM_READ_ERROR",
        "STREAM_TIMEOUT",
        "UNPARSABLE_BODY",
        "FORBIDDEN_CLIENT",
    ];
    for name in told_after_a_queue {
        let (_, error) = ALL.iter().find(|(known, _)| *known == name).unwrap();
        for personality in [Personality::S, Personality::N] {
            if personality == Personality::S && *error == MODEL_NOT_FOUND {
                continue; // It came later, and the old way of writing JSON could not have quoted it.
            }
            for surface in [Surface::Chat, Surface::Responses, Surface::Messages] {
                let event = error.in_band(personality, surface, "gpt-5");
                let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
                let outcome = classify(&Ending::ErrorEvent(data.as_bytes()));
                assert_judgement(&outcome, in_band(name), &format!("{name} on {surface:?}: {data}"));
            }
        }
    }
}

#[test]
fn no_text_of_a_host_is_in_an_outcome() {
    // Its words reach the client by being relayed alone, which the gateway does, and re-shapes.
    for (_, error) in ALL {
        let leaky = error.clone().with_message(format!("{} sk-canary at canary.internal", error.message));
        for surface in SURFACES {
            let body = leaky.body(surface, "canary-model");
            let body = body.as_bytes();
            let head = AnswerHead { status: error.status, content_type: "", wait: None, body_head: Some(body) };
            for ending in [Ending::Answer(head), Ending::ErrorEvent(body), Ending::StreamError(body)] {
                let outcome = format!("{:?}", classify(&ending));
                assert!(!outcome.contains("canary"), "{outcome}");
            }
        }
    }
}

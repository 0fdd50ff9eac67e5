//! What a client hears of a host's failure, whatever the host has said.

use bytes::Bytes;
use http::StatusCode;
use relay_routing::{AnswerHead, Ending, Outcome, Reply, Surface, classify};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::reshape::{Names, reshape};
use crate::surface::ErrorShape;

/// The host's address, the model's name there, and our key, as the fleet has them.
const HIDDEN: [&str; 3] = ["tokyo-1.example", "shadow-5", "sk-canary"];

const SURFACES: [Surface; 3] = [Surface::ChatCompletions, Surface::Responses, Surface::Messages];

const SHAPES: [ErrorShape; 3] = [ErrorShape::OpenAi, ErrorShape::Anthropic, ErrorShape::Google];

/// A host's error: two bytes for the status, one for the content type, and the body.
///
/// # Panics
/// When its opinion of our key, its name or its model's name would reach a client.
pub fn refusal(data: &[u8]) {
    let [high, low, kind, body @ ..] = data else { return };
    let status = 400 + u16::from_be_bytes([*high, *low]) % 200;
    let content_type = ["application/json", "text/html; charset=utf-8", "text/plain", ""][usize::from(*kind) % 4];
    let head = AnswerHead { status, content_type, wait: None, body_head: Some(body) };
    with_a_status(status, &classify(&Ending::Answer(head)), body);
    let first = classify(&Ending::ErrorEvent(body));
    if first.reply == Reply::Relayed {
        assert_hides_everything(StatusCode::BAD_REQUEST, body);
    }
    let late = classify(&Ending::StreamError(body));
    assert!(matches!(late.reply, Reply::InStream { .. }), "nothing of a host's words follows a stream's output");
}

fn with_a_status(status: u16, outcome: &Outcome, body: &[u8]) {
    assert!(!outcome.is_answered());
    for surface in SURFACES {
        match outcome.reply_on(surface) {
            Reply::Relayed => {
                assert!(!matches!(status, 401 | 402 | 429 | 500 | 502..), "{status} is about us, not about the client");
                assert!(status != 403 || speaks_of_content(body), "403 is relayed for its content alone");
                assert_hides_everything(StatusCode::from_u16(status).unwrap_or_default(), body);
            }
            Reply::Ours { status, .. } => assert!(status != 401 && StatusCode::from_u16(status).is_ok()),
            Reply::InStream { .. } | Reply::Nothing => panic!("there is a client, and it has no stream"),
        }
    }
}

/// A cruder look than the classifier's.
fn speaks_of_content(body: &[u8]) -> bool {
    let text = serde_json::from_slice::<Value>(body).unwrap_or_default().to_string().to_lowercase();
    ["policy", "filter", "prohibited", "moderation", "safe", "sensitive", "风险"].iter().any(|word| text.contains(word))
}

fn assert_hides_everything(status: StatusCode, body: &[u8]) {
    let hidden = HIDDEN.iter().map(|name| ((*name).into(), "upstream".into())).collect();
    let (names, body) = (Names { hidden }, Bytes::copy_from_slice(body));
    for shape in SHAPES {
        assert_clean(&reshape(shape, status, &body, &names));
    }
}

fn assert_clean(shown: &[u8]) {
    let text = std::str::from_utf8(shown).unwrap_or_else(|_| panic!("a client is to be able to read it"));
    assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "{text} is no JSON");
    let read = decoded(text);
    for name in HIDDEN {
        assert!(!read.contains(name), "{name} in {read}");
    }
}

/// JSON with its escapes undone, also where they make no text: a lone surrogate is legal.
fn decoded(json: &str) -> String {
    let mut read = String::new();
    let mut rest = json.chars();
    while let Some(character) = rest.next() {
        let escaped = if character == '\\' { rest.next() } else { None };
        read.push(match escaped {
            None => character,
            Some('u') => {
                let code: String = rest.by_ref().take(4).collect();
                u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).unwrap_or_default()
            }
            Some(itself @ ('"' | '\\' | '/')) => itself,
            Some(_) => ' ',
        });
    }
    read
}

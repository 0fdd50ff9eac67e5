//! `POST /v1/embeddings`. Its answers are never streamed, and it has no
//! conversation, so nothing in its body is a subject.

use super::chat_completions::read_usage;
use super::members::Members;
use super::reading::Said;
use super::whole::Whole;
use super::{COMMENT, Call, Dialect, Envelope, ErrorShape, Request, sse};

/// OpenAI's embeddings.
pub(crate) static EMBEDDINGS: Dialect = Dialect {
    surface: relay_routing::Surface::Embeddings,
    recognize: |line| (line.path == "/v1/embeddings").then(|| Call::post(&EMBEDDINGS, line)),
    takes_forms: false,
    read_request: |request: Request<'_>| Envelope::of_members(request.body, &Members::read(request.body)?),
    read_event: read_whole,
    read_whole,
    model_member: b"model",
    ends_with_done: false,
    failures_are_answers: false,
    may_end_unread: |_| false,
    keep_alive: COMMENT,
    errors: ErrorShape::OpenAi,
    error_event: |body, _| sse::event_of(body),
};

fn read_whole(body: &[u8]) -> Option<Said<'_>> {
    let whole = Whole::read(body)?;
    Some(whole.said(whole.is_error_without(whole.data), read_usage))
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use crate::surface::Meaning;

    #[test]
    fn a_request_has_a_model_and_no_conversation() {
        let envelope = testing::envelope(&EMBEDDINGS, r#"{"input":"x","model":"e","user":"u"}"#).unwrap();
        assert_eq!((envelope.model.as_str(), envelope.stable_prefix), ("e", None));
    }

    #[test]
    fn an_answer_tells_its_usage() {
        let body = r#"{"object":"list","data":[{"embedding":[0.1]}],"model":"e","usage":{"prompt_tokens":8,"total_tokens":8}}"#;
        let read = EMBEDDINGS.whole(body.as_bytes()).unwrap();
        assert_eq!(
            (read.meaning, read.counts.unwrap().input, read.counts.unwrap().output),
            (Meaning::Output, Some(8), None)
        );
        assert_eq!(EMBEDDINGS.whole(br#"{"error":{"message":"m"}}"#).unwrap().meaning, Meaning::Error);
    }
}

//! `POST /v1/images/generations` and `/edits`. Edits are a form, in which the
//! model is a field ([`super::form`]).
//!
//! Making an image twice costs twice and helps nobody, so these requests count
//! as stateful (spec §5).

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::members::Members;
use super::reading::{Meaning, Progress, Said, kind_in_head, object, text_of};
use super::responses::read_usage;
use super::whole::Whole;
use super::{COMMENT, Call, Dialect, Envelope, EnvelopeError, ErrorShape, Request, sse};

/// OpenAI's images. A stream ends after an event whose type ends in `.completed`; there is one for each image.
pub(crate) static IMAGES: Dialect = Dialect {
    surface: relay_routing::Surface::Images,
    recognize: |line| {
        matches!(line.path, "/v1/images/generations" | "/v1/images/edits").then(|| Call::post(&IMAGES, line))
    },
    takes_forms: true,
    read_request,
    read_event,
    read_whole,
    model_member: b"model",
    ends_with_done: false,
    failures_are_answers: false,
    may_end_unread: |head| kind_in_head(head).is_none_or(|kind| kind.ends_with(".completed")),
    keep_alive: COMMENT,
    errors: ErrorShape::OpenAi,
    error_event: |body, _| sse::event_of(body),
};

fn read_request(request: Request<'_>) -> Result<Envelope, EnvelopeError> {
    Ok(Envelope { stateful: true, ..Envelope::of_members(request.body, &Members::read(request.body)?)? })
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    error: Option<IgnoredAny>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

fn read_event(data: &[u8]) -> Option<Said<'_>> {
    let event: Event<'_> = object(data)?;
    let kind = text_of(event.kind);
    let meaning = match &*kind {
        "error" => Meaning::Error,
        _ if event.error.is_some() => Meaning::Error,
        "ping" | "keepalive" => Meaning::Start,
        _ => Meaning::Output,
    };
    let image = Progress::bit(0);
    let finished = if kind.ends_with(".completed") { image } else { 0 };
    let resumed = if kind.ends_with(".partial_image") { image } else { 0 };
    let progress = Progress { begun: image, finished, resumed };
    Some(Said { counts: event.usage.and_then(read_usage), progress, ..Said::plain(meaning) })
}

fn read_whole(body: &[u8]) -> Option<Said<'_>> {
    let whole = Whole::read(body)?;
    Some(whole.said(whole.is_error_without(whole.data), read_usage))
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    #[test]
    fn an_image_is_not_to_be_made_twice() {
        assert!(testing::envelope(&IMAGES, r#"{"model":"a","prompt":"x"}"#).unwrap().stateful);
    }

    #[test]
    fn images_are_output_and_a_completed_one_may_be_the_last() {
        let read = |data: &str| testing::event(&IMAGES, &format!("data: {data}\n\n"));
        let partial = read(r#"{"type":"image_generation.partial_image","b64_json":"x"}"#);
        assert_eq!((partial.meaning, partial.progress.is_whole()), (Meaning::Output, false));
        let completed = read(r#"{"type":"image_edit.completed","usage":{"input_tokens":5,"output_tokens":7}}"#);
        assert_eq!((completed.meaning, completed.progress.is_whole()), (Meaning::Output, true));
        assert_eq!(completed.counts.unwrap().output, Some(7));
        assert_eq!(read(r#"{"type":"error","error":{}}"#).meaning, Meaning::Error);
        let mut progress = completed.progress;
        progress.update(read(r#"{"type":"keepalive"}"#).progress);
        progress.update(read(r#"{"usage":{}}"#).progress);
        assert!(progress.is_whole());
        progress.update(partial.progress);
        assert!(!progress.is_whole(), "another image has begun");
        progress.update(completed.progress);
        assert!(progress.is_whole());
    }
}

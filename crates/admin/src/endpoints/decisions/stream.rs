//! `GET /api/v1/decisions/stream`: decisions as they end, as server-sent events.

use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt as _};
use http::header::HeaderName;
use http::{HeaderValue, StatusCode};
use relay_control::decision_tail::{DecisionTail, TailEvent};
use relay_control::decisions::TailCursor;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Viewer;
use crate::error::{ApiError, ApiResult};
use crate::input::Input;
use crate::state::AdminState;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What is told when decisions were left out.
#[derive(Serialize, ToSchema)]
pub(crate) struct Lagged {
    /// Some that ended after this place were not told.
    after: String,
}

/// Streams decisions as they end.
///
/// Server-sent events. `decision` holds a decision as the list shows it; its id is a cursor. `lagged` says that
/// decisions ended faster than they were read, and that some were left out: `{"after": cursor}`. A client that comes
/// back with `Last-Event-ID` (or `cursor`) is told what ended since; the last second may be repeated, and beyond 500
/// decisions it is told `lagged`. A comment comes after 15 s of silence. At most 64 streams at once.
#[utoipa::path(
    get,
    path = "/decisions/stream",
    operation_id = "streamDecisions",
    tag = "decisions",
    params(
        super::DecisionQuery,
        ("cursor" = Option<String>, Query, description = "Id of the last event; as the header `Last-Event-ID`, which goes before it"),
        ("Last-Event-ID" = Option<String>, Header, description = "The same, as browsers send it", pattern = "^-?[0-9]+-[0-9]+$"),
    ),
    responses(
        (status = 200, description = "Events without an end", content_type = "text/event-stream", body = String),
        (status = 429, description = "There are too many streams", body = crate::openapi::responses::Error),
    ),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, mut input: Input) -> ApiResult<Response> {
    let filter = super::filter(&mut input.query);
    let cursor = input.query.parsed("cursor", str::parse::<TailCursor>);
    let last = input.header(&LAST_EVENT_ID, |headers| {
        let read = |last: &HeaderValue| last.to_str().ok().and_then(|last| last.trim().parse().ok());
        let last = headers.get(LAST_EVENT_ID).map(read);
        last.map(|last| last.ok_or("is not one that the stream gave")).transpose()
    });
    input.finish()?;
    let Ok(place) = state.tails.clone().try_acquire_owned() else {
        let message = "there are as many streams as may be; close one, or ask the list";
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", message));
    };
    let tail = state.control.follow_decisions(filter, last.flatten().or(cursor));
    // The first bytes at once: proxies and clients then know that the stream stands.
    let opening = stream::once(async { Ok(Event::default().comment("decisions as they end")) });
    let events = events(tail).take_until(state.ending.clone().cancelled_owned()).map(move |event| {
        // Given back when the client goes away and the stream is dropped.
        let _ = &place;
        event
    });
    let keep_alive = KeepAlive::new().interval(state.process.keep_alive).text("keep-alive");
    let mut response = Sse::new(opening.chain(events)).keep_alive(keep_alive).into_response();
    response.headers_mut().insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

fn events(tail: DecisionTail) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(tail, async |mut tail| match tail.next().await {
        Ok(next) => next.map(|told| (Ok(event(told)), tail)),
        Err(error) => {
            // Ending the stream makes the client come back with what it saw last.
            tracing::error!(%error, source = ?std::error::Error::source(&error), "a tail of the decision log broke off");
            None
        }
    })
}

fn event(told: TailEvent) -> Event {
    let (name, cursor, data) = match told {
        TailEvent::Ended { cursor, decision } => ("decision", cursor, serde_json::to_string(&decision)),
        TailEvent::Lagged(cursor) => ("lagged", cursor, serde_json::to_string(&Lagged { after: cursor.to_string() })),
    };
    Event::default().event(name).id(cursor.to_string()).data(data.expect("a decision is JSON"))
}

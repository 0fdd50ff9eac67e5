//! The signs of life of a host on a stream, byte for byte (sub2api-host-api.md §4.4).

use super::{Personality, Surface};

/// Sent while a request waits for a slot, before anything else; the host answers 200 for it.
pub(crate) fn while_queueing(personality: Personality, surface: Surface) -> Option<&'static str> {
    match (personality, surface) {
        // No `event:` line, and a space inside the JSON.
        (Personality::S | Personality::N, Surface::Messages) => Some("data: {\"type\": \"ping\"}\n\n"),
        (Personality::N, Surface::Chat | Surface::Responses) => Some(":\n\n"),
        _ => None,
    }
}

/// Sent when the upstream has been silent in the middle of a stream.
pub(crate) fn mid_stream(personality: Personality, surface: Surface) -> Option<&'static str> {
    match (personality, surface) {
        (Personality::N, Surface::Messages) => Some("event: ping\ndata: {\"type\": \"ping\"}\n\n"),
        (Personality::N, Surface::Chat | Surface::Responses) => Some(":\n\n"),
        _ => None,
    }
}

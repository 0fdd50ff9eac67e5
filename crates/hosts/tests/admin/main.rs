//! The admin client where a host is odd, in the way, broken or slow. What it does with hosts
//! that are well is in `conformance`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
mod barriers;
mod lost_answers;
mod pace;
mod paging;
mod probing;
mod requests;
mod secrecy;
mod sessions;
mod support;

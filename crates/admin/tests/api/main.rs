//! The admin API over real HTTP, a real SQLite store, a real decision log and scripted hosts.
#![expect(clippy::format_collect, clippy::format_push_string, reason = "fleets of tests are short")]

mod access;
mod access_grants;
mod decisions;
mod described;
mod edits;
mod endpoints;
mod every_edit;
mod every_fault;
mod every_list;
mod explain;
mod failover;
mod fleet;
mod forward;
mod furnished;
mod health;
mod host_models;
mod hosts;
mod key_quotas;
mod keys;
mod large_input;
mod lists;
mod managed;
mod notifications;
mod openapi;
mod plan;
mod probes;
mod reconciliation;
mod refusals;
mod resolve;
mod shadow_group;
mod standing;
mod stream;
mod support;
mod tokens;
mod told;

//! The web console (spec §2, §10): pages for people over the use cases of `relay-control`, rendered
//! here, with small scripts and no build step.
//!
//! A page is one file below `pages`: its *words* in both languages, its *context* (what the template
//! shows, ready to print), its *handler* (extract, check the role, call one use case, fill the context)
//! and its *samples*; and one template of the same name. `routes` lists them. README.md of this crate
//! walks through adding one.
//!
//! What happens to every request alike is in `entry`: who it is, headers, the page of an error.
//! Nothing here decides anything about traffic or the fleet, and nothing talks to a host.
#![forbid(unsafe_code)]
#![recursion_limit = "512"]

mod assets;
mod browser;
mod cell;
mod changes;
mod chart;
mod entry;
mod fault;
mod faults;
mod form;
mod format;
mod kit;
mod origin;
mod pages;
mod preferences;
mod process;
mod query;
mod routes;
mod shell;
mod state;
mod terms;
mod throttle;
mod unit;
mod visit;
mod words;
mod works;

pub use pages::settings::setting_meaning;
pub use process::{
    Chat, ChatBody, ChatRequest, Chatting, Inventory, InventoryOf, Origin, Process, Setting, StatusPage, Stored,
};
pub use routes::{router, status_router};

//! The panel of a host: its admin and user API over a state of its own (sub2api-host-api.md §1, §2, §3).
//!
//! One file a subject. What a request goes through, in the host's order: the router (an unknown path is plain text, whoever asks),
//! who may call, the handler. Facts were checked against running hosts of both personalities.

#![expect(clippy::unnecessary_wraps, reason = "handlers are of one type, also those that cannot refuse")]

mod access;
mod admission;
mod ask;
mod envelope;
mod faults;
mod groups;
mod idempotency;
mod keys;
mod limits;
mod makings;
mod panel;
mod records;
mod rows;
mod sessions;
mod settings;
mod subscriptions;
mod users;

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::Method;
use http::request::Parts;

pub(crate) use self::admission::{Checks, KeyOwner, unknown_key_usage};
pub use self::faults::AdminFault;
pub(crate) use self::faults::path_fits;
pub use self::groups::FakeGroup;
pub use self::limits::Limits;
pub use self::makings::Making;
pub use self::panel::FakePanel;
pub use self::rows::{Captcha, FakeAccount, FakeKey, FakeSubscription, FakeUsageRow, FakeUser};

use self::access::Guard;
use self::ask::{Ask, Handler};
use self::faults::What;
use crate::reply::{Cut, Reply};
use crate::server::HostState;

const PREFIX: &str = "/api/v1/";

/// The panel of a running host.
pub(crate) struct Panel {
    state: Mutex<FakePanel>,
    faults: Mutex<Vec<AdminFault>>,
}

impl Panel {
    pub(crate) fn new(state: FakePanel) -> Self {
        Self { state: Mutex::new(state), faults: Mutex::default() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, FakePanel> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Vec<AdminFault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which personalities have a route.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Both,
    N,
    /// A fork, when the panel says so.
    Fork,
}

struct Route(Who, &'static str, &'static str, Guard, Handler);

/// All routes, `:id` for a segment. The first that fits counts.
const ROUTES: &[Route] = &[
    Route(Who::Both, "POST", "auth/login", Guard::Nobody, sessions::login),
    Route(Who::N, "POST", "auth/login/2fa", Guard::Nobody, sessions::two_factor),
    Route(Who::N, "POST", "auth/refresh", Guard::Nobody, sessions::refresh),
    Route(Who::N, "POST", "auth/logout", Guard::Nobody, sessions::logout),
    Route(Who::Both, "GET", "auth/me", Guard::User, sessions::me),
    Route(Who::Both, "GET", "keys", Guard::User, keys::mine),
    Route(Who::Both, "POST", "keys", Guard::User, keys::create),
    Route(Who::Both, "GET", "keys/:id", Guard::User, keys::one),
    Route(Who::Both, "PUT", "keys/:id", Guard::User, keys::update),
    Route(Who::Both, "DELETE", "keys/:id", Guard::User, keys::delete),
    Route(Who::Both, "GET", "groups/available", Guard::User, groups::available),
    Route(Who::N, "GET", "admin/compliance", Guard::AdminBeforeTerms, settings::compliance),
    Route(Who::N, "POST", "admin/compliance/accept", Guard::AdminBeforeTerms, settings::accept_compliance),
    Route(Who::Both, "GET", "admin/groups", Guard::Admin, groups::list),
    Route(Who::Both, "POST", "admin/groups", Guard::Admin, groups::create),
    Route(Who::Both, "GET", "admin/groups/all", Guard::Admin, groups::all),
    Route(Who::N, "GET", "admin/groups/capacity-summary", Guard::Admin, groups::capacity_summary),
    Route(Who::N, "GET", "admin/groups/usage-summary", Guard::Admin, groups::usage_summary),
    Route(Who::Both, "GET", "admin/groups/:id", Guard::Admin, groups::one),
    Route(Who::Both, "PUT", "admin/groups/:id", Guard::Admin, groups::update),
    Route(Who::Both, "DELETE", "admin/groups/:id", Guard::Admin, groups::delete),
    Route(Who::Both, "GET", "admin/groups/:id/api-keys", Guard::Admin, keys::of_group),
    Route(Who::Both, "GET", "admin/groups/:id/subscriptions", Guard::Admin, subscriptions::of_group),
    Route(Who::Both, "GET", "admin/users", Guard::Admin, users::list),
    Route(Who::Both, "POST", "admin/users", Guard::Admin, users::create),
    Route(Who::Both, "GET", "admin/users/:id", Guard::Admin, users::one),
    Route(Who::Both, "PUT", "admin/users/:id", Guard::Admin, users::update),
    Route(Who::Both, "DELETE", "admin/users/:id", Guard::Admin, users::delete),
    Route(Who::Both, "GET", "admin/users/:id/api-keys", Guard::Admin, keys::of_user),
    Route(Who::Fork, "POST", "admin/users/:id/api-keys", Guard::Admin, keys::create_as_admin),
    Route(Who::Both, "GET", "admin/users/:id/subscriptions", Guard::Admin, subscriptions::of_user),
    Route(Who::Both, "GET", "admin/subscriptions", Guard::Admin, subscriptions::list),
    Route(Who::Both, "POST", "admin/subscriptions/assign", Guard::Admin, subscriptions::assign),
    Route(Who::Both, "GET", "admin/subscriptions/:id", Guard::Admin, subscriptions::one),
    Route(Who::Both, "DELETE", "admin/subscriptions/:id", Guard::Admin, subscriptions::revoke),
    Route(Who::Both, "POST", "admin/subscriptions/:id/extend", Guard::Admin, subscriptions::extend),
    Route(Who::N, "POST", "admin/subscriptions/:id/revoke", Guard::Admin, subscriptions::revoke),
    Route(Who::N, "POST", "admin/subscriptions/:id/restore", Guard::Admin, subscriptions::restore),
    Route(Who::N, "PUT", "admin/api-keys/:id", Guard::Admin, keys::rebind),
    Route(Who::Both, "GET", "admin/accounts", Guard::Admin, records::accounts),
    Route(Who::Both, "GET", "admin/usage", Guard::Admin, records::usage),
    Route(Who::N, "GET", "admin/ops/concurrency", Guard::Admin, records::concurrency),
    Route(Who::N, "GET", "admin/ops/account-availability", Guard::Admin, records::availability),
];

impl Route {
    fn fits(&self, panel: &FakePanel, method: &Method, segments: &[&str]) -> bool {
        let Self(who, mine, path, ..) = self;
        let known = match who {
            Who::Both => true,
            Who::N => panel.is_n(),
            Who::Fork => panel.admin_creates_keys,
        };
        let pattern: Vec<&str> = path.split('/').collect();
        let same = |(mine, theirs): (&&str, &&str)| mine == theirs || (*mine == ":id" && !theirs.is_empty());
        known && *mine == method && pattern.len() == segments.len() && pattern.iter().zip(segments).all(same)
    }
}

/// Answers a request below `/api/v1/`.
pub(crate) async fn reply(host: &HostState, parts: &Parts, body: &[u8]) -> Reply {
    let fault = faults::take(&mut host.panel.faults(), parts.method.as_str(), parts.uri.path());
    match fault {
        None => handle(host, parts, body),
        Some(What::LostAnswer) => {
            handle(host, parts, body);
            Reply::wire("", Cut::Reset)
        }
        Some(What::Overtaken) => {
            handle(host, parts, body);
            *subscriptions::already_exists()
        }
        Some(What::Answer(reply)) => {
            host.panel.lock().note(parts, body, false);
            *reply
        }
        Some(What::HoldBefore(gate)) => {
            gate.pass().await;
            handle(host, parts, body)
        }
        Some(What::HoldAfter(gate)) => handle(host, parts, body).hold(&gate),
        Some(What::Delay(time)) => {
            tokio::time::sleep(time).await;
            handle(host, parts, body)
        }
    }
}

fn handle(host: &HostState, parts: &Parts, body: &[u8]) -> Reply {
    let segments: Vec<&str> = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default().split('/').collect();
    let mut panel = host.panel.lock();
    if parts.method == Method::GET && segments == ["settings", "public"] {
        return envelope::success(&settings::public(&panel, &host.name, &host.version));
    }
    let Some(Route(.., guard, handler)) = ROUTES.iter().find(|route| route.fits(&panel, &parts.method, &segments))
    else {
        return envelope::not_found();
    };
    let caller = match access::let_in(&mut panel, *guard, &parts.headers) {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    let ask = Ask {
        segments,
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        raw_body: body,
        caller: caller.user,
        by_admin_key: caller.by_admin_key,
    };
    let outcome = handler(&mut panel, &ask);
    panel.note(parts, body, outcome.is_ok());
    match outcome {
        Ok(data) => envelope::success(&data),
        Err(reply) => *reply,
    }
}

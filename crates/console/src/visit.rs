//! Who looks at a page, and how they want to see it.

use std::time::Duration;

use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;
use relay_control::access::Role;
use relay_control::sessions::Session;
use relay_domain::Timestamp;

use crate::fault::Fault;
use crate::format::Format;
use crate::preferences::Preferences;
use crate::shell::{Section, Shell};
use crate::state::Console;

/// A page stands within a tenth of a second, so it waits no longer than this for sums that are not remembered …
const PATIENCE: Duration = Duration::from_millis(35);

/// … and what then takes its place comes when they are there.
const PATIENCE_LATER: Duration = Duration::from_secs(30);

/// A request of somebody who is logged in. Put into the request by [`crate::entry`]; a handler that
/// takes it has the login page shown to everybody else.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) session: Session,
    pub(crate) form_token: String,
    pub(crate) preferences: Preferences,
    /// Path and query, to come back to.
    pub(crate) here: String,
    /// Only the part of the page that refreshes itself is asked for.
    pub(crate) is_fragment: bool,
    pub(crate) now: Timestamp,
}

impl Visit {
    /// The visit of a request, if somebody is logged in.
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get::<Self>().cloned()
    }

    /// What stands around every page.
    pub(crate) fn shell(&self, section: Section) -> Shell {
        Shell::new(self, section)
    }

    /// Numbers and times as this visitor writes them.
    pub(crate) fn format(&self) -> Format {
        Format(self.preferences.language)
    }

    /// How long sums of the log are waited for. A page that has to stand without them says so, and asks for its part with
    /// them, which is waited for.
    pub(crate) fn patience(&self) -> Duration {
        if self.is_fragment { PATIENCE_LATER } else { PATIENCE }
    }

    /// Who acts, for the audit trail; or that they may not.
    ///
    /// # Errors
    /// Their role is less than `needed`.
    pub(crate) fn acting(&self, needed: Role) -> Result<&str, Fault> {
        let access = &self.session.access;
        if access.role.covers(needed) { Ok(&access.actor) } else { Err(Fault::Forbidden(needed)) }
    }
}

impl FromRequestParts<Console> for Visit {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Console) -> Result<Self, Fault> {
        let here = || parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Self::of(&parts.extensions).ok_or_else(|| Fault::LogIn(here()))
    }
}

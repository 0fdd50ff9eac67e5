//! Sessions (sub2api-host-api.md §1.3): logging in with e-mail and password,
//! renewing where the host has refresh tokens, logging in again where it has
//! none. Two-factor login, captchas and backend mode end it with a
//! [`Barrier`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use relay_domain::Secret;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::call::{Call, Credential, Identity};
use super::client::AdminClient;
use super::error::{AdminError, Barrier};
use super::pace::Lane;
use super::paging::or_default;
use super::refusal::Words;
use super::users::User;
use crate::endpoint;

/// A session is renewed this long before its end, so that a call never meets it.
const RENEW_AHEAD: Duration = Duration::from_mins(1);

/// A session without a stated length: hosts give 24 h unless configured otherwise.
const DEFAULT_LENGTH: Duration = Duration::from_hours(24);

/// Who logs in, and the session so far. One log-in at a time: the lock is held
/// while the host is asked, so that callers who find none wait for the same one.
pub(super) struct Login {
    email: String,
    password: Secret,
    session: Mutex<Option<Session>>,
}

struct Session {
    bearer: HeaderValue,
    refresh: Option<Secret>,
    renew_at: Instant,
}

/// `data` of a login and of a renewal.
#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
    #[serde(default, deserialize_with = "or_default")]
    requires_2fa: bool,
}

impl Login {
    pub(super) fn new(email: &str, password: Secret) -> Self {
        Self { email: email.to_owned(), password, session: Mutex::new(None) }
    }

    /// Makes sure that a session refused as `used` is not used again. Another
    /// caller may have replaced it meanwhile; then there is nothing to do.
    pub(super) async fn lapse(&self, used: &HeaderValue) {
        let mut session = self.session.lock().await;
        if session.as_ref().is_some_and(|session| session.bearer == *used) {
            *session = None;
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("email", &self.email).finish_non_exhaustive()
    }
}

impl AdminClient {
    /// The credential of a login, from its session or a new one.
    pub(super) async fn session(&self, login: &Login) -> Result<Credential, AdminError> {
        let mut session = login.session.lock().await;
        if let Some(current) = session.as_ref().filter(|session| session.renew_at > Instant::now()) {
            return Ok(Credential::Bearer(current.bearer.clone()));
        }
        // Kept while it is used: a renewal that failed on its way is tried again by the next call.
        let refresh = session.as_ref().and_then(|session| session.refresh.clone());
        let renewed = match &refresh {
            Some(refresh) => self.renew(refresh).await?,
            None => None,
        };
        let fresh = if let Some(renewed) = renewed {
            renewed
        } else {
            *session = None;
            self.log_in(login).await?
        };
        let bearer = fresh.bearer.clone();
        *session = Some(fresh);
        Ok(Credential::Bearer(bearer))
    }

    async fn log_in(&self, login: &Login) -> Result<Session, AdminError> {
        let body = json!({"email": login.email, "password": login.password.expose()});
        let call = Call::post(Identity::Nobody, "/api/v1/auth/login", &body).lane(Lane::Login).hides(&login.password);
        let tokens: Tokens = self.data_as(&call, None).await?;
        if tokens.requires_2fa {
            let message = "it wants a two-factor code".to_owned();
            let refusal = Words { message, ..Words::default() }.refuse(200, &[]);
            return Err(AdminError::Barrier { barrier: Barrier::TwoFactor, refusal });
        }
        session(tokens)
    }

    /// A new session for a refresh token; `None` when that one is no longer good.
    async fn renew(&self, refresh: &Secret) -> Result<Option<Session>, AdminError> {
        let body = json!({"refresh_token": refresh.expose()});
        let call = Call::post(Identity::Nobody, "/api/v1/auth/refresh", &body).lane(Lane::Login).hides(refresh);
        match self.data_as(&call, None).await {
            Ok(tokens) => session(tokens).map(Some),
            Err(AdminError::Credential(_) | AdminError::NoRoute { .. } | AdminError::Refused(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Logs in as a user of the host, for what the admin access cannot do there.
    ///
    /// # Errors
    /// [`AdminError::Credential`] for a wrong password or a disabled user, [`AdminError::Barrier`] where
    /// the host wants a captcha or a two-factor code or lets no user in.
    pub async fn log_in_as(&self, email: &str, password: &Secret) -> Result<UserClient, AdminError> {
        let user = UserClient { client: self.clone(), login: Arc::new(Login::new(email, password.clone())) };
        self.session(&user.login).await?;
        Ok(user)
    }
}

fn session(tokens: Tokens) -> Result<Session, AdminError> {
    let no_token = AdminError::NotApi { status: 200, what: "a login without a token" };
    let token = Secret::new(&tokens.access_token.ok_or(no_token)?);
    let bearer = endpoint::bearer(&token)
        .map_err(|_| AdminError::NotApi { status: 200, what: "a token that no header can hold" })?;
    let length = tokens.expires_in.map_or(DEFAULT_LENGTH, Duration::from_secs);
    // Half of it at least, should a host's sessions be shorter than the margin.
    let length = length.saturating_sub(RENEW_AHEAD).max(length / 2);
    let refresh = tokens.refresh_token.as_deref().map(Secret::new);
    Ok(Session { bearer, refresh, renew_at: Instant::now() + length })
}

/// A caller that acts as one user of a host: for keys, which no version lets an
/// administrator make. Shares the host's pace.
#[derive(Clone, Debug)]
pub struct UserClient {
    pub(super) client: AdminClient,
    pub(super) login: Arc<Login>,
}

impl UserClient {
    pub(super) fn identity(&self) -> Identity<'_> {
        Identity::User(&self.login)
    }

    /// The user himself.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn me(&self) -> Result<User, AdminError> {
        self.client.data(&Call::get(self.identity(), "/api/v1/auth/me")).await
    }

    /// Ends the session, so that its refresh token does not lie about on the
    /// host for a month. Older hosts have nothing to end.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn log_out(self) -> Result<(), AdminError> {
        let Some(refresh) = self.login.session.lock().await.take().and_then(|session| session.refresh) else {
            return Ok(());
        };
        let body = json!({"refresh_token": refresh.expose()});
        let call = Call::new(Identity::Nobody, Method::POST, "/api/v1/auth/logout").with(&body).hides(&refresh);
        match self.client.data_as::<serde::de::IgnoredAny>(&call, None).await {
            Ok(_) | Err(AdminError::NoRoute { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

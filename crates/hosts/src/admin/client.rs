//! The caller of one host: puts the credential on a call, keeps the pace, sends,
//! and reads the answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use relay_domain::Secret;
use serde::de::DeserializeOwned;

use super::auth::Login;
use super::call::{Call, Credential, Identity};
use super::codes;
use super::envelope;
use super::error::{AdminError, Barrier};
use super::pace::Pace;
use super::transport::{self, Answer};
use crate::{Endpoint, HostClient};

/// A caller of one host's admin and user API. Cheap to clone; clones share
/// session and pace. See the [module](super) for what every call promises.
#[derive(Clone, Debug)]
pub struct AdminClient {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    http: HostClient,
    endpoint: Endpoint,
    access: Access,
    pace: Arc<Pace>,
    time_limit: Duration,
}

/// How we may act as an administrator.
pub(super) enum Access {
    None,
    Key(Secret),
    Login(Login),
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Key(_) => f.write_str("Key(…)"),
            Self::Login(login) => login.fmt(f),
        }
    }
}

impl AdminClient {
    pub(super) fn new(
        http: HostClient,
        endpoint: Endpoint,
        access: Access,
        pace: Arc<Pace>,
        time_limit: Duration,
    ) -> Self {
        Self { shared: Arc::new(Shared { http, endpoint, access, pace, time_limit }) }
    }

    pub(super) fn pace(&self) -> &Arc<Pace> {
        &self.shared.pace
    }

    /// Whether the admin access is a login, and so has a session.
    pub(super) fn has_login(&self) -> bool {
        matches!(self.shared.access, Access::Login(_))
    }

    /// The data of a handler's answer.
    pub(super) async fn data<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, AdminError> {
        self.as_caller(call, |answer| envelope::data(answer, &call.name(), &call.sent)).await
    }

    /// The same for a call whose credential is at hand.
    pub(super) async fn data_as<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        credential: Option<Credential>,
    ) -> Result<T, AdminError> {
        self.once(call, credential, |answer| envelope::data(answer, &call.name(), &call.sent)).await
    }

    /// The body of a gateway's answer, which has no envelope.
    pub(super) async fn bare<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, AdminError> {
        self.as_caller(call, |answer| envelope::bare(answer, &call.name(), &call.sent)).await
    }

    async fn as_caller<T>(
        &self,
        call: &Call<'_>,
        read: impl Fn(&Answer) -> Result<T, AdminError>,
    ) -> Result<T, AdminError> {
        let login = match (call.identity, &self.shared.access) {
            (Identity::Nobody, _) => return self.once(call, None, read).await,
            (Identity::Key(key), _) => return self.once(call, Some(Credential::gateway_key(key)?), read).await,
            (Identity::Admin, Access::None) => return Err(AdminError::NoAccess),
            (Identity::Admin, Access::Key(key)) => {
                return self.once(call, Some(Credential::admin_key(key)?), read).await;
            }
            (Identity::Admin, Access::Login(login)) | (Identity::User(login), _) => login,
        };
        let credential = self.session(login).await?;
        let outcome = self.once(call, Some(credential.clone()), &read).await;
        let Err(error) = outcome else { return outcome };
        let (Credential::Bearer(used), Some(lapse)) = (credential, Lapse::of(&error)) else { return Err(error) };
        login.lapse(&used).await;
        match lapse {
            Lapse::Final => Err(error),
            // The host looks at the session before anything else, so nothing was done.
            Lapse::LogInAgain => self.once(call, Some(self.session(login).await?), read).await,
        }
    }

    async fn once<T>(
        &self,
        call: &Call<'_>,
        credential: Option<Credential>,
        read: impl Fn(&Answer) -> Result<T, AdminError>,
    ) -> Result<T, AdminError> {
        let Shared { http, endpoint, pace, time_limit, .. } = &*self.shared;
        let request = call.request(endpoint, credential)?;
        pace.admit(call.lane).await?;
        let answer = transport::send(http, endpoint.allow_private(), request, *time_limit).await?;
        let outcome = read(&answer);
        if let Err(AdminError::RateLimited { wait }) = &outcome {
            pace.hold(call.lane, *wait);
        }
        outcome
    }
}

/// What a refused session means for the call.
enum Lapse {
    LogInAgain,
    /// The next call may begin a session; this one tells that something changed.
    Final,
}

impl Lapse {
    fn of(error: &AdminError) -> Option<Self> {
        match error {
            AdminError::Credential(refusal) => match refusal.code.as_str() {
                codes::TOKEN_EXPIRED | codes::INVALID_TOKEN | codes::TOKEN_REVOKED => Some(Self::LogInAgain),
                _ => None,
            },
            AdminError::Barrier { barrier: Barrier::SessionBinding, .. } => Some(Self::Final),
            _ => None,
        }
    }
}

//! The pooled HTTP client that every call to a host goes through.

use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::body::RequestBody;
use crate::connector::{BoxError, CheckedConnector, PrivateAddress, TimedConnector};
use crate::tls;

/// Hosts close idle connections after 120 s (sub2api-host-api.md §6); ours go
/// well before, so that a request rarely meets one that is closing.
const POOL_IDLE: Duration = Duration::from_secs(55);

/// Idle connections kept per host.
const POOL_MAX_IDLE: usize = 1024;

/// Settings of the client.
#[derive(Clone, Copy, Debug)]
pub struct ClientOptions {
    /// Time for DNS, TCP and TLS together.
    pub connect_timeout: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(5) }
    }
}

/// Why a request got no answer head, and how far it got.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// DNS, refused, connect timeout, TLS: no byte of the request left us.
    #[error("cannot connect to the host")]
    NotSent(#[source] BoxError),
    /// The address is not public and the host does not allow that.
    #[error("the host's address is private; set allow_private = true on the host to allow it")]
    PrivateAddress,
    /// Reset, end of file or junk in place of an answer; the host may have
    /// executed the request.
    #[error("the connection broke before the host answered")]
    Broken(#[source] BoxError),
}

impl SendError {
    /// Whether no byte of the request reached the host.
    pub fn not_sent(&self) -> bool {
        !matches!(self, Self::Broken(_))
    }
}

type Pool = Client<TimedConnector<HttpsConnector<CheckedConnector>>, RequestBody>;

/// Pooled connections to all hosts; cheap to clone. HTTP/1.1, no redirects,
/// TLS verified.
///
/// Dropping a request's future, or the body of its answer, closes that
/// connection at once.
#[derive(Clone, Debug)]
pub struct HostClient {
    public: Pool,
    private: Pool,
}

impl HostClient {
    /// Builds the client.
    ///
    /// # Errors
    /// When no TLS configuration can be made.
    pub fn new(options: ClientOptions) -> Result<Self, rustls::Error> {
        let tls = tls::client_config()?;
        let pool = |allow_private| {
            let connector = HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_or_http()
                .enable_http1()
                .wrap_connector(CheckedConnector::new(allow_private));
            let connector = TimedConnector { inner: connector, limit: options.connect_timeout };
            Client::builder(TokioExecutor::new())
                .pool_idle_timeout(POOL_IDLE)
                .pool_timer(TokioTimer::new())
                .pool_max_idle_per_host(POOL_MAX_IDLE)
                .build(connector)
        };
        Ok(Self { public: pool(false), private: pool(true) })
    }

    /// Sends a request with an absolute URI and waits for the answer's head.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(
        &self,
        allow_private: bool,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, SendError> {
        let pool = if allow_private { &self.private } else { &self.public };
        pool.request(request).await.map_err(classify)
    }
}

fn classify(error: hyper_util::client::legacy::Error) -> SendError {
    if !error.is_connect() {
        return SendError::Broken(error.into());
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<PrivateAddress>() || inner.and_then(|inner| inner.downcast_ref::<PrivateAddress>()).is_some() {
            return SendError::PrivateAddress;
        }
        cause = error.source();
    }
    SendError::NotSent(error.into())
}

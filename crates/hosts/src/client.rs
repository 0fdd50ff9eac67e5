//! How hosts are called: relayed requests over a [`HostPool`], everything else
//! (probes, the admin API) by a pooled client of the library.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use relay_domain::BaseUrl;
use tower_service::Service as _;

use crate::body::RequestBody;
use crate::connector::{BoxError, CheckedConnector, PrivateAddress, TimedConnector};
use crate::pool::{Connect, HostPool, Pools};
use crate::socket::Socket;
use crate::tls;

/// Hosts close idle connections after 120 s (sub2api-host-api.md §6); ours go
/// well before, so that a request rarely meets one that is closing.
const POOL_IDLE: Duration = Duration::from_secs(55);

/// Idle connections kept per host: such calls are few.
const POOL_MAX_IDLE: usize = 16;

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
    /// Reset or end of file in place of an answer; the host may have executed
    /// the request.
    #[error("the connection broke before the host answered")]
    Broken(#[source] BoxError),
    /// What came is no answer that could be read, in one way only; the host may
    /// have executed the request.
    #[error("the host answered with something else than HTTP")]
    Junk(#[source] BoxError),
}

impl SendError {
    /// Whether no byte of the request reached the host.
    pub fn not_sent(&self) -> bool {
        matches!(self, Self::NotSent(_) | Self::PrivateAddress)
    }

    pub(crate) fn of_answer(error: relay_http1::SendError) -> Self {
        match error {
            relay_http1::SendError::Broken(_) => Self::Broken(error.into()),
            _ => Self::Junk(error.into()),
        }
    }

    pub(crate) fn of_connect(error: BoxError) -> Self {
        if is_private_address(&*error) { Self::PrivateAddress } else { Self::NotSent(error) }
    }
}

type Connector = TimedConnector<HttpsConnector<CheckedConnector>>;
type Pool = Client<Connector, RequestBody>;

/// Connections to all hosts; cheap to clone. HTTP/1.1, no redirects, TLS
/// verified, and only addresses that a host may have.
#[derive(Clone)]
pub struct HostClient {
    public: Reach,
    private: Reach,
    pools: Arc<Pools>,
}

/// What may be reached: public addresses, or private ones too.
#[derive(Clone)]
struct Reach {
    client: Pool,
    connect: Arc<Connect>,
}

impl std::fmt::Debug for HostClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostClient").field("pools", &self.pools).finish_non_exhaustive()
    }
}

impl HostClient {
    /// Builds the client.
    ///
    /// # Errors
    /// When no TLS configuration can be made.
    pub fn new(options: ClientOptions) -> Result<Self, rustls::Error> {
        let tls = tls::client_config()?;
        let reach = |allow_private| {
            let connector = HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_or_http()
                .enable_http1()
                .wrap_connector(CheckedConnector::new(allow_private));
            let connector = TimedConnector { inner: connector, limit: options.connect_timeout };
            let client = Client::builder(TokioExecutor::new())
                .pool_idle_timeout(POOL_IDLE)
                .pool_timer(TokioTimer::new())
                .pool_max_idle_per_host(POOL_MAX_IDLE)
                .build(connector.clone());
            let connect = move |uri: Uri| {
                // The connector waits for nothing before it is called.
                let connecting = connector.clone().call(uri);
                Box::pin(async move { connecting.await.map(Socket::from) }) as _
            };
            Reach { client, connect: Arc::new(connect) }
        };
        Ok(Self { public: reach(false), private: reach(true), pools: Arc::default() })
    }

    /// The connections that requests relayed to a host share.
    pub fn pool(&self, base_url: &BaseUrl, allow_private: bool) -> Arc<HostPool> {
        let uri = Uri::builder().scheme(base_url.scheme().clone()).authority(base_url.authority().clone());
        let uri = uri.path_and_query("/").build().unwrap_or_default();
        self.pools.get(uri, allow_private, &self.reach(allow_private).connect)
    }

    /// Closes relay connections that have been idle for long; to be called every few seconds.
    pub fn drop_stale(&self) {
        self.pools.drop_stale();
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
        self.reach(allow_private).client.request(request).await.map_err(classify)
    }

    fn reach(&self, allow_private: bool) -> &Reach {
        if allow_private { &self.private } else { &self.public }
    }
}

fn classify(error: hyper_util::client::legacy::Error) -> SendError {
    if error.is_connect() { SendError::of_connect(error.into()) } else { SendError::Broken(error.into()) }
}

fn is_private_address(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<PrivateAddress>() || inner.and_then(|inner| inner.downcast_ref::<PrivateAddress>()).is_some() {
            return true;
        }
        cause = error.source();
    }
    false
}

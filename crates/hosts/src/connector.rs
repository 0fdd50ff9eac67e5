//! The connector: what is resolved is checked, and what is checked is what is
//! connected to, so a name cannot point somewhere else in between (spec §10).

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

use crate::address::is_special;

/// An address that needs `allow_private = true`.
#[derive(Debug, thiserror::Error)]
#[error("the host's address is private; set allow_private = true on the host to allow it")]
pub(crate) struct PrivateAddress;

/// Resolves names, leaving out special addresses unless they are allowed.
#[derive(Clone)]
pub(crate) struct CheckedResolver {
    inner: GaiResolver,
    allow_private: bool,
}

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Service<Name> for CheckedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<io::Result<Self::Response>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.inner.call(name);
        let allow_private = self.allow_private;
        Box::pin(async move {
            let all: Vec<SocketAddr> = resolving.await?.collect();
            let allowed: Vec<SocketAddr> =
                all.iter().copied().filter(|address| allow_private || !is_special(address.ip())).collect();
            if allowed.is_empty() && !all.is_empty() {
                return Err(io::Error::other(PrivateAddress));
            }
            Ok(allowed.into_iter())
        })
    }
}

/// TCP with the address rules; literal addresses never reach a resolver, so
/// they are checked here.
#[derive(Clone)]
pub(crate) struct CheckedConnector {
    inner: HttpConnector<CheckedResolver>,
    allow_private: bool,
}

impl CheckedConnector {
    pub(crate) fn new(allow_private: bool) -> Self {
        let mut inner = HttpConnector::new_with_resolver(CheckedResolver { inner: GaiResolver::new(), allow_private });
        inner.set_nodelay(true);
        inner.enforce_http(false);
        inner.set_keepalive(Some(Duration::from_mins(1)));
        Self { inner, allow_private }
    }
}

type Tcp = <HttpConnector<CheckedResolver> as Service<Uri>>::Response;
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for CheckedConnector {
    type Response = Tcp;
    type Error = BoxError;
    type Future = BoxFuture<Result<Tcp, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let literal = target.host().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        if !self.allow_private && literal.is_some_and(is_special) {
            return Box::pin(async { Err(PrivateAddress.into()) });
        }
        let connecting = self.inner.call(target);
        Box::pin(async move { connecting.await.map_err(Into::into) })
    }
}

/// Bounds DNS, TCP and TLS together: a host that accepts and then says
/// nothing during the handshake is as unreachable as one that is off.
#[derive(Clone)]
pub(crate) struct TimedConnector<C> {
    pub(crate) inner: C,
    pub(crate) limit: Duration,
}

impl<C> Service<Uri> for TimedConnector<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
    C::Response: 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = BoxFuture<Result<C::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let connecting = self.inner.call(target);
        let limit = self.limit;
        Box::pin(async move {
            tokio::time::timeout(limit, connecting)
                .await
                .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "connecting took too long").into()))
        })
    }
}

//! A look at a host from outside, for a person who asks whether it can be reached: the connection, the
//! certificate it shows, the clock it answers with. Sends no credential.

use std::time::Duration;

use http::header::{DATE, HOST};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use relay_domain::{BaseUrl, Timestamp};
use tower_service::Service as _;

use crate::certificate;
use crate::client::SendError;
use crate::connector::{CheckedConnector, TimedConnector};
use crate::tls;

/// What a host showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// How it answered a request for its models without a key.
    pub status: StatusCode,
    /// Until when its certificate is valid; `None` without TLS.
    pub certificate_expires_at: Option<Timestamp>,
    /// Its `Date`, as it stands there.
    pub date: Option<String>,
}

/// Connects to a host and asks it for its models without a key; `limit` holds for connecting and for the
/// answer, each.
///
/// # Errors
/// See [`SendError`]. Dropping the future closes the connection.
pub async fn inspect(base_url: &BaseUrl, allow_private: bool, limit: Duration) -> Result<Inspected, SendError> {
    let broken = |error: hyper::Error| SendError::Broken(error.into());
    let tls = tls::client_config().map_err(|error| SendError::NotSent(error.into()))?;
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(CheckedConnector::new(allow_private));
    let uri = base_url.join("/v1/models").map_err(|error| SendError::NotSent(error.into()))?;
    let connecting = TimedConnector { inner: connector, limit }.call(uri.clone());
    let stream = connecting.await.map_err(SendError::of_connect)?;
    let certificate_expires_at = match &stream {
        MaybeHttpsStream::Https(tls) => {
            let shown = tls.inner().get_ref().1.peer_certificates().and_then(<[_]>::first);
            shown.and_then(|certificate| certificate::expires_at(certificate))
        }
        MaybeHttpsStream::Http(_) => None,
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.map_err(broken)?;
    let connection = tokio::spawn(connection);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let request = Request::get(target).header(HOST, base_url.authority().as_str()).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| SendError::NotSent(error.into()))?;
    let answer = tokio::time::timeout(limit, sender.send_request(request)).await;
    connection.abort();
    let answer = answer.map_err(|late| SendError::Broken(late.into()))?.map_err(broken)?;
    let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
    Ok(Inspected { status: answer.status(), certificate_expires_at, date })
}

//! Where messages leave the process: HTTP by the client that hosts are called
//! with, mail by `lettre`. Spec §10 holds for both: TLS verified, no redirects,
//! and what is connected to is an address that was checked.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt as _, Limited};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use relay_hosts::address::is_special;
use relay_hosts::{HostClient, RequestBody, SendError};

use crate::Channel;
use crate::channels::email::{Email, Security};
use crate::channels::{Answer, HttpRequest, HttpService, Notice, Outcome, Target};

/// Time for one message, from connecting to the end of the answer.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// As much of an answer as is read; those of services are a line.
const MAX_ANSWER: usize = 64 * 1024;

/// The error's own words are about hosts.
const PRIVATE_ADDRESS: &str = "the address is private; set allow_private = true on the channel to allow it";

/// Sends messages; cheap to clone.
#[derive(Clone, Debug)]
pub struct Transport {
    http: HostClient,
    limit: Duration,
}

impl Transport {
    /// Sends by that client.
    pub fn new(http: HostClient) -> Self {
        Self { http, limit: TIME_LIMIT }
    }

    /// Waits no longer than this for one message.
    #[must_use]
    pub fn at_most(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Sends a message once. Dropping the future leaves open whether it arrives.
    pub async fn send(&self, channel: &Channel, notice: Notice<'_>) -> Outcome {
        let private = channel.allow_private;
        let sending = async {
            match &channel.target {
                Target::Webhook(service) => self.post(service, notice, private).await,
                Target::DingTalk(service) => self.post(service, notice, private).await,
                Target::Feishu(service) => self.post(service, notice, private).await,
                Target::WeCom(service) => self.post(service, notice, private).await,
                Target::Telegram(service) => self.post(service, notice, private).await,
                Target::Bark(service) => self.post(service, notice, private).await,
                Target::Email(email) => mail(email, notice, private).await,
            }
        };
        let in_time = tokio::time::timeout(self.limit, sending).await;
        in_time.unwrap_or_else(|_| Outcome::retry(format!("no answer within {} s", self.limit.as_secs())))
    }

    async fn post(&self, service: &(impl HttpService + Sync), notice: Notice<'_>, allow_private: bool) -> Outcome {
        let request = match http_request(service.request(notice)) {
            Ok(request) => request,
            Err(error) => return Outcome::refused(format!("no request can be made: {error}")),
        };
        let answer = match self.http.send(allow_private, request).await {
            Ok(answer) => answer,
            Err(SendError::PrivateAddress) => return Outcome::refused(PRIVATE_ADDRESS),
            Err(error) => return Outcome::retry(chain(&error)),
        };
        let (head, body) = answer.into_parts();
        let body = match Limited::new(body, MAX_ANSWER).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return Outcome::retry(format!("the answer was not read: {error}")),
        };
        let retry_after = retry_after(&head.headers);
        service.judge(&Answer { status: head.status.as_u16(), retry_after, body: &body })
    }
}

fn http_request(request: HttpRequest) -> Result<Request<RequestBody>, http::Error> {
    let mut built = Request::post(request.url.as_str())
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .header(ACCEPT_ENCODING, "identity")
        .header(USER_AGENT, "relay-manager");
    for (name, value) in request.headers {
        built = built.header(name, HeaderValue::try_from(value)?);
    }
    built.body(RequestBody::from(Bytes::from(request.body)))
}

/// `Retry-After` in seconds; services that give a date are not worth a parser.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// An error with all its causes: the innermost says the most.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

async fn mail(email: &Email, notice: Notice<'_>, allow_private: bool) -> Outcome {
    let message = match email.mail(notice) {
        Ok(message) => message,
        Err(outcome) => return outcome,
    };
    let address = match address(email, allow_private).await {
        Ok(address) => address,
        Err(outcome) => return outcome,
    };
    let sender = match smtp(email, address) {
        Ok(sender) => sender,
        Err(error) => return Outcome::refused(chain(&error)),
    };
    match sender.send(message).await {
        Ok(_) => Outcome::Delivered,
        Err(error) if error.is_permanent() || error.is_client() => Outcome::refused(chain(&error)),
        Err(error) => Outcome::retry(chain(&error)),
    }
}

/// Where the server is. `lettre` would resolve the name itself, and connect to
/// whatever comes, so it is given the address that was checked.
async fn address(email: &Email, allow_private: bool) -> Result<SocketAddr, Outcome> {
    let found = tokio::net::lookup_host((email.host.as_str(), email.port)).await;
    let mut found = found.map_err(|error| Outcome::retry(format!("{}: {error}", email.host)))?.peekable();
    if found.peek().is_none() {
        return Err(Outcome::retry(format!("{} has no address", email.host)));
    }
    let allowed = found.find(|address| allow_private || !is_special(address.ip()));
    allowed.ok_or_else(|| Outcome::refused(PRIVATE_ADDRESS))
}

fn smtp(
    email: &Email,
    address: SocketAddr,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, lettre::transport::smtp::Error> {
    let tls = || TlsParameters::builder(email.host.clone()).certificate_store(roots()).build_rustls();
    let tls = match email.security {
        Security::Tls => Tls::Wrapper(tls()?),
        Security::StartTls => Tls::Required(tls()?),
        Security::None => Tls::None,
    };
    // "Dangerous" is that the caller says how TLS is done, which the lines above do.
    let mut smtp = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
        .port(address.port())
        .tls(tls)
        .timeout(Some(TIME_LIMIT));
    if let Some((user, password)) = &email.login {
        smtp = smtp.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    Ok(smtp.build())
}

/// The platform's root certificates, or the bundled ones on a machine without any.
fn roots() -> CertificateStore {
    let is_bare = rustls_native_certs::load_native_certs().certs.is_empty();
    if is_bare { CertificateStore::WebpkiRoots } else { CertificateStore::Default }
}

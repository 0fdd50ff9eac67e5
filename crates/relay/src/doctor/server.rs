//! The server: whether one runs on the data directory, and whether it can serve.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Line;
use crate::config::Config;
use crate::data_dir::{self, Listening};

/// How long a server may take over such an answer.
const LIMIT: Duration = Duration::from_secs(3);

const LONGEST_ANSWER: usize = 64 * 1024;

/// Only this: what a container's health check asks every few seconds. Needs no data directory.
pub(crate) async fn quick(config: &Config) -> Vec<Line> {
    let (gateway, admin) = match data_dir::listening(&config.data_dir) {
        Some(Listening { gateway, admin, .. }) => (gateway, admin),
        None => (config.gateway.listen.to_string(), config.admin.listen.to_string()),
    };
    vec![
        judge("gateway", &gateway, ask(&gateway, "/healthz").await),
        judge("server", &admin, ask(&admin, "/readyz").await),
    ]
}

pub(super) async fn examine(config: &Config) -> Vec<Line> {
    if !data_dir::is_held(&config.data_dir) {
        return vec![Line::warn("server", "none runs on this data directory", "start it with `relay-manager serve`")];
    }
    quick(config).await
}

fn judge(check: &'static str, address: &str, answer: Result<(u16, String), String>) -> Line {
    match answer {
        Ok((200, _)) => Line::ok(check, format!("{address} answers")),
        Ok((status, body)) => {
            let remedy = "wait while it starts or stops; otherwise its log says why";
            Line::fail(check, format!("{address} is not ready ({status}): {}", body.trim()), remedy)
        }
        Err(why) => Line::fail(check, format!("{address} does not answer: {why}"), "is it running? look at its log"),
    }
}

/// `GET`; the status and what was said.
async fn ask(address: &str, path: &str) -> Result<(u16, String), String> {
    let mut address: SocketAddr = address.parse().map_err(|_| "that is no address".to_owned())?;
    // Where every address is listened on, this machine's own is one.
    if address.ip().is_unspecified() {
        let loopback = if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    let asked = async {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
        let connection = tokio::spawn(connection);
        let request = Request::get(path).header("host", address.to_string()).body(Empty::<Bytes>::new());
        let answer = sender.send_request(request.map_err(|error| error.to_string())?).await;
        let (head, body) = answer.map_err(|error| error.to_string())?.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await.map_err(|error| error.to_string())?.to_bytes();
        connection.abort();
        Ok((head.status.as_u16(), String::from_utf8_lossy(&body).into_owned()))
    };
    tokio::time::timeout(LIMIT, asked).await.unwrap_or_else(|_| Err(format!("nothing within {} s", LIMIT.as_secs())))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict::{Fail, Ok as Well};
    use super::*;

    #[test]
    fn a_server_answers_and_is_ready() {
        for (answer, expected) in [
            (Ok((200, String::new())), Well),
            (Ok((503, "{\"reasons\":[\"the server is shutting down\"]}".to_owned())), Fail),
            (Err("connection refused".to_owned()), Fail),
        ] {
            assert_eq!(judge("server", "127.0.0.1:8788", answer).verdict, expected);
        }
    }
}

//! Where the client connects, and what a failed send says of how far it got.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use relay_hosts::{ClientOptions, HostClient, RequestBody, SendError};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

fn client() -> HostClient {
    HostClient::new(ClientOptions { connect_timeout: Duration::from_millis(300) }).expect("a client")
}

async fn send(allow_private: bool, url: String) -> Result<http::Response<hyper::body::Incoming>, SendError> {
    let request = Request::post(url).body(RequestBody::from(Bytes::from_static(b"{}"))).expect("a request");
    client().send(allow_private, request).await
}

#[tokio::test]
async fn private_addresses_are_refused_in_every_notation_and_behind_names() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "0x7f.0.0.1", "2130706433"] {
        let error = send(false, format!("http://{host}:{port}/")).await.unwrap_err();
        assert!(matches!(error, SendError::PrivateAddress), "{host}: {error:?}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = send(true, format!("http://{address}/")).await.unwrap_err();
    assert!(matches!(error, SendError::NotSent(_)), "{error:?}");
}

#[tokio::test]
async fn a_tls_handshake_that_never_answers_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let silent = tokio::spawn(async move { listener.accept().await });
    let error = send(true, format!("https://{address}/")).await.unwrap_err();
    assert!(matches!(error, SendError::NotSent(_)), "{error:?}");
    drop(silent.await);
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_may_have_executed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 1024];
        stream.read(&mut buffer).await.unwrap()
    });
    let error = send(true, format!("http://{address}/")).await.unwrap_err();
    assert!(matches!(error, SendError::Broken(_)), "{error:?}");
    assert!(server.await.unwrap() > 0);
}

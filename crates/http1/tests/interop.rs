//! Both ends against another implementation of HTTP/1.1 (hyper), over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use relay_http1::{ClientConnection, RequestHeadWriter, ResponseHeadWriter, ServerConnection};
use tokio::net::{TcpListener, TcpStream};

async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    (client.unwrap(), accepted.unwrap().0)
}

/// Answers each request with its own method, path, `x-note` and body, in chunks.
async fn echo(socket: TcpStream) {
    let mut connection = ServerConnection::new(socket);
    while let Some(head) = poll_fn(|cx| connection.poll_head(cx)).await.unwrap() {
        let mut body = BytesMut::new();
        while !poll_fn(|cx| connection.poll_body(cx, &mut body)).await.unwrap() {}
        let mut answer = ResponseHeadWriter::new(200, "OK");
        answer.field("x-note", head.fields.get("x-note").unwrap_or_default());
        connection.start(answer, None);
        connection.send([format!("{} {} ", head.method(), head.path()).into(), body.freeze()]);
        connection.finish();
        poll_fn(|cx| connection.poll_flush(cx)).await.unwrap();
        if !connection.keeps_alive() {
            break;
        }
    }
    poll_fn(|cx| connection.poll_close(cx)).await;
}

fn chunked(pieces: Vec<Bytes>) -> impl hyper::body::Body<Data = Bytes, Error = std::convert::Infallible> {
    let frames = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
    StreamBody::new(futures_util::stream::iter(frames))
}

#[tokio::test]
async fn another_client_is_served_request_after_request() {
    let (client, accepted) = sockets().await;
    let server = tokio::spawn(echo(accepted));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(client)).await.unwrap();
    let driver = tokio::spawn(connection);
    for size in [0, 1, 100_000, 3_000_000] {
        let body: Bytes = "x".repeat(size).into();
        let pieces = vec![body.slice(..size / 2), body.slice(size / 2..)];
        for body_of in
            [http_body_util::Either::Left(Full::new(body.clone())), http_body_util::Either::Right(chunked(pieces))]
        {
            let request = Request::post("/a?b").header("host", "r").header("x-note", "n").body(body_of).unwrap();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!((answer.status().as_u16(), &answer.headers()["x-note"]), (200, &"n".parse().unwrap()));
            let echoed = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(echoed.strip_prefix(b"POST /a "), Some(&body[..]), "{size}");
        }
    }
    drop(sender);
    driver.await.unwrap().unwrap();
    server.await.unwrap();
}

/// A server of the library: answers with the body it got, chunked when asked to.
async fn library_server(socket: TcpStream) {
    let serve = service_fn(|request: Request<Incoming>| async {
        let is_chunked = request.headers().contains_key("x-chunked");
        let body = request.into_body().collect().await?.to_bytes();
        Ok::<_, hyper::Error>(Response::new(if is_chunked {
            http_body_util::Either::Right(chunked(body.chunks(50_000).map(Bytes::copy_from_slice).collect()))
        } else {
            http_body_util::Either::Left(Full::new(body))
        }))
    });
    // How it ended shows at the other end.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), serve).await;
}

#[tokio::test]
async fn another_server_is_called_again_and_again_over_one_connection() {
    let (client, accepted) = sockets().await;
    let server = tokio::spawn(library_server(accepted));
    let mut connection = ClientConnection::new(client);
    for size in [0, 1, 100_000, 3_000_000] {
        for framing in ["x-plain", "x-chunked"] {
            let mut head = RequestHeadWriter::new("POST", &["/prefix", "/v1/x"]);
            head.field("host", "r");
            head.field(framing, b"1");
            let body: Bytes = "y".repeat(size).into();
            let pieces = [body.slice(..size / 3), body.slice(size / 3..)];
            let answer = connection.send(head.finish(size as u64), pieces, None).await.unwrap();
            assert_eq!(answer.status, 200);
            let mut echoed = Vec::new();
            while let Some(piece) = connection.body().await.unwrap() {
                echoed.extend_from_slice(&piece);
            }
            assert!(echoed == body && connection.is_ready(), "{size} {framing}");
        }
    }
    drop(connection);
    server.await.unwrap();
}

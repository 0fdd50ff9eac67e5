//! What the ends make of peers that break off, say too much, or go away.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use relay_http1::{
    ClientConnection, FramingError, HeadError, ReadError, RequestHeadWriter, ResponseHeadWriter, Rest, SendError,
    ServerConnection, Upload,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// A call to a host that answers with exactly these bytes and then closes.
async fn call(answer: &[u8]) -> (ClientConnection<DuplexStream>, Result<u16, SendError>) {
    let (near, mut far) = duplex(1 << 20);
    let mut connection = ClientConnection::new(near);
    far.write_all(answer).await.unwrap();
    far.shutdown().await.unwrap();
    let head = RequestHeadWriter::new("POST", &["/"]).finish(2);
    let sent = connection.send(head, [Bytes::from_static(b"{}")], None).await.map(|head| head.status);
    drop(far);
    (connection, sent)
}

async fn read(connection: &mut ClientConnection<DuplexStream>) -> Result<String, ReadError> {
    let mut body = Vec::new();
    while let Some(piece) = connection.body().await? {
        body.extend_from_slice(&piece);
    }
    Ok(String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn interim_answers_are_passed_over_and_do_not_go_on_for_ever() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
    let (mut connection, status) =
        call(format!("{interim}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").as_bytes()).await;
    assert_eq!((status.unwrap(), read(&mut connection).await.unwrap().as_str()), (200, "ok"));
    let (_, endless) = call(interim.repeat(20).as_bytes()).await;
    assert!(matches!(endless, Err(SendError::Interim)));
    let (_, switched) = call(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").await;
    assert!(matches!(switched, Err(SendError::Interim)));
}

#[tokio::test]
async fn what_is_no_answer_is_told_from_none() {
    let (connection, silent) = call(b"").await;
    assert!(matches!(silent, Err(SendError::Broken(_))) && !connection.has_received());
    let (connection, cut) = call(b"HTTP/1.1 200 OK\r\ncontent-le").await;
    assert!(matches!(cut, Err(SendError::Broken(_))) && connection.has_received());
    let (_, junk) = call(b"SSH-2.0-OpenSSH\r\n").await;
    assert!(matches!(junk, Err(SendError::Head(_))));
    let (_, large) = call(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 16)).as_bytes()).await;
    assert!(matches!(large, Err(SendError::Head(HeadError::TooLarge))));
    let conflict = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert!(matches!(call(conflict).await.1, Err(SendError::Framing(FramingError::Conflict))));
}

#[tokio::test]
async fn a_body_that_is_not_whole_is_cut() {
    for short in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
    ] {
        let (mut connection, status) = call(short.as_bytes()).await;
        assert_eq!(status.unwrap(), 200);
        assert!(matches!(read(&mut connection).await, Err(ReadError::Cut(_))), "{short}");
    }
    let (mut connection, _) = call(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n").await;
    assert!(matches!(read(&mut connection).await, Err(ReadError::Chunks)));
}

#[tokio::test]
async fn a_body_may_end_with_the_connection_which_is_not_used_again() {
    let (mut connection, _) = call(b"HTTP/1.0 200 OK\r\n\r\nall of it").await;
    assert_eq!(read(&mut connection).await.unwrap(), "all of it");
    assert!(!connection.may_be_kept() && !connection.is_ready());
}

#[tokio::test]
async fn a_connection_on_which_more_came_than_was_asked_for_is_not_used_again() {
    let (near, mut far) = duplex(1 << 16);
    let mut connection = ClientConnection::new(near);
    far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n").await.unwrap();
    connection.send(RequestHeadWriter::new("GET", &["/"]).finish(0), [], None).await.unwrap();
    assert_eq!(read(&mut connection).await.unwrap(), "ok");
    assert!(!connection.may_be_kept() && !connection.is_ready());

    let (near, mut far) = duplex(1 << 16);
    let mut connection = ClientConnection::new(near);
    far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    connection.send(RequestHeadWriter::new("GET", &["/"]).finish(0), [], None).await.unwrap();
    assert_eq!(read(&mut connection).await.unwrap(), "ok");
    assert!(connection.is_ready());
    far.write_all(b"H").await.unwrap();
    assert!(connection.may_be_kept() && !connection.is_ready(), "what came later is found by looking");
}

#[tokio::test]
async fn a_host_that_answers_before_it_has_read_everything_is_heard() {
    let (near, mut far) = duplex(16);
    let mut connection = ClientConnection::new(near);
    let host = tokio::spawn(async move {
        let mut first = [0; 4];
        far.read_exact(&mut first).await.unwrap();
        far.write_all(b"HTTP/1.1 413 X\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    });
    let body = Bytes::from(vec![b'x'; 1 << 20]);
    let head = connection.send(RequestHeadWriter::new("POST", &["/"]).finish(1 << 20), [body], None).await.unwrap();
    assert_eq!((head.status, connection.may_be_kept()), (413, false));
    assert!(connection.bytes_sent() < 1 << 20);
    host.await.unwrap();
}

#[tokio::test]
async fn a_good_answer_that_begins_early_waits_until_the_host_has_everything() {
    let (near, mut far) = duplex(64);
    let mut connection = ClientConnection::new(near);
    let upload = Upload::default();
    let rest = Rest { upload: upload.clone(), is_chunked: true };
    let host = tokio::spawn(async move {
        let mut seen = vec![0; 5];
        far.read_exact(&mut seen).await.unwrap();
        far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        upload.push(&[b'x'; 100]);
        while !seen.ends_with(b"\r\n\r\n5\r\nfirst\r\n64\r\n".as_slice()) {
            far.read_buf(&mut seen).await.unwrap();
            seen.retain(|byte| *byte != b'x');
        }
        upload.finish();
        while !seen.ends_with(b"64\r\n\r\n0\r\n\r\n") {
            far.read_buf(&mut seen).await.unwrap();
            seen.retain(|byte| *byte != b'x');
        }
        far
    });
    let head = RequestHeadWriter::new("POST", &["/"]).finish_chunked();
    let head = connection.send(head, [Bytes::from_static(b"first")], Some(rest)).await.unwrap();
    let _far = host.await.unwrap();
    assert_eq!(head.status, 200);
    assert_eq!(read(&mut connection).await.unwrap(), "ok");
    assert!(connection.may_be_kept());
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_and_one_that_sends_ahead_is_not_mistaken_for_it() {
    let (near, mut far) = duplex(1 << 16);
    let mut connection = ServerConnection::new(near);
    far.write_all(b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(poll_fn(|cx| connection.poll_head(cx)).await.unwrap().unwrap().path(), "/a");
    let watching = poll_fn(|cx| std::task::Poll::Ready(connection.poll_gone(cx).is_ready()));
    assert!(!watching.await);
    connection.respond(ResponseHeadWriter::new(200, "OK"), Bytes::new());
    poll_fn(|cx| connection.poll_flush(cx)).await.unwrap();
    assert_eq!(poll_fn(|cx| connection.poll_head(cx)).await.unwrap().unwrap().path(), "/b");
    drop(far);
    poll_fn(|cx| connection.poll_gone(cx)).await;
}

#[tokio::test]
async fn answers_suit_the_request_they_are_for() {
    for (request, expected) in [
        ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        ("GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nok"),
        (
            "GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
        ("HEAD / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"),
    ] {
        let (near, mut far) = duplex(1 << 16);
        let mut connection = ServerConnection::new(near);
        far.write_all(request.as_bytes()).await.unwrap();
        poll_fn(|cx| connection.poll_head(cx)).await.unwrap().unwrap();
        connection.start(ResponseHeadWriter::new(200, "OK"), None);
        connection.send([Bytes::from_static(b"ok")]);
        connection.send([Bytes::new()]);
        connection.finish();
        poll_fn(|cx| connection.poll_flush(cx)).await.unwrap();
        drop(connection);
        let mut answer = String::new();
        far.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, expected, "{request}");
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_for_its_body_is_asked_when_it_is_wanted() {
    let (near, mut far) = duplex(1 << 16);
    let mut connection = ServerConnection::new(near);
    far.write_all(b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n").await.unwrap();
    poll_fn(|cx| connection.poll_head(cx)).await.unwrap().unwrap();
    let client = tokio::spawn(async move {
        let mut asked = [0; 25];
        far.read_exact(&mut asked).await.unwrap();
        far.write_all(b"{}").await.unwrap();
        (asked, far)
    });
    let mut body = BytesMut::new();
    while !poll_fn(|cx| connection.poll_body(cx, &mut body)).await.unwrap() {}
    assert_eq!(&body[..], b"{}");
    assert_eq!(&client.await.unwrap().0, b"HTTP/1.1 100 Continue\r\n\r\n");
}

#[tokio::test]
async fn fields_cannot_break_out_of_a_head() {
    let (near, mut far) = duplex(1 << 16);
    let mut connection = ServerConnection::new(near);
    far.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    poll_fn(|cx| connection.poll_head(cx)).await.unwrap().unwrap();
    let mut head = ResponseHeadWriter::new(200, "OK");
    head.field("x-bad", "a\r\nx-injected: b");
    head.field("x-good", "a");
    connection.respond(head, Bytes::new());
    poll_fn(|cx| connection.poll_flush(cx)).await.unwrap();
    drop(connection);
    let mut answer = String::new();
    far.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "HTTP/1.1 200 OK\r\nx-good: a\r\ncontent-length: 0\r\n\r\n");
}

//! E-mail, to a small SMTP server on loopback.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use relay_notify::{Event, Kind, Language, Message, Phase, Raise as _, Severity};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::documents;
use crate::support::{Rig, object};

/// Serves one connection, says `after_data` to the message, and gives back what the client said.
async fn server(after_data: &'static str) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let (read, mut write) = socket.into_split();
        let mut lines = BufReader::new(read).lines();
        let mut said = Vec::new();
        let mut in_data = false;
        write.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
        while let Some(line) = lines.next_line().await.unwrap() {
            let answer = match line.split(' ').next().unwrap_or_default() {
                "." if in_data => {
                    in_data = false;
                    after_data
                }
                _ if in_data => "",
                "EHLO" => "250-mail.example\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n",
                "AUTH" => "235 ok\r\n",
                "DATA" => {
                    in_data = true;
                    "354 go on\r\n"
                }
                "QUIT" => "221 bye\r\n",
                _ => "250 ok\r\n",
            };
            said.push(line);
            write.write_all(answer.as_bytes()).await.unwrap();
        }
        said
    });
    (address, serving)
}

fn channel(address: SocketAddr, tls: &str) -> Value {
    json!({
        "type": "email", "smtp_host": address.ip().to_string(), "smtp_port": address.port(), "tls": tls,
        "username": "relay", "password": "canary", "from": "relay@example.com", "to": ["ops@example.com", "ann@example.com"],
        "allow_private": true, "language": "zh-CN",
    })
}

#[tokio::test]
async fn a_message_is_delivered_to_everybody() {
    let (address, serving) = server("250 queued\r\n").await;
    let rig = Rig::new().await;
    rig.channel("mail", channel(address, "none")).await;
    rig.raise(Kind::LogStalled, Phase::Firing, Severity::Critical).await;
    rig.send().await;
    assert_eq!(rig.log().await, "firing/delivered/1");
    let said = serving.await.unwrap();
    let login = format!("AUTH PLAIN {}", STANDARD.encode("\0relay\0canary"));
    for expected in
        [login.as_str(), "MAIL FROM:<relay@example.com>", "RCPT TO:<ops@example.com>", "RCPT TO:<ann@example.com>"]
    {
        assert!(said.iter().any(|line| line.starts_with(expected)), "{expected}: {said:?}");
    }
    assert!(said.iter().any(|line| line.starts_with("Subject: =?utf-8?b?")), "{said:?}");
}

/// The message as the server got it.
fn message(said: &[String]) -> String {
    let lines = said.iter().skip_while(|line| *line != "DATA").skip(1).take_while(|line| *line != ".");
    lines.flat_map(|line| [line.strip_prefix('.').unwrap_or(line), "\n"]).collect()
}

/// Python's `email` has read the golden message; what it found is beside it (`tests/payloads/README.md`).
#[tokio::test]
async fn another_program_reads_what_was_said() {
    let (address, serving) = server("250 queued\r\n").await;
    let rig = Rig::new().await;
    rig.channel("mail", channel(address, "none")).await;
    let facts = object(json!({ "class": "transport_error", "message": "连接被拒绝 <b>“x”</b> = 🔥 ".repeat(9) }));
    let subject = "东京一号·主用线路（亚太）".repeat(4);
    let (kind, phase, severity) = (Kind::HostDown, Phase::Firing, Severity::Critical);
    let (since, at) = (rig.now(), rig.now());
    rig.notifier.raise(Event { kind, phase, severity, subject, facts, since, at }).await.unwrap();
    rig.send().await;
    let got = message(&serving.await.unwrap());
    assert_eq!(got, documents::text("email", "message.eml"));

    let (head, text) = got.split_once("\n\n").unwrap();
    for name in
        ["Date", "Message-ID", "From", "To", "Subject", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]
    {
        assert_eq!(head.lines().filter(|line| line.starts_with(&format!("{name}: "))).count(), 1, "{name}: {head}");
    }
    assert!(got.is_ascii() && got.lines().all(|line| line.len() <= 78), "RFC 5322, 2.1.1: {got}");
    assert!(head.split_whitespace().all(|word| !word.starts_with("=?") || word.len() <= 75), "RFC 2047, 2: {head}");

    let read = documents::json("email", "read.json");
    let sent = &rig.deliveries().await[0].message;
    let event: Event = serde_json::from_value(sent.event.clone()).unwrap();
    let said = Message::new(&event, Language::Chinese, &TimeZone::UTC);
    assert_eq!((&read["subject"], &read["text"]), (&json!(said.title), &json!(said.body)));
    assert_eq!(read["to"], json!(["ops@example.com", "ann@example.com"]));
    assert_eq!((&read["from"], &read["date"]), (&json!("relay@example.com"), &json!("2026-11-26T12:00:00+00:00")));
    assert_eq!((&read["type"], &read["defects"]), (&json!("text/plain; charset=\"utf-8\""), &json!([])));
    assert!(!text.is_empty());
}

#[tokio::test]
async fn a_full_mailbox_is_tried_again_and_an_unknown_one_is_not() {
    for (answer, log) in
        [("452 4.2.2 mailbox full\r\n", "firing/pending/1"), ("550 5.1.1 no such user\r\n", "firing/failed/1")]
    {
        let (address, serving) = server(answer).await;
        let rig = Rig::new().await;
        rig.channel("mail", channel(address, "none")).await;
        rig.down().await;
        rig.send().await;
        assert_eq!(rig.log().await, log);
        let error = rig.deliveries().await[0].last_error.clone().unwrap();
        assert!(error.contains(&answer[6..12]), "{error}");
        serving.await.unwrap();
    }
}

/// A server, or somebody in between, that offers no TLS gets neither password nor message.
#[tokio::test]
async fn without_starttls_nothing_is_said() {
    let (address, serving) = server("250 queued\r\n").await;
    let rig = Rig::new().await;
    rig.channel("mail", channel(address, "starttls")).await;
    rig.down().await;
    rig.send().await;
    assert_eq!(rig.log().await, "firing/failed/1");
    let said = serving.await.unwrap();
    assert!(!said.iter().any(|line| line.starts_with("AUTH") || line.starts_with("DATA")), "{said:?}");
}

#[tokio::test]
async fn a_private_server_is_not_connected_to_unless_the_channel_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let rig = Rig::new().await;
    let mut settings = channel(address, "tls");
    settings["allow_private"] = json!(false);
    rig.channel("mail", settings).await;
    rig.down().await;
    rig.send().await;
    assert_eq!(rig.log().await, "firing/failed/1");
    let error = rig.deliveries().await[0].last_error.clone().unwrap();
    assert!(error.contains("address is private"), "{error}");
    let nobody = tokio::time::timeout(std::time::Duration::ZERO, listener.accept()).await;
    assert!(nobody.is_err(), "nobody came");
}

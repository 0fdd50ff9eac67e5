//! A client that sees bytes: no HTTP library between the test and the wire.

// Each test binary uses its own part of this.
#![allow(dead_code)]

use std::path::PathBuf;

use relay_testkit::FakeHost;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How the server ended what it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The body was whole by its own framing.
    Whole,
    /// The connection ended first.
    Eof,
    /// The connection was reset first.
    Reset,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) end: End,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    pub(crate) fn header_all(&self, name: &str) -> Vec<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.header_all(name).into_iter().next()
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body()).expect("the body is UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body()).expect("the body is JSON")
    }

    /// Head without what differs between runs, then a chunk a line with its line ends written out.
    pub(crate) fn golden(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for (index, line) in self.head.lines().enumerate() {
            let name = line.split(": ").next().unwrap_or_default();
            let varies = index > 0 && ["Date", "X-Request-Id", "X-Client-Request-Id"].contains(&name);
            lines.push(if varies { format!("{name}: <varies>") } else { line.to_owned() });
        }
        lines.push(String::new());
        for chunk in &self.chunks {
            let text: String = chunk.escape_ascii().to_string().replace("\\\"", "\"").replace("\\'", "'");
            lines.push(text);
        }
        lines.push(format!("<{:?}>", self.end));
        lines.join("\n") + "\n"
    }
}

pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(host: &FakeHost) -> Self {
        let stream = TcpStream::connect(host.address()).await.expect("the host listens");
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the host reads");
    }

    /// Reads what there is; false at the end.
    async fn fill(&mut self) -> Result<(), End> {
        let mut bytes = vec![0; 65_536];
        match self.stream.read(&mut bytes).await {
            Ok(0) => Err(End::Eof),
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                Ok(())
            }
            Err(_) => Err(End::Reset),
        }
    }

    pub(crate) async fn until(&mut self, mark: &[u8]) -> Result<Vec<u8>, End> {
        loop {
            if let Some(at) = self.buffer.windows(mark.len()).position(|window| window == mark) {
                return Ok(self.buffer.drain(..at + mark.len()).collect());
            }
            self.fill().await?;
        }
    }

    async fn exactly(&mut self, count: usize) -> Result<Vec<u8>, End> {
        while self.buffer.len() < count {
            self.fill().await?;
        }
        Ok(self.buffer.drain(..count).collect())
    }

    pub(crate) async fn head(&mut self) -> Result<String, End> {
        let head = self.until(b"\r\n\r\n").await?;
        Ok(String::from_utf8(head).expect("a head is UTF-8").trim_end().to_owned())
    }

    /// One chunk of a chunked body; empty at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Vec<u8>, End> {
        let size = self.until(b"\r\n").await?;
        let size = usize::from_str_radix(String::from_utf8_lossy(&size).trim(), 16).expect("a chunk size");
        let mut chunk = self.exactly(size + 2).await?;
        chunk.truncate(size);
        Ok(chunk)
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = Answer { head: String::new(), chunks: Vec::new(), end: End::Whole };
        match self.head().await {
            Ok(head) => answer.head = head,
            Err(end) => {
                answer.end = end;
                return answer;
            }
        }
        if let Some(length) = answer.header("content-length") {
            let length = length.parse().expect("a length");
            match self.exactly(length).await {
                Ok(body) => answer.chunks.push(body),
                Err(end) => {
                    answer.chunks.push(std::mem::take(&mut self.buffer));
                    answer.end = end;
                }
            }
            return answer;
        }
        loop {
            match self.chunk().await {
                Ok(chunk) if chunk.is_empty() => return answer,
                Ok(chunk) => answer.chunks.push(chunk),
                Err(end) => {
                    answer.end = end;
                    return answer;
                }
            }
        }
    }

    pub(crate) async fn post(&mut self, path: &str, headers: &str, body: &str) -> Answer {
        self.send(post(path, headers, body)).await;
        self.answer().await
    }

    pub(crate) async fn get(&mut self, path: &str, headers: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: fake\r\n{headers}\r\n")).await;
        self.answer().await
    }

    /// The rest of the connection as it is.
    pub(crate) async fn rest(mut self) -> (Vec<u8>, End) {
        loop {
            if let Err(end) = self.fill().await {
                return (self.buffer, end);
            }
        }
    }
}

pub(crate) const KEY: &str = "Authorization: Bearer sk-test\r\n";

pub(crate) fn post(path: &str, headers: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: fake\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

pub(crate) fn chat_body(prompt: &str, stream: bool) -> String {
    json!({"model": "gpt-5", "stream": stream, "messages": [{"role": "user", "content": prompt}]}).to_string()
}

/// One chat completion on a connection of its own.
pub(crate) async fn chat(host: &FakeHost, prompt: &str, stream: bool) -> Answer {
    Client::connect(host).await.post("/v1/chat/completions", KEY, &chat_body(prompt, stream)).await
}

/// Compares with `tests/golden/<name>.txt`; `UPDATE_GOLDEN=1` writes it.
#[track_caller]
pub(crate) fn golden(name: &str, seen: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, seen).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&path).expect("the golden file is there; UPDATE_GOLDEN=1 writes it");
    assert!(seen == expected, "{name} differs from its golden file.\n--- expected\n{expected}--- seen\n{seen}");
}

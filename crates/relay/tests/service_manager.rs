//! What a service manager does with the server: it holds its sockets, hears how it is, and replaces it. The first by
//! systemd's own tool, which needs no systemd to run.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use support::http::get;
use support::{PATIENCE, Server, TOKEN, run, stderr, stdout};

/// systemd's tool that holds sockets and starts a program when somebody comes.
const ACTIVATE: &str = "systemd-socket-activate";

/// Two addresses that are free now.
fn free() -> [SocketAddr; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

/// Holds the sockets; returns once it does, with what the server will say.
fn hold(directory: &Path, [gateway, admin]: [SocketAddr; 2]) -> Option<(Child, impl Iterator<Item = String>)> {
    let token = format!("RELAY_MANAGER_ADMIN_TOKEN={TOKEN}");
    let mut command = Command::new(ACTIVATE);
    command.args(["-l", &gateway.to_string(), "-l", &admin.to_string(), "-E", &token]);
    command.args([env!("CARGO_BIN_EXE_relay-manager"), "serve", "--data-dir", "data"]);
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        // Not every machine has it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{error}"),
    };
    let mut told = BufReader::new(child.stderr.take().unwrap());
    for _ in 0..2 {
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        assert!(line.contains("Listening on"), "{line}");
    }
    // Whatever follows is the server's log, which must not fill the pipe.
    std::thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
    let said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    Some((child, said))
}

fn listening(directory: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(directory.join("data/listening.json")).unwrap()).unwrap()
}

fn parent(pid: &Value) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().to_owned()
}

fn signal(pid: &Value, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_that_systemd_holds_are_taken_in_their_order_and_handed_on() {
    let directory = tempfile::tempdir().unwrap();
    let addresses @ [gateway, admin] = free();
    let Some((mut first, mut said)) = hold(directory.path(), addresses) else { return };
    // Nobody has started the server yet: this connection waits in the queue, and starts it.
    let mut waiting = TcpStream::connect(gateway).unwrap();
    waiting.set_read_timeout(Some(PATIENCE)).unwrap();
    waiting.write_all(b"GET /healthz HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(get(admin, "/readyz").await.status, 200, "the second socket is the admin API's");
    assert!(said.any(|line| line.starts_with("console is at")), "it has announced itself");
    let told = listening(directory.path());
    assert_eq!([&told["gateway"], &told["admin"]], [&gateway.to_string(), &admin.to_string()]);
    assert_eq!(told["pid"], first.id(), "the tool has become the server");

    let restarted = run(directory.path(), &["restart", "--data-dir", "data", "--json"]);
    assert_eq!(restarted.status.code(), Some(0), "{}{}", stdout(&restarted), stderr(&restarted));
    let next = listening(directory.path())["pid"].clone();
    assert_ne!(next, first.id());
    assert_eq!(get(gateway, "/healthz").await.status, 200, "on the same sockets");
    // A service manager waits for its own children alone when it stops them, and an orphan becomes one.
    assert_ne!(parent(&next), first.id().to_string());
    assert!(first.wait().unwrap().success());
    signal(&next, "TERM");
}

/// What the server says to whoever started it.
struct Notified(UnixDatagram);

impl Notified {
    fn next(&self) -> String {
        let mut heard = [0; 256];
        let length = self.0.recv(&mut heard).unwrap();
        String::from_utf8_lossy(&heard[..length]).into_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_hears_when_it_is_ready_who_serves_now_and_that_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("notify");
    let notified = Notified(UnixDatagram::bind(&socket).unwrap());
    notified.0.set_read_timeout(Some(PATIENCE)).unwrap();
    let server = Server::start_with(directory.path(), |command| command.env("NOTIFY_SOCKET", &socket));
    assert_eq!(notified.next(), format!("READY=1\nMAINPID={}\nSTATUS=serving", server.process.id()));
    let restarted = run(directory.path(), &["restart", "--data-dir", "data", "--json"]);
    assert_eq!(restarted.status.code(), Some(0), "{}", stderr(&restarted));
    let next = listening(directory.path())["pid"].clone();
    assert_eq!(notified.next(), format!("READY=1\nMAINPID={next}\nSTATUS=serving"), "a reload's new main process");
    signal(&next, "TERM");
    assert_eq!(notified.next(), "STOPPING=1\nSTATUS=finishing what is in flight");
}

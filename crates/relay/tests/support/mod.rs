//! The real binary under test: started in a directory of its own, on free ports,
//! spoken to over HTTP and by its own commands.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub mod http;
pub mod terminal;

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Far beyond what a loaded machine needs, so that only a real hang meets it.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The admin token of servers started by [`Server::start`].
pub const TOKEN: &str = "rma-for-tests-0123456789abcdef0123456789abcdef";

/// The consumer key in [`fleet`].
pub const CONSUMER_KEY: &str = "sk-relay-for-tests-0123456789abcdef";

/// A command of the binary in `directory`, without anything of the caller's environment that it would read.
pub fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relay-manager"));
    command.current_dir(directory).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RELAY_MANAGER_") {
            command.env_remove(name);
        }
    }
    command
}

/// Has a command serve the public status page on `listen`.
pub fn with_status_page<'c>(command: &'c mut Command, listen: &str) -> &'c mut Command {
    command.env("RELAY_MANAGER_STATUS_PAGE_ENABLED", "true").env("RELAY_MANAGER_STATUS_PAGE_LISTEN", listen)
}

/// Runs a command to its end.
pub fn run(directory: &Path, args: &[&str]) -> Output {
    command(directory).args(args).output().expect("the binary starts")
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running process whose lines can be waited for.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    stderr: Option<JoinHandle<String>>,
}

impl Process {
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let out = child.stdout.take().unwrap();
        let mut err = child.stderr.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines() {
                let Ok(line) = line else { break };
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = err.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { child, lines, seen: Vec::new(), stderr: Some(stderr) }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of stdout that holds `text`.
    pub fn wait_for_line(&mut self, text: &str) -> String {
        if let Some(line) = self.seen.iter().find(|line| line.contains(text)) {
            return line.clone();
        }
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                let _ = self.child.kill();
                let stderr = self.stderr.take().map(|handle| handle.join().unwrap()).unwrap_or_default();
                panic!("no line with {text:?}; stdout: {:#?}\nstderr: {stderr}", self.seen);
            };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Everything written to stdout until now, or until its end when it has ended.
    pub fn stdout(&mut self) -> String {
        self.seen.extend(self.lines.try_iter());
        self.seen.join("\n")
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for the end; the exit status, and all of stderr.
    pub fn wait(&mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let stderr = self.stderr.take().map(|handle| handle.join().unwrap()).unwrap_or_default();
                self.seen.extend(self.lines.iter());
                return (status, stderr);
            }
            assert!(Instant::now() < deadline, "the process does not end; stdout: {:#?}", self.stdout());
            std::thread::yield_now();
            let _ = self.lines.recv_timeout(Duration::from_millis(5)).map(|line| self.seen.push(line));
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `relay-manager serve` on free ports.
pub struct Server {
    pub process: Process,
    pub gateway: SocketAddr,
    pub admin: SocketAddr,
    pub directory: PathBuf,
}

impl Server {
    /// Starts in `directory` with `data` as data directory.
    pub fn start(directory: &Path) -> Self {
        Self::start_with(directory, |command| command)
    }

    /// Starts with more arguments or variables.
    pub fn start_with(directory: &Path, change: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let mut command = command(directory);
        command.args(["serve", "--gateway-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.env("RELAY_MANAGER_ADMIN_TOKEN", TOKEN);
        change(&mut command);
        Self::of(Process::spawn(command), directory)
    }

    /// Starts with the public status page on `listen`; where it is then.
    pub fn start_with_status_page(directory: &Path, listen: &str) -> (Self, SocketAddr) {
        let mut server = Self::start_with(directory, |command| with_status_page(command, listen));
        let line = server.process.wait_for_line("status page is at");
        let address = line.rsplit("http://").next().unwrap().trim().trim_end_matches("/status").parse().unwrap();
        (server, address)
    }

    /// Waits until a started process listens.
    pub fn of(mut process: Process, directory: &Path) -> Self {
        let address = |line: String| line.rsplit("http://").next().unwrap().trim().parse().unwrap();
        let gateway = address(process.wait_for_line("gateway listens on"));
        let admin = address(process.wait_for_line("admin API listens on"));
        Self { process, gateway, admin, directory: directory.to_owned() }
    }

    /// Runs a command against this server.
    pub fn cli(&self, args: &[&str]) -> Output {
        self.cli_with(args, |command| command)
    }

    pub fn cli_with(&self, args: &[&str], change: impl FnOnce(&mut Command) -> &mut Command) -> Output {
        let mut command = command(&self.directory);
        command.args(args);
        command.env("RELAY_MANAGER_SERVER", format!("http://{}", self.admin)).env("RELAY_MANAGER_ADMIN_TOKEN", TOKEN);
        change(&mut command);
        command.output().expect("the binary starts")
    }

    /// Runs a command with `--json` that must be done, and reads its answer.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let mut args = args.to_vec();
        args.push("--json");
        let output = self.cli(&args);
        assert!(output.status.success(), "{args:?}: {}{}", stdout(&output), stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{args:?} wrote {}", stdout(&output)))
    }

    /// Applies a fleet.
    pub fn apply(&self, fleet: &str) -> Output {
        let path = self.directory.join("fleet.toml");
        std::fs::write(&path, fleet).unwrap();
        self.cli(&["apply", "-f", path.to_str().unwrap()])
    }

    /// SIGTERM, and the exit status.
    pub fn stop(mut self) -> (ExitStatus, String) {
        self.process.signal("TERM");
        self.process.wait()
    }
}

/// A fleet of plain hosts: group `gpt`, model `gpt-5` on each, in order of
/// priority, and the consumer key of the tests.
pub fn fleet(hosts: &[(&str, &str)]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (priority, (name, base_url)) in hosts.iter().enumerate() {
        write!(
            text,
            r#"
[[host]]
host_id = "{name}"
kind = "openai"
base_url = "{base_url}"
allow_private = true
gateway_key = "sk-host-{name}"

[[route]]
route_id = "gpt-{name}"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "{name}"
shadow_model = "gpt-5-{name}"
priority = {}
weight = 100
credential = "host_key"
"#,
            priority + 1
        )
        .unwrap();
    }
    write!(
        text,
        r#"
[[group]]
logical_group_id = "gpt"
sticky = {{ scope = "conversation", ttl = "1h" }}

[[key]]
key_id = "team-a"
secret = "{CONSUMER_KEY}"
logical_groups = ["gpt"]
expose_routing = true
"#
    )
    .unwrap();
    text
}

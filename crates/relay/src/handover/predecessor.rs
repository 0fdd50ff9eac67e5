//! The new process's side: what it gets from the one before it.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::UnixStream;

use super::{VARIABLE, Word, wire};

/// How long the predecessor may take over its first word, which it says at once.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// How long it may take to let go of the log: it files what is left, and saves up to a million bindings.
const LOG: Duration = Duration::from_mins(1);

/// How long its rounds may take to end.
const ROUNDS: Duration = Duration::from_secs(10);

/// The process that started this one to be followed by it.
#[derive(Debug)]
pub(crate) struct Predecessor {
    stream: UnixStream,
    gateway: TcpListener,
    admin: TcpListener,
    status: Option<TcpListener>,
    lock: Option<File>,
    given: bool,
}

impl Predecessor {
    /// The predecessor on stdin, if there is one. Call it inside the runtime.
    ///
    /// # Errors
    /// There should be one, and what comes from it is not what one says.
    pub(crate) fn from_env() -> anyhow::Result<Option<Self>> {
        if std::env::var_os(VARIABLE).is_none() {
            return Ok(None);
        }
        Self::on_stdin().map(Some).context("this process was started to follow another one, which did not hand over")
    }

    fn on_stdin() -> io::Result<Self> {
        let stream = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let (word, [gateway, admin, lock], status) = wire::receive_descriptors(&stream, FIRST_WORD)?;
        (&stream).write_all(&std::process::id().to_be_bytes())?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: UnixStream::from_std(stream)?,
            gateway: gateway.into(),
            admin: admin.into(),
            status: status.map(TcpListener::from),
            lock: Some(lock.into()),
            given: word == Word::TakeGiven,
        })
    }

    /// The lock of the data directory; given once.
    pub(crate) fn take_lock(&mut self) -> Option<File> {
        self.lock.take()
    }

    /// Whether its listeners are a service manager's; the status page's never is.
    pub(crate) fn has_given_listeners(&self) -> bool {
        self.given
    }

    /// The listeners of the gateway, the admin API and, if it has one, the status page.
    pub(crate) fn listeners(&self) -> io::Result<(TcpListener, TcpListener, Option<TcpListener>)> {
        let status = self.status.as_ref().map(TcpListener::try_clone).transpose()?;
        Ok((self.gateway.try_clone()?, self.admin.try_clone()?, status))
    }

    /// Has it save the bindings and let go of the log.
    ///
    /// # Errors
    /// It does not.
    pub(crate) async fn ask_for_log(&mut self) -> anyhow::Result<()> {
        let asked = async {
            wire::say(&mut self.stream, Word::Log).await?;
            wire::expect(&mut self.stream, Word::Log).await
        };
        let answered = tokio::time::timeout(LOG, asked).await.context("the process before this one keeps the log")?;
        answered.context("the process before this one does not let go of the log")
    }

    /// Tells it that connections are accepted here, and waits until it accepts none and its rounds have ended.
    pub(crate) async fn relieve(&mut self) {
        let told = async {
            wire::say(&mut self.stream, Word::Serving).await?;
            wire::expect(&mut self.stream, Word::Serving).await
        };
        // One that died has ended its rounds too; one that hangs keeps nobody from serving.
        match tokio::time::timeout(ROUNDS, told).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the process before this one did not say that it is done"),
            Err(_) => tracing::warn!("the process before this one still runs its rounds"),
        }
    }
}

//! The old process's side: starting the new one and letting go.

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::net::UnixStream;

use super::between::BETWEEN;
use super::{VARIABLE, Word, wire};

/// How long a new process may take from its start until it serves: it opens the database, files what is left of
/// the log and loads the bindings.
const START: Duration = Duration::from_mins(2);

/// What goes over by descriptor.
#[derive(Debug)]
pub(crate) struct Inheritance {
    pub(crate) gateway: TcpListener,
    pub(crate) admin: TcpListener,
    /// Of the public status page, if it has an address of its own.
    pub(crate) status: Option<TcpListener>,
    pub(crate) lock: File,
    /// The listeners are a service manager's.
    pub(crate) given: bool,
}

/// A new process of this program that is to follow this one. Killed when it is dropped before it serves.
#[derive(Debug)]
pub(crate) struct Successor {
    stream: UnixStream,
    /// Its number and a descriptor of it, once it has said who it is. Before that it ends by itself when this process
    /// lets go of the stream.
    process: Option<(u32, OwnedFd)>,
    serving: bool,
}

impl Successor {
    /// Starts the program that is by now where this one was started from, with the same arguments and environment.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) async fn start(gives: &Inheritance) -> anyhow::Result<Self> {
        let mut arguments = std::env::args_os();
        let program = arguments.next().context("this process does not know what it was started as")?;
        let (ours, theirs) = StdUnixStream::pair()?;
        let word = if gives.given { Word::TakeGiven } else { Word::Take };
        let always = [gives.gateway.as_fd(), gives.admin.as_fd(), gives.lock.as_fd()];
        wire::send_descriptors(&ours, word, always, gives.status.as_ref().map(AsFd::as_fd))?;
        ours.set_nonblocking(true)?;
        let stream = UnixStream::from_std(ours)?;
        let mut command = Command::new(&program);
        command.args(arguments).env(VARIABLE, BETWEEN).stdin(Stdio::from(OwnedFd::from(theirs)));
        // Their end of the pair goes with the command: then the end of the new process is the end of the stream.
        let between = tokio::task::spawn_blocking(move || command.status()).await?;
        let between = between.with_context(|| format!("cannot start {}", program.display()))?;
        if !between.success() {
            bail!("{} could not be started again ({between}); its log says why", program.display());
        }
        Ok(Self { stream, process: None, serving: false })
    }

    /// Its process, once it is known.
    pub(crate) fn id(&self) -> Option<u32> {
        self.process.as_ref().map(|(number, _)| *number)
    }

    /// Brings it to where it serves; `let_go_of_log` is called when it asks for the log.
    ///
    /// # Errors
    /// It ended, or did not get there in time. Dropping the future gives it up.
    pub(crate) async fn bring_up(
        &mut self,
        let_go_of_log: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        let brought_up = tokio::time::timeout(START, async {
            self.meet().await?;
            wire::expect(&mut self.stream, Word::Log).await?;
            let_go_of_log.await?;
            wire::say(&mut self.stream, Word::Log).await?;
            wire::expect(&mut self.stream, Word::Serving).await?;
            anyhow::Ok(())
        });
        match brought_up.await {
            Ok(Ok(())) => {
                self.serving = true;
                Ok(())
            }
            Ok(Err(error)) if has_ended(&error) => bail!("the new process ended before it served; its log says why"),
            Ok(Err(error)) => Err(error.context("the new process did not come to serve; its log says why")),
            Err(_) => bail!("the new process did not serve within {} s", START.as_secs()),
        }
    }

    async fn meet(&mut self) -> io::Result<()> {
        let number = wire::hear_number(&mut self.stream).await?;
        let pid = i32::try_from(number).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        self.process = Some((number, pidfd_open(pid, PidfdFlags::empty())?));
        Ok(())
    }

    /// Says that this process accepts nothing more and does nothing by itself.
    pub(crate) async fn leave_to(&mut self) {
        if let Err(error) = wire::say(&mut self.stream, Word::Serving).await {
            tracing::warn!(%error, "the new process did not hear that this one is done");
        }
    }
}

fn has_ended(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

impl Drop for Successor {
    fn drop(&mut self) {
        if let Some((_, process)) = self.process.as_ref().filter(|_| !self.serving) {
            // It has no socket of its own that anybody waits at.
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
    }
}

//! The old process's side: starting the new one and letting go.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::UnixStream;

use super::{VARIABLE, Word, wire};

/// How long a new process may take from its start until it serves: it opens the database, files what is left of
/// the log and loads the bindings.
const START: Duration = Duration::from_mins(2);

/// What goes over by descriptor.
#[derive(Debug)]
pub(crate) struct Inheritance {
    pub(crate) gateway: TcpListener,
    pub(crate) admin: TcpListener,
    pub(crate) lock: File,
}

/// A new process of this program that is to follow this one. Killed when it is dropped before it serves.
#[derive(Debug)]
pub(crate) struct Successor {
    child: Child,
    stream: UnixStream,
    serving: bool,
}

impl Successor {
    /// Starts the program that is by now where this one was started from, with the same arguments and environment.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start(gives: &Inheritance) -> anyhow::Result<Self> {
        let mut arguments = std::env::args_os();
        let program = arguments.next().context("this process does not know what it was started as")?;
        let (ours, theirs) = StdUnixStream::pair()?;
        wire::send_descriptors(&ours, [gives.gateway.as_fd(), gives.admin.as_fd(), gives.lock.as_fd()])?;
        ours.set_nonblocking(true)?;
        let stream = UnixStream::from_std(ours)?;
        let mut command = Command::new(&program);
        command.args(arguments).env(VARIABLE, "1").stdin(Stdio::from(OwnedFd::from(theirs)));
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child, stream, serving: false })
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
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
            Ok(Err(error)) => match self.child.try_wait() {
                Ok(Some(status)) => bail!("the new process ended before it served ({status}); its log says why"),
                _ => Err(error.context("the new process did not come to serve; its log says why")),
            },
            Err(_) => bail!("the new process did not serve within {} s", START.as_secs()),
        }
    }

    /// Says that this process accepts nothing more and does nothing by itself.
    pub(crate) async fn leave_to(&mut self) {
        if let Err(error) = wire::say(&mut self.stream, Word::Serving).await {
            tracing::warn!(%error, "the new process did not hear that this one is done");
        }
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        if !self.serving {
            // It has no socket of its own that anybody waits at.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

//! How a server lives and ends (spec §5, last bullet): what listens where, and
//! the order in which everything stops.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cli::Exit;
use crate::config::Config;
use crate::output::Output;
use crate::signals::Stop;
use crate::wiring::{self, Server};

/// How long connections are still accepted after a signal: what load balancers
/// need to see `/readyz` and send nobody here any more.
const NOTICE: Duration = Duration::from_secs(2);

/// What the gateway gets to write its last words to clients after the grace.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What admin calls in flight get once the gateway has ended.
const ADMIN_GRACE: Duration = Duration::from_secs(2);

/// Pending connections the system may hold for us.
const BACKLOG: u32 = 4096;

/// Both listeners.
#[derive(Debug)]
pub(crate) struct Listeners {
    gateway: TcpListener,
    admin: TcpListener,
}

impl Listeners {
    /// Takes the configured addresses.
    ///
    /// # Errors
    /// When one cannot be had.
    pub(crate) fn bind(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            gateway: bind(config.gateway.listen, "the gateway", "--gateway-listen")?,
            admin: bind(config.admin.listen, "the admin API", "--admin-listen")?,
        })
    }

    /// Takes the configured addresses, or free ports of loopback where they are taken.
    ///
    /// # Errors
    /// When there is not even a free port.
    pub(crate) fn bind_or_free(config: &Config) -> anyhow::Result<Self> {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let bind = |wanted, what, flag| bind(wanted, what, flag).or_else(|_| bind(free, what, flag));
        Ok(Self {
            gateway: bind(config.gateway.listen, "the gateway", "--gateway-listen")?,
            admin: bind(config.admin.listen, "the admin API", "--admin-listen")?,
        })
    }
}

fn bind(address: SocketAddr, what: &str, flag: &str) -> anyhow::Result<TcpListener> {
    let listen = || -> std::io::Result<TcpListener> {
        let socket = match address {
            SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
            SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
        };
        // A restarted server must not wait for the last one's connections to time out.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().with_context(|| {
        format!("{what} cannot listen on {address}; stop what listens there, or name another address with {flag}")
    })
}

/// Runs a server until it is told to stop: `serve`.
///
/// # Errors
/// When the fleet file has faults, or an address cannot be had.
pub(crate) async fn run(server: Server, stop: Stop, output: Output) -> anyhow::Result<Exit> {
    if let Some(fleet) = server.config.fleet.clone() {
        apply_file(&server, &fleet, output).await?;
    }
    let listeners = Listeners::bind(&server.config)?;
    let running = start(server, listeners, stop)?;
    running.announce(output)?;
    running.until_stopped().await?;
    Ok(Exit::Done)
}

async fn apply_file(server: &Server, fleet: &Path, output: Output) -> anyhow::Result<()> {
    let applied = server.publish_file(fleet).await?;
    for warning in &applied.warnings {
        tracing::warn!(fleet = %fleet.display(), "{warning}");
    }
    for made in &applied.generated_keys {
        output.event(&json!({ "key_id": made.key_id, "key": made.key }), || {
            format!("key of {}, shown this once: {}", made.key_id, made.key)
        })?;
    }
    Ok(())
}

/// A server that listens.
pub(crate) struct Running {
    server: Server,
    stop: Stop,
    background: CancellationToken,
    gateway: Task,
    admin: Task,
    housekeeping: JoinHandle<()>,
    managed: JoinHandle<()>,
}

/// One listener's task.
struct Task {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Task {
    /// Waits for its end at most so long; whether it came.
    async fn ends_within(&mut self, limit: Duration) -> bool {
        tokio::time::timeout(limit, &mut self.task).await.is_ok()
    }
}

/// Starts to listen. Every task started here is awaited by
/// [`Running::until_stopped`] or [`Running::end_now`].
///
/// # Errors
/// When a listener has no address, or the data directory cannot be written.
pub(crate) fn start(mut server: Server, listeners: Listeners, stop: Stop) -> anyhow::Result<Running> {
    let background = CancellationToken::new();
    let (gateway_at, admin_at) = (listeners.gateway.local_addr()?, listeners.admin.local_addr()?);
    let gateway = tokio::spawn(Arc::clone(&server.gateway).serve(listeners.gateway));
    let admin = tokio::spawn(wiring::serve_admin(&server, listeners.admin, stop.orderly.clone(), background.clone()));
    let housekeeping = tokio::spawn(server.housekeeping().run(background.clone()));
    let (worker, stopped) = (server.managed_worker.take(), background.clone());
    let managed = tokio::spawn(async move {
        if let Some(worker) = worker {
            worker.run(stopped.cancelled_owned()).await;
        }
    });
    let written = server.data_dir.announce(gateway_at, admin_at);
    written.with_context(|| format!("cannot write to the data directory {}", server.data_dir.path().display()))?;
    tracing::info!(gateway = %gateway_at, admin = %admin_at, generation = server.control.generation(), "listening");
    Ok(Running {
        server,
        stop,
        background,
        gateway: Task { address: gateway_at, task: gateway },
        admin: Task { address: admin_at, task: admin },
        housekeeping,
        managed,
    })
}

impl Running {
    /// Where the gateway listens.
    pub(crate) fn gateway(&self) -> SocketAddr {
        self.gateway.address
    }

    /// Where the admin API listens.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin.address
    }

    fn announce(&self, output: Output) -> std::io::Result<()> {
        let value = json!({
            "gateway": format!("http://{}", self.gateway()),
            "admin": format!("http://{}", self.admin()),
        });
        output.event(&value, || {
            format!("gateway listens on http://{}\nadmin API listens on http://{}", self.gateway(), self.admin())
        })
    }

    /// Serves until a signal comes, then ends in order.
    ///
    /// # Errors
    /// When a listener ended by itself, or the last rows could not be written.
    pub(crate) async fn until_stopped(mut self) -> anyhow::Result<()> {
        let failed = tokio::select! {
            () = self.stop.orderly.cancelled() => None,
            ended = &mut self.gateway.task => Some(("gateway", ended)),
            ended = &mut self.admin.task => Some(("admin API", ended)),
        };
        if let Some((what, ended)) = failed {
            self.stop.now.cancel();
            self.close().await?;
            bail!(
                "the {what} ended by itself: {}",
                ended.err().map_or_else(|| "it returned".to_owned(), |e| e.to_string())
            );
        }
        self.drain().await;
        self.close().await
    }

    /// Ends without waiting for anybody.
    pub(crate) async fn end_now(mut self) -> anyhow::Result<()> {
        self.stop.now.cancel();
        self.drain().await;
        self.close().await
    }

    /// From the first signal to the last answer.
    async fn drain(&mut self) {
        let shutdown = &self.server.gateway_shutdown;
        tokio::select! {
            () = tokio::time::sleep(NOTICE) => {}
            () = self.stop.now.cancelled() => {}
        }
        shutdown.stop_accepting.cancel();
        let grace = self.server.config.timeouts.shutdown_grace;
        let ended = tokio::select! {
            ended = self.gateway.ends_within(grace) => ended,
            () = self.stop.now.cancelled() => false,
        };
        if !ended {
            tracing::warn!(grace_s = grace.as_secs(), "ending what is still in flight");
            shutdown.end_now.cancel();
            let last_words = if self.stop.now.is_cancelled() { Duration::from_millis(500) } else { LAST_WORDS };
            if !self.gateway.ends_within(last_words).await {
                tracing::warn!("clients did not take the end of their answers");
            }
        }
    }

    /// Ends what is left and closes every file.
    async fn close(mut self) -> anyhow::Result<()> {
        self.gateway.task.abort();
        self.background.cancel();
        if !self.admin.ends_within(ADMIN_GRACE).await {
            self.admin.task.abort();
        }
        if let Err(error) = self.housekeeping.await {
            tracing::error!(%error, "housekeeping ended badly");
        }
        if let Err(error) = self.managed.await {
            tracing::error!(%error, "managed access ended badly");
        }
        let flushed = self.server.bindings.close().await;
        self.server.ledger.close().await;
        self.server.store.close().await;
        self.server.data_dir.withdraw();
        let stats = self.server.ledger.stats();
        tracing::info!(rows = stats.written, "stopped");
        flushed.context("the last bindings were not written")?;
        if stats.written < stats.accepted {
            let reason = stats.last_error.unwrap_or_default();
            bail!("{} rows of the decision log were not written: {reason}", stats.accepted - stats.written);
        }
        Ok(())
    }
}

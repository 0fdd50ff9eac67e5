//! How a server lives and ends (spec §5, last bullet): what listens where, and
//! the order in which everything stops.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdTcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::cli::Exit;
use crate::config::Config;
use crate::handover::{Inheritance, Predecessor, Successor};
use crate::housekeeping;
use crate::output::Output;
use crate::runtimes::Handles;
use crate::signals::Stop;
use crate::supervisor;
use crate::wiring::{self, Server};

/// How long connections are still accepted after a signal: what load balancers
/// need to see `/readyz` and send nobody here any more.
const NOTICE: Duration = Duration::from_secs(2);

/// What the gateway gets to write its last words to clients after the grace.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What admin calls in flight get once the gateway has ended.
const ADMIN_GRACE: Duration = Duration::from_secs(2);

/// After a handover, how long a connection that nobody uses stays open for a request that may be on its way.
/// Common clients and proxies keep theirs for 60 s or less.
const IDLE_AFTER_HANDOVER: Duration = Duration::from_mins(1);

/// Pending connections the system may hold for us.
const BACKLOG: u32 = 4096;

/// The listeners.
#[derive(Debug)]
pub(crate) struct Listeners {
    gateway: StdTcpListener,
    admin: StdTcpListener,
    /// Of the public status page, if it has an address of its own.
    status: Option<StdTcpListener>,
    /// They are a service manager's, which says where they are.
    given: bool,
}

impl Listeners {
    /// Takes over the listeners of the process before this one, or of the service manager (socket activation: the
    /// gateway's first, the admin API's second; the status page's is never its); what neither has is bound anew.
    ///
    /// # Errors
    /// When an address cannot be had.
    pub(crate) fn inherit_or_bind(config: &Config, predecessor: Option<&Predecessor>) -> anyhow::Result<Self> {
        let status_at = config.status_page.as_ref().and_then(|page| page.listen);
        let mut status = None;
        let (gateway, admin, given) = if let Some(predecessor) = predecessor {
            let (gateway, admin, public) = predecessor.listeners()?;
            // Its addresses are those of the configuration it was started with.
            status = public.zip(status_at).and_then(|(listener, wanted)| same_address(listener, wanted));
            if predecessor.has_given_listeners() {
                (Some(gateway), Some(admin), true)
            } else {
                (same_address(gateway, config.gateway.listen), same_address(admin, config.admin.listen), false)
            }
        } else {
            let mut given = listenfd::ListenFd::from_env();
            let mut take = |index| if index < given.len() { given.take_tcp_listener(index) } else { Ok(None) };
            let advice = "the sockets of the service manager must be streams: the gateway's, then the admin API's";
            let (gateway, admin) = (take(0).context(advice)?, take(1).context(advice)?);
            let given = gateway.is_some() || admin.is_some();
            (gateway, admin, given)
        };
        let gateway = gateway.map_or_else(|| bind(config.gateway.listen, "the gateway", "--gateway-listen"), Ok)?;
        let admin = admin.map_or_else(|| bind(config.admin.listen, "the admin API", "--admin-listen"), Ok)?;
        let status = status.map_or_else(|| bind_status(config), |status| Ok(Some(status)))?;
        for listener in [&gateway, &admin].into_iter().chain(&status) {
            listener.set_nonblocking(true)?;
        }
        Ok(Self { gateway, admin, status, given })
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
            status: bind_status(config)?,
            given: false,
        })
    }
}

/// A listener that is where the configuration wants it; port 0 is any.
fn same_address(listener: StdTcpListener, wanted: SocketAddr) -> Option<StdTcpListener> {
    let has = listener.local_addr().ok()?;
    (has.ip() == wanted.ip() && (wanted.port() == 0 || has.port() == wanted.port())).then_some(listener)
}

fn bind_status(config: &Config) -> anyhow::Result<Option<StdTcpListener>> {
    let Some(address) = config.status_page.as_ref().and_then(|page| page.listen) else { return Ok(None) };
    bind(address, "the status page", "status_page.listen").map(Some)
}

fn bind(address: SocketAddr, what: &str, flag: &str) -> anyhow::Result<StdTcpListener> {
    let listen = || -> std::io::Result<StdTcpListener> {
        let socket = match address {
            SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
            SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
        };
        // A restarted server must not wait for the last one's connections to time out.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)?.into_std()
    };
    listen().with_context(|| {
        format!("{what} cannot listen on {address}; stop what listens there, or name another address with {flag}")
    })
}

/// Runs a server until it is told to stop: `serve`.
///
/// # Errors
/// When the fleet file has faults, or an address cannot be had.
pub(crate) async fn run(
    server: Server,
    predecessor: Option<Predecessor>,
    stop: Stop,
    handles: &Handles,
    output: Output,
) -> anyhow::Result<Exit> {
    if let Some(fleet) = server.config.fleet.clone() {
        apply_file(&server, &fleet, output).await?;
    }
    let listeners = Listeners::inherit_or_bind(&server.config, predecessor.as_ref())?;
    let running = start(server, listeners, predecessor, stop, handles).await?;
    running.announce(output)?;
    supervisor::ready();
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
    inheritance: Inheritance,
    gateway: Task,
    admin: Task,
    /// The public status page, where it has an address of its own.
    status: Option<Task>,
    end_admin: CancellationToken,
    rounds: Rounds,
    /// Goes on until the last request has ended, whoever does the rounds.
    exporter: JoinHandle<()>,
}

/// What goes on beside requests.
struct Rounds {
    cancelled: CancellationToken,
    housekeeping: JoinHandle<()>,
    managed: JoinHandle<()>,
}

impl Rounds {
    fn start(server: &mut Server, handles: &Handles) -> Self {
        let cancelled = CancellationToken::new();
        let housekeeping = handles.background.spawn(server.housekeeping().run(cancelled.clone()));
        let (worker, stopped) = (server.managed_worker.take(), cancelled.clone());
        let managed = handles.background.spawn(async move {
            if let Some(worker) = worker {
                worker.run(stopped.cancelled_owned()).await;
            }
        });
        Self { cancelled, housekeeping, managed }
    }

    /// Ends them; does nothing when they have ended.
    async fn end(&mut self) {
        self.cancelled.cancel();
        for (what, task) in [("housekeeping", &mut self.housekeeping), ("managed access", &mut self.managed)] {
            if task.is_finished() {
                continue;
            }
            if let Err(error) = task.await {
                tracing::error!(%error, "{what} ended badly");
            }
        }
    }
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

/// How the task of a listener ended; never, where there is none.
async fn end_of(task: Option<&mut Task>) -> Result<(), JoinError> {
    match task {
        Some(listener) => (&mut listener.task).await,
        None => std::future::pending().await,
    }
}

/// What listens where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) gateway: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) status: Option<SocketAddr>,
}

/// Starts to listen; with a predecessor, on its sockets, and relieves it. Every task started here is awaited by
/// [`Running::until_stopped`] or [`Running::end_now`].
///
/// # Errors
/// When a listener has no address, or the data directory cannot be written.
pub(crate) async fn start(
    mut server: Server,
    listeners: Listeners,
    predecessor: Option<Predecessor>,
    stop: Stop,
    handles: &Handles,
) -> anyhow::Result<Running> {
    let end_admin = CancellationToken::new();
    let (gateway_at, admin_at) = (listeners.gateway.local_addr()?, listeners.admin.local_addr()?);
    let inheritance = Inheritance {
        gateway: listeners.gateway.try_clone()?,
        admin: listeners.admin.try_clone()?,
        status: listeners.status.as_ref().map(StdTcpListener::try_clone).transpose()?,
        lock: server.data_dir.lock()?,
        given: listeners.given,
    };
    let gateway_listener = TcpListener::from_std(listeners.gateway)?;
    let in_background = |listener| {
        let _entered = handles.background.enter();
        TcpListener::from_std(listener)
    };
    let admin_listener = in_background(listeners.admin)?;
    if predecessor.is_some() {
        server.take_health();
    }
    let gateway = tokio::spawn(Arc::clone(&server.gateway).serve(gateway_listener, handles.gateway.clone()));
    let status_at = listeners.status.as_ref().map(StdTcpListener::local_addr).transpose()?;
    let addresses = Addresses { gateway: gateway_at, admin: admin_at, status: status_at };
    let changes = handles.changes.clone();
    let (draining, cancelled) = (stop.orderly.clone(), end_admin.clone());
    let admin =
        handles.background.spawn(wiring::serve_admin(&server, addresses, admin_listener, changes, draining, cancelled));
    let status = match (listeners.status, status_at) {
        (Some(listener), Some(address)) => {
            let page =
                wiring::serve_status(&server, in_background(listener)?, handles.changes.clone(), end_admin.clone());
            page.map(|page| Task { address, task: handles.background.spawn(page) })
        }
        _ => None,
    };
    if let Some(mut predecessor) = predecessor {
        predecessor.relieve().await;
        server.take_limits();
    }
    let rounds = Rounds::start(&mut server, handles);
    let (exporter, stopped) = (server.exporter.take(), end_admin.clone());
    let exporter = handles.background.spawn(async move {
        if let Some(exporter) = exporter {
            exporter.run(stopped.cancelled_owned()).await;
        }
    });
    let written = server.data_dir.announce(gateway_at, admin_at);
    written.with_context(|| format!("cannot write to the data directory {}", server.data_dir.path().display()))?;
    tracing::info!(gateway = %gateway_at, admin = %admin_at, generation = server.control.generation(), "listening");
    Ok(Running {
        server,
        stop,
        inheritance,
        gateway: Task { address: gateway_at, task: gateway },
        admin: Task { address: admin_at, task: admin },
        status,
        end_admin,
        rounds,
        exporter,
    })
}

/// What ends a time of serving.
enum Ended {
    Asked,
    /// What ended, and how.
    ByItself(&'static str, Result<(), JoinError>),
    /// Another process serves.
    Succeeded(Successor),
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
        let mut value = json!({
            "gateway": format!("http://{}", self.gateway()),
            "admin": format!("http://{}", self.admin()),
            "console": format!("http://{}/", self.admin()),
        });
        let on_admin = self.server.config.status_page.is_some().then_some(self.admin());
        let status = self.status.as_ref().map(|task| task.address).or(on_admin);
        let status = status.map(|address| format!("http://{address}/status"));
        if let Some(status) = &status {
            value["status_page"] = json!(status);
        }
        output.event(&value, || {
            let (gateway, admin) = (self.gateway(), self.admin());
            let status = status.map(|status| format!("\nstatus page is at {status}")).unwrap_or_default();
            format!(
                "gateway listens on http://{gateway}\nadmin API listens on http://{admin}\nconsole is at http://{admin}/{status}"
            )
        })
    }

    /// Serves until a signal comes, then ends in order; or until another process does.
    ///
    /// # Errors
    /// When a listener ended by itself, or the last rows could not be written.
    pub(crate) async fn until_stopped(mut self) -> anyhow::Result<()> {
        match self.serve().await {
            Ended::Asked => {
                supervisor::stopping();
                self.drain(NOTICE).await;
                self.server.data_dir.withdraw();
                self.close().await
            }
            Ended::Succeeded(successor) => {
                self.leave_to(successor).await;
                self.close().await
            }
            Ended::ByItself(what, ended) => {
                self.stop.now.cancel();
                self.server.data_dir.withdraw();
                self.close().await?;
                let how = ended.err().map_or_else(|| "it returned".to_owned(), |error| error.to_string());
                bail!("the {what} ended by itself: {how}")
            }
        }
    }

    async fn serve(&mut self) -> Ended {
        loop {
            tokio::select! {
                () = self.stop.orderly.cancelled() => return Ended::Asked,
                ended = &mut self.gateway.task => return Ended::ByItself("gateway", ended),
                ended = &mut self.admin.task => return Ended::ByItself("admin API", ended),
                ended = end_of(self.status.as_mut()) => return Ended::ByItself("status page", ended),
                () = self.stop.restart.notified() => {}
            }
            match self.hand_over().await {
                Ok(Some(successor)) => return Ended::Succeeded(successor),
                Ok(None) => return Ended::Asked,
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "there is no new process; this one goes on");
                    self.server.data_dir.restart_failed(&format!("{error:#}"));
                }
            }
        }
    }

    /// Has a new process serve; `None` when this one was told to end meanwhile.
    async fn hand_over(&mut self) -> anyhow::Result<Option<Successor>> {
        let mut successor = Successor::start(&self.inheritance).await?;
        tracing::info!("a new process is to follow this one");
        let server = &self.server;
        let let_go_of_log = async {
            server.bindings.hand_over(server.data_dir.path()).await?;
            server.leave_health();
            server.ledger.hand_over().await.context("cannot write beside the decision log")
        };
        tokio::select! {
            brought_up = successor.bring_up(let_go_of_log) => brought_up.map(|()| Some(successor)),
            () = self.stop.orderly.cancelled() => Ok(None),
        }
    }

    /// Ends while another process serves: nobody has to be given notice, and a connection that is there may bring
    /// one more request.
    async fn leave_to(&mut self, mut successor: Successor) {
        self.server.gateway_shutdown.last_requests.cancel();
        self.server.leave_limits();
        self.end_admin.cancel();
        self.rounds.end().await;
        successor.leave_to().await;
        tracing::info!(pid = successor.id(), "the new process serves; finishing what is in flight here");
        let grace = self.server.config.timeouts.shutdown_grace;
        let (control, gateway) = (Arc::clone(&self.server.control), Arc::clone(&self.server.gateway));
        tokio::select! {
            () = self.drain(IDLE_AFTER_HANDOVER.min(grace / 2)) => {}
            () = housekeeping::follow(&control, &gateway) => {}
        }
    }

    /// Ends without waiting for anybody.
    pub(crate) async fn end_now(mut self) -> anyhow::Result<()> {
        self.stop.now.cancel();
        self.drain(NOTICE).await;
        self.server.data_dir.withdraw();
        self.close().await
    }

    /// From the first signal to the last answer; what is idle has `notice` before it is closed.
    async fn drain(&mut self, notice: Duration) {
        let shutdown = &self.server.gateway_shutdown;
        tokio::select! {
            ended = self.gateway.ends_within(notice) => if ended { return },
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
        self.end_admin.cancel();
        for listener in [Some(&mut self.admin), self.status.as_mut()].into_iter().flatten() {
            if !listener.task.is_finished() && !listener.ends_within(ADMIN_GRACE).await {
                listener.task.abort();
            }
        }
        self.rounds.end().await;
        if let Err(error) = self.exporter.await {
            tracing::error!(%error, "the export of traces ended badly");
        }
        let flushed = self.server.bindings.close().await;
        self.server.ledger.close().await;
        self.server.store.close().await;
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

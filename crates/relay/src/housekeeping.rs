//! What a server does on its own, beside requests: takes over generations that
//! another process published, closes connections to hosts that have been idle,
//! probes routes that nobody uses, notices what operators must know and tells them,
//! reads ahead what pages begin with, forgets bindings that have expired, and whole
//! fleets of the past that no decision in the log refers to any more.

use std::sync::Arc;
use std::time::Duration;

use relay_bindings::BindingStore;
use relay_control::Control;
use relay_control::hosts::WatchSettings;
use relay_domain::{Clock as _, SystemClock};
use relay_gateway::Gateway;
use relay_store::Store;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// A change published elsewhere serves here within this time (spec §8).
const REFRESH: Duration = Duration::from_millis(500);

/// How often idle connections to hosts, and generations that nothing is served from, are looked for.
const TIDY: Duration = Duration::from_secs(5);

/// How often idle routes are looked for.
const PROBE: Duration = Duration::from_secs(5);

/// How often the fleet and the log are looked at for what operators must know.
const NOTICE: Duration = Duration::from_secs(5);

/// How often notifications that are due are looked for.
const SEND: Duration = Duration::from_secs(2);

/// How long notifications that were sent stay on record.
const KEEP_DELIVERIES: Duration = Duration::from_hours(30 * 24);

/// How often the sums that pages begin with are looked at: what is new in them comes once an hour.
const READ_AHEAD: Duration = Duration::from_mins(1);

/// How often memory is taken back from expired bindings.
const SWEEP: Duration = Duration::from_mins(1);

/// How often old generations are looked for.
const FORGET: Duration = Duration::from_hours(1);

/// What the rounds work on.
pub(crate) struct Housekeeping {
    pub(crate) control: Arc<Control>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bindings: Arc<dyn BindingStore>,
    pub(crate) gateway: Arc<Gateway>,
    /// Age at which decisions, and with them the fleets they were made from, are forgotten.
    pub(crate) retention: Duration,
    /// How often hosts are asked for quotas and prices.
    pub(crate) watch_every: Duration,
    /// See [`WatchSettings`].
    pub(crate) watch: WatchSettings,
    /// There is a public status page, which looks further back than any other.
    pub(crate) has_status_page: bool,
}

impl Housekeeping {
    /// Goes on until it is cancelled; a round under way is finished, but for probes
    /// and messages.
    pub(crate) async fn run(self, cancelled: CancellationToken) {
        tokio::join!(
            self.probe(&cancelled),
            self.watch(&cancelled),
            self.notify(&cancelled),
            self.read_ahead(&cancelled),
            self.keep(&cancelled)
        );
    }

    /// Begins at once, and keeps nothing waiting: at the start a month of sums may take seconds.
    async fn read_ahead(&self, cancelled: &CancellationToken) {
        let (mut read, mut ahead) = (Round::new("read_ahead"), every(READ_AHEAD));
        let mut status = Round::new("read_status_ahead");
        let rounds = async {
            loop {
                ahead.tick().await;
                read.told(self.control.read_ahead().await);
                if self.has_status_page {
                    status.told(self.control.read_public_status_ahead().await);
                }
            }
        };
        tokio::select! {
            () = cancelled.cancelled() => {}
            () = rounds => {}
        }
    }

    /// A service that does not answer keeps nothing waiting but the next messages.
    /// What is not sent when the process ends is sent by the next one.
    async fn notify(&self, cancelled: &CancellationToken) {
        let (mut noticed, mut sent) = (Round::new("notice"), Round::new("send_notifications"));
        let notice = async {
            let mut notice = every(NOTICE);
            loop {
                notice.tick().await;
                noticed.told(self.control.notice(std::time::Instant::now()).await);
            }
        };
        let send = async {
            let mut send = every(SEND);
            loop {
                send.tick().await;
                sent.told(self.control.send_notifications().await);
            }
        };
        tokio::select! {
            () = cancelled.cancelled() => {}
            () = notice => {}
            () = send => {}
        }
    }

    /// A probe may take as long as a host does, and nothing else waits for it.
    async fn probe(&self, cancelled: &CancellationToken) {
        let mut probe = every(PROBE);
        let rounds = async {
            loop {
                probe.tick().await;
                self.control.probe_idle_routes(std::time::Instant::now()).await;
            }
        };
        tokio::select! {
            () = cancelled.cancelled() => {}
            () = rounds => {}
        }
    }

    /// Waits for hosts like a probe.
    async fn watch(&self, cancelled: &CancellationToken) {
        let mut look = tokio::time::interval_at(Instant::now() + self.watch_every, self.watch_every);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let rounds = async {
            loop {
                look.tick().await;
                self.control.watch_hosts(self.watch).await;
            }
        };
        tokio::select! {
            () = cancelled.cancelled() => {}
            () = rounds => {}
        }
    }

    async fn keep(&self, cancelled: &CancellationToken) {
        let mut refresh = every(REFRESH);
        let mut tidy = every(TIDY);
        let mut sweep = every(SWEEP);
        let mut forget = every(FORGET);
        let mut failing = false;
        loop {
            tokio::select! {
                () = cancelled.cancelled() => return,
                _ = refresh.tick() => self.refresh(&mut failing).await,
                _ = tidy.tick() => self.gateway.tidy(),
                _ = sweep.tick() => {
                    let swept = self.bindings.sweep(SystemClock.now()).await;
                    tracing::debug!(swept, "forgot expired bindings");
                }
                _ = forget.tick() => self.forget().await,
            }
        }
    }

    /// Told once when it begins to fail and once when it works again: it is tried twice a second.
    async fn refresh(&self, failing: &mut bool) {
        match self.control.refresh().await {
            Ok(taken) => {
                if let Some(generation) = taken {
                    tracing::info!(generation, "took over a generation that another process published");
                }
                if std::mem::take(failing) {
                    tracing::info!("the store answers again");
                }
            }
            Err(error) => {
                if !std::mem::replace(failing, true) {
                    tracing::warn!(%error, "cannot ask the store for newer generations; serving the last one");
                }
            }
        }
    }

    async fn forget(&self) {
        match self.store.forget_fleets(SystemClock.now() - self.retention).await {
            Ok(0) => {}
            Ok(fleets) => tracing::info!(fleets, "forgot fleets older than the decision log"),
            Err(error) => tracing::warn!(%error, "old fleets stay for another hour"),
        }
        if let Err(error) = self.store.forget_deliveries(SystemClock.now() - KEEP_DELIVERIES).await {
            tracing::warn!(%error, "old notifications stay for another hour");
        }
    }
}

/// Takes over what other processes publish, for one that has handed over and still answers last requests: a key that is
/// disabled meanwhile is disabled here too. Never ends.
pub(crate) async fn follow(control: &Control, gateway: &Gateway) {
    let (mut refresh, mut tidy) = (every(REFRESH), every(TIDY));
    loop {
        tokio::select! {
            _ = refresh.tick() => if let Err(error) = control.refresh().await {
                tracing::debug!(%error, "cannot ask the store for newer generations");
            },
            _ = tidy.tick() => gateway.tidy(),
        }
    }
}

/// A round that is told of once when it begins to fail and once when it works again.
struct Round {
    name: &'static str,
    failing: bool,
}

impl Round {
    fn new(name: &'static str) -> Self {
        Self { name, failing: false }
    }

    fn told<T, E: std::fmt::Display>(&mut self, result: Result<T, E>) {
        match result {
            Ok(_) if std::mem::take(&mut self.failing) => tracing::info!(round = self.name, "a round works again"),
            Err(error) if !std::mem::replace(&mut self.failing, true) => {
                tracing::warn!(round = self.name, %error, "a round fails; it is tried again");
            }
            Ok(_) | Err(_) => {}
        }
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

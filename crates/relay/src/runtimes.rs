//! Runtimes: some that serve clients, one for whoever looks, and two for what changes something. The later ones
//! step back when processors are short.
//!
//! Clients are served by one runtime of one thread for each processor: a connection stays on its thread, and no request
//! is handed from one to the other (ADR 0023).
//!
//! Applying a fleet of ten thousand routes, a look through the log, a page of the console each take a processor for
//! milliseconds. On the runtime that serves clients their requests would wait behind it; on threads of equal standing
//! they would share the processor with it. So the admin API, the console and the rounds run on threads that the system
//! lets go after those, and so do the threads that they start. What publishes a generation, or replays the log against one,
//! takes a hundred times as long as a list: it gets what everybody else leaves, or, where that is nothing, stands behind
//! whoever looks (ADR 0018, ADR 0022).

use std::num::NonZero;

use relay_admin::Changes;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
    thread_schedule_policy,
};
use tokio::runtime::{Builder, Handle, Runtime};

/// How far looking steps back: it gets a third of what a thread of the gateway does where both want the
/// same processor, and everything that the gateway leaves.
const LOOKING: i32 = 5;

/// How far changing steps back: it gets a tenth, so that an apply under full load is late and still ends.
const CHANGING: i32 = 10;

/// The lowest standing there is.
const LAST: i32 = 19;

/// Requests in flight never need more than two threads of what waits beside them.
const THREADS: usize = 2;

/// The runtimes of a server.
pub(crate) struct Runtimes {
    /// Starts and ends the server, and accepts connections.
    main: Runtime,
    gateway: Vec<Runtime>,
    background: Runtime,
    leisurely_changes: Runtime,
    changes: Runtime,
}

/// Where everything goes that is not of the calling runtime.
#[derive(Clone, Debug)]
pub(crate) struct Handles {
    /// For clients' connections.
    pub(crate) gateway: Vec<Handle>,
    /// For whoever looks, and for the rounds.
    pub(crate) background: Handle,
    /// For what changes something, or weighs a change.
    pub(crate) changes: Changes,
}

impl Runtimes {
    /// Starts them.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(crate) fn start() -> std::io::Result<Self> {
        // Of the process, not of the thread that starts another: those have stepped back already.
        let standing = rustix::process::getpriority_process(None)?;
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let behind = |steps: i32| move || step_back(standing + steps);
        Ok(Self {
            background: runtime("background", THREADS, behind(LOOKING))?,
            leisurely_changes: runtime("changes", THREADS, move || {
                if !step_aside() {
                    step_back(standing + CHANGING);
                }
            })?,
            changes: runtime("changes-now", THREADS, behind(CHANGING))?,
            gateway: (0..processors).map(|_| runtime("gateway", 1, || {})).collect::<Result<_, _>>()?,
            main: Builder::new_current_thread().enable_all().build()?,
        })
    }

    /// Runs `work` on the calling thread; it is given the others.
    pub(crate) fn run<T>(self, work: impl AsyncFnOnce(Handles) -> T) -> T {
        let handle = |runtime: &Runtime| runtime.handle().clone();
        let changes = Changes { leisurely: handle(&self.leisurely_changes), at_once: handle(&self.changes) };
        let gateway = self.gateway.iter().map(handle).collect();
        self.main.block_on(work(Handles { gateway, background: handle(&self.background), changes }))
    }
}

fn runtime(name: &str, threads: usize, on_thread_start: impl Fn() + Send + Sync + 'static) -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(name)
        .on_thread_start(on_thread_start)
        .enable_all()
        .build()
}

/// Lowers the standing of the calling thread. Linux keeps one for each thread.
fn step_back(standing: i32) {
    let lowered = standing.min(LAST);
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), lowered) {
        tracing::debug!(%error, "a thread of the background keeps its priority");
    }
}

/// Has the calling thread leave the processors to whoever else wants them; `false` where the system does not allow that.
pub(crate) fn step_aside() -> bool {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    // That it keeps its nice value, where it may not go back to the usual one, counts for nothing then.
    let set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    let is_idle = thread_schedule_policy() == Ok(idle);
    if !is_idle {
        tracing::debug!(?set, "a thread that should step aside keeps its standing");
    }
    is_idle
}

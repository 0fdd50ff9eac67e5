//! The one thread that writes.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::sync::oneshot;

use super::file::BindingsFile;
use crate::FlushError;
use crate::register::Register;
use crate::table::lock;

/// How long a failing disk is left alone before the next try.
const RETRY_AFTER: Duration = Duration::from_secs(1);

type Reply = oneshot::Sender<Result<(), FlushError>>;

#[derive(Default)]
struct Orders {
    pending: AtomicBool,
    stop: AtomicBool,
    flushes: Mutex<Vec<Reply>>,
}

/// A handle to the writing thread.
pub(super) struct Writer {
    orders: Arc<Orders>,
    thread: Thread,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(register: Arc<Register>, file: BindingsFile) -> io::Result<Self> {
        let orders = Arc::new(Orders::default());
        // What loading evicted is already noted.
        orders.pending.store(true, Ordering::SeqCst);
        let thread = thread::Builder::new().name("bindings-writer".to_owned()).spawn({
            let orders = Arc::clone(&orders);
            move || run(&orders, &register, file)
        })?;
        Ok(Self { orders, thread: thread.thread().clone() })
    }

    /// Says that there may be something to write. Only the first of many calls
    /// costs a system call.
    pub(super) fn wake(&self) {
        if !self.orders.pending.swap(true, Ordering::SeqCst) {
            self.thread.unpark();
        }
    }

    /// Returns when everything noted before is on disk, or could not be written.
    pub(super) async fn flush(&self) -> Result<(), FlushError> {
        let ended = || FlushError { reason: "the writer has ended".to_owned() };
        let (reply, answer) = oneshot::channel();
        {
            // Under this lock the thread decides to end: nobody is left waiting.
            let mut flushes = lock(&self.orders.flushes);
            if self.orders.stop.load(Ordering::SeqCst) {
                return Err(ended());
            }
            flushes.push(reply);
        }
        self.orders.pending.store(true, Ordering::SeqCst);
        self.thread.unpark();
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Has the thread write what is left and end.
    pub(super) fn stop(&self) {
        {
            let _flushes = lock(&self.orders.flushes);
            self.orders.stop.store(true, Ordering::SeqCst);
        }
        self.thread.unpark();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(orders: &Orders, register: &Register, mut file: BindingsFile) {
    let mut failing = false;
    loop {
        let last = orders.stop.load(Ordering::SeqCst);
        if !orders.pending.swap(false, Ordering::SeqCst) && !last {
            thread::park();
            continue;
        }
        // Taken before the journal, so that what a flush waits for is in it.
        let flushes = std::mem::take(&mut *lock(&orders.flushes));
        let result = write(register, &mut file);
        for reply in flushes {
            // Whoever asked may have gone.
            let _ = reply.send(result.clone());
        }
        match &result {
            Err(error) if !failing => tracing::error!(reason = error.reason, "bindings cannot be written; trying on"),
            Ok(()) if failing => tracing::info!("bindings are written again"),
            _ => {}
        }
        failing = result.is_err();
        if last {
            return;
        }
        if failing {
            orders.pending.store(true, Ordering::SeqCst);
            thread::park_timeout(RETRY_AFTER);
        }
    }
}

fn write(register: &Register, file: &mut BindingsFile) -> Result<(), FlushError> {
    let bindings = register.bindings.take_changes(|kept| kept.entry.clone());
    let responses = register.responses.take_changes(|owner| owner.clone());
    if bindings.is_empty() && responses.is_empty() {
        return Ok(());
    }
    file.write(&bindings, &responses).map_err(|error| {
        register.bindings.note_again(bindings.iter().map(|(key, _)| *key));
        register.responses.note_again(responses.iter().map(|(key, _)| *key));
        FlushError { reason: error.to_string() }
    })
}

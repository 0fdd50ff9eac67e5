//! Handing the log over to another process, and the thread that takes in what such a process still writes.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use crate::Ledger;
use crate::adoption::Adoption;
use crate::ledger::{Inner, join};
use crate::sums::Rollup;

/// What another process writes beside the log, and whether it is being taken in.
#[derive(Debug)]
pub(crate) enum Adopting {
    /// Nobody has asked for it yet.
    NotYet(Box<Adoption>),
    /// By a thread, told to end by dropping its sender.
    Runs { stop: Sender<()>, thread: JoinHandle<()> },
}

impl Inner {
    /// Ends the thread of adoption; what it has not taken is taken by whoever opens the log next.
    pub(crate) fn stop_adopting(&self) {
        let adopting = self.adoption.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Adopting::Runs { stop, thread }) = adopting {
            drop(stop);
            join([thread]);
        }
    }
}

impl Ledger {
    /// Begins to take in what processes before this one have left, or still write, beside the log ([`Ledger::hand_over`]).
    /// Before that no reader sees any of it; from then on `tell` is told once of each request that ends so, as the roll-up
    /// that it is alone. So sums that were read before this call, and what is told, are all there is, each once.
    ///
    /// # Errors
    /// The thread for it cannot be started.
    pub fn adopt(&self, mut tell: impl FnMut(Rollup) + Send + 'static) -> std::io::Result<()> {
        let mut adopting = self.0.adoption.lock().unwrap_or_else(PoisonError::into_inner);
        match adopting.take() {
            Some(Adopting::NotYet(adoption)) => {
                let (stop, stopped) = channel();
                let builder = std::thread::Builder::new().name("log-adoption".to_owned());
                let thread = builder.spawn(move || adoption.run(&stopped, &mut tell))?;
                *adopting = Some(Adopting::Runs { stop, thread });
            }
            other => *adopting = other,
        }
        Ok(())
    }

    /// Lets another process open the log while this one still has requests in flight: everything written so far is
    /// filed, the log is let go of, and rows from here on are written to a journal beside it, which the other process takes
    /// into the log ([`Ledger::adopt`] there). Nobody who writes waits for any of this. Lists of this process lag behind from now
    /// on; [`Ledger::close`] as ever. Does nothing when it was done before.
    ///
    /// # Errors
    /// The journal beside the log could not be made: the log is still here.
    /// Once called it goes on also when the future is dropped.
    pub async fn hand_over(&self) -> std::io::Result<()> {
        let inner = Arc::clone(&self.0);
        let handed_over = tokio::task::spawn_blocking(move || {
            inner.stop_adopting();
            inner.writing.turn_aside()?;
            // Filing is the last of the threads. Its end lets go of the lock.
            let filing = {
                let mut threads = inner.threads.lock().unwrap_or_else(PoisonError::into_inner);
                if threads.len() > 1 { threads.pop() } else { None }
            };
            join(filing);
            Ok(())
        });
        handed_over.await.map_err(std::io::Error::other)?
    }
}

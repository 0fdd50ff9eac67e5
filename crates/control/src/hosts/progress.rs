//! How far long work on hosts is, while it lasts: in memory, for whoever waits for it to look at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use relay_domain::{Host, HostId};
use serde::Serialize;
use utoipa::ToSchema;

use super::HostError;
use crate::Control;
use crate::page::{Page, PageRequest};

/// Work under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorkProgress {
    /// `probe`, `sync` or `reconcile`.
    pub work: &'static str,
    /// What is done now, in a few words.
    pub stage: String,
    /// Parts of it that are done.
    pub done: u64,
    /// All its parts; 0 while that is not known.
    pub total: u64,
}

/// All work under way, by host, in the order of its beginning.
#[derive(Debug, Default)]
pub(crate) struct WorkUnderWay {
    works: Arc<Mutex<Works>>,
}

#[derive(Debug, Default)]
struct Works {
    begun: u64,
    of: BTreeMap<(HostId, u64), WorkProgress>,
}

/// One piece of work. It is over when this is dropped, also when whoever asked for it has left.
#[derive(Debug)]
pub(super) struct Work {
    works: Arc<Mutex<Works>>,
    key: (HostId, u64),
}

impl WorkUnderWay {
    fn begin(&self, host: &Host, work: &'static str) -> Work {
        let mut works = lock(&self.works);
        works.begun += 1;
        let key = (host.id.clone(), works.begun);
        works.of.insert(key.clone(), WorkProgress { work, stage: String::new(), done: 0, total: 0 });
        Work { works: Arc::clone(&self.works), key }
    }
}

impl Work {
    /// So much is done, and what is done now.
    pub(super) fn at(&self, done: usize, total: usize, stage: impl Into<String>) {
        if let Some(progress) = lock(&self.works).of.get_mut(&self.key) {
            (progress.done, progress.total) = (done as u64, total as u64);
            progress.stage = stage.into();
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        lock(&self.works).of.remove(&self.key);
    }
}

fn lock(works: &Mutex<Works>) -> MutexGuard<'_, Works> {
    works.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Control {
    /// Begins to tell how far work on a host is.
    pub(super) fn begin_work(&self, host: &Host, work: &'static str) -> Work {
        self.under_way.begin(host, work)
    }

    /// The long work on a host that is under way, in the order of its beginning; `work` narrows to one kind.
    ///
    /// # Errors
    /// When there is no such host.
    pub fn work_on_host(
        &self,
        id: &str,
        work: Option<&str>,
        request: &PageRequest<u64>,
    ) -> Result<Page<WorkProgress>, HostError> {
        if self.snapshot().host(id).is_none() {
            return Err(HostError::Unknown(id.to_owned()));
        }
        let after = request.cursor.unwrap_or(0);
        let works = lock(&self.under_way.works);
        let fits = |(of, begun): &(HostId, u64), progress: &WorkProgress| {
            of.as_str() == id && *begun > after && work.is_none_or(|work| work == progress.work)
        };
        let found = works.of.iter().filter(|(key, progress)| fits(key, progress));
        let found = found.map(|((_, begun), progress)| (*begun, progress.clone())).collect();
        Ok(Page::of(found, request.limit, |(begun, _): &(u64, _)| begun.to_string()).map(|(_, progress)| progress))
    }
}

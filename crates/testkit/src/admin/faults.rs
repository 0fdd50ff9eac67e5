//! Faults for calls of the panel: which call, and what goes wrong with it.

use std::time::Duration;

use serde_json::Value;

use crate::gate::Gate;
use crate::reply::Reply;

/// A fault, put in with [`FakeHost::fail`](crate::FakeHost::fail). It concerns one call and is then used up, unless it is
/// [`always`](AdminFault::always) there.
#[derive(Clone, Debug)]
pub struct AdminFault {
    method: String,
    path: String,
    calls_before: usize,
    always: bool,
    every: Option<usize>,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// The call does what it does, and the connection is cut instead of an answer.
    LostAnswer,
    /// Somebody else is quicker with the same call: it is done, and this one is told that it exists.
    Overtaken,
    /// Nothing is done; this is answered.
    Answer(Box<Reply>),
    /// Nothing is done until the gate opens.
    HoldBefore(Gate),
    /// It is done; the answer waits for the gate.
    HoldAfter(Gate),
    /// Nothing is done for a time.
    Delay(Duration),
}

impl AdminFault {
    fn new(method: &str, path: &str, what: What) -> Self {
        let path = path.trim_matches('/').to_owned();
        Self { method: method.to_owned(), path, calls_before: 0, always: false, every: None, what }
    }

    /// The call is done and its answer lost. `path` is the whole path, with `*` for any one segment:
    /// `/api/v1/admin/users/*/subscriptions`.
    pub fn lost_answer(method: &str, path: &str) -> Self {
        Self::new(method, path, What::LostAnswer)
    }

    /// The call is not done; the answer is what `reply` says.
    pub fn answer(method: &str, path: &str, reply: Reply) -> Self {
        Self::new(method, path, What::Answer(Box::new(reply)))
    }

    /// The call is not done; the answer has this status and JSON body.
    pub fn status(method: &str, path: &str, status: u16, body: &Value) -> Self {
        Self::answer(method, path, Reply::json(body).status(status))
    }

    /// Over the panel's limit; to be tried again after so many seconds.
    pub fn panel_limit(method: &str, path: &str, seconds: i64) -> Self {
        Self::answer(method, path, *super::access::panel_limit(seconds))
    }

    /// The 500 that a broken foreign key or a fault of the database gives.
    pub fn internal_error(method: &str, path: &str) -> Self {
        Self::answer(method, path, *super::envelope::internal_error())
    }

    /// For an assignment: another one of the same user and group comes first, and this one gets the 409 of the unique index.
    pub fn overtaken(method: &str, path: &str) -> Self {
        Self::new(method, path, What::Overtaken)
    }

    /// The call is done when the gate opens.
    pub fn hold_before(method: &str, path: &str, gate: &Gate) -> Self {
        Self::new(method, path, What::HoldBefore(gate.clone()))
    }

    /// The call is done, and answered when the gate opens.
    pub fn hold_after(method: &str, path: &str, gate: &Gate) -> Self {
        Self::new(method, path, What::HoldAfter(gate.clone()))
    }

    /// The call is done after a time. For demonstrations; a test has [`AdminFault::hold_before`].
    pub fn delay(method: &str, path: &str, time: Duration) -> Self {
        Self::new(method, path, What::Delay(time))
    }

    /// Concerns the `n`th call from now on that fits; 1 is the next.
    #[must_use]
    pub fn nth(mut self, n: usize) -> Self {
        self.calls_before = n.saturating_sub(1);
        self
    }

    /// Concerns every call that fits.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// Concerns every `n`th call that fits.
    #[must_use]
    pub fn one_in(mut self, n: usize) -> Self {
        self.every = Some(n.max(1));
        self.nth(n)
    }

    fn fits(&self, method: &str, path: &str) -> bool {
        self.method == method && path_fits(&self.path, path)
    }
}

/// Whether a path fits a pattern, in which `*` stands for any one segment.
pub(crate) fn path_fits(pattern: &str, path: &str) -> bool {
    let (mine, theirs) = (pattern.trim_matches('/').split('/'), path.trim_matches('/').split('/'));
    mine.clone().count() == theirs.clone().count()
        && mine.zip(theirs).all(|(mine, theirs)| mine == "*" || mine == theirs)
}

/// The fault for a call, if there is one; every fault that fits counts the call.
pub(super) fn take(faults: &mut Vec<AdminFault>, method: &str, path: &str) -> Option<What> {
    let mut due = None;
    for (at, fault) in faults.iter_mut().enumerate().filter(|(_, fault)| fault.fits(method, path)) {
        if fault.calls_before > 0 {
            fault.calls_before -= 1;
        } else if due.is_none() {
            due = Some(at);
        }
    }
    let at = due?;
    if let Some(every) = faults[at].every {
        faults[at].calls_before = every - 1;
        return Some(faults[at].what.clone());
    }
    Some(if faults[at].always { faults[at].what.clone() } else { faults.remove(at).what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_the_call_it_is_for_and_is_then_used_up() {
        let mut faults = vec![
            AdminFault::lost_answer("POST", "/api/v1/keys").nth(2),
            AdminFault::panel_limit("GET", "/api/v1/admin/users/*/api-keys", 7).always(),
        ];
        let mut hit = |method: &str, path: &str| take(&mut faults, method, path).is_some();
        assert!(!hit("POST", "/api/v1/keys"));
        assert!(!hit("GET", "/api/v1/keys"));
        assert!(hit("POST", "/api/v1/keys"));
        assert!(!hit("POST", "/api/v1/keys"));
        assert!(hit("GET", "/api/v1/admin/users/7/api-keys"));
        assert!(hit("GET", "/api/v1/admin/users/8/api-keys"));
        assert!(!hit("GET", "/api/v1/admin/users/8"));
    }

    #[test]
    fn a_recurring_fault_meets_every_nth_call() {
        let mut faults = vec![AdminFault::lost_answer("POST", "/api/v1/keys").one_in(3)];
        let hits = (0..9).map(|_| take(&mut faults, "POST", "/api/v1/keys").is_some());
        assert_eq!(hits.collect::<Vec<_>>(), [false, false, true].repeat(3));
    }
}

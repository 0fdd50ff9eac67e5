//! The handle a test holds: start a host, script it, watch it, kill it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::admin::{AdminFault, FakeGroup, FakePanel, FakeUser, Panel, path_fits};
use crate::gateway::Personality;
use crate::received::{Ending, Journal, Received};
use crate::reply::Reply;
use crate::server::{Accept, HostState, Running, Scripts, bind};

/// The version that a host of today shows; a hint at best (sub2api-host-api.md §0).
const VERSION_OF_N: &str = "0.1.179";
const VERSION_OF_S: &str = "0.1.1";

/// A scripted host on loopback. Dropping it stops it.
pub struct FakeHost {
    state: Arc<HostState>,
    address: SocketAddr,
    running: Mutex<Option<Running>>,
}

/// Collects what a host is before it starts.
#[derive(Clone, Debug)]
#[must_use]
pub struct FakeHostBuilder {
    personality: Personality,
    name: String,
    version: Option<String>,
    keys: Vec<String>,
    models: Vec<String>,
    address: SocketAddr,
    pace: Option<Duration>,
    default_reply: Reply,
    panel: FakePanel,
}

impl FakeHost {
    /// Starts a host of personality [`Personality::N`] that takes any key and echoes.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Starts to describe a host.
    pub fn builder() -> FakeHostBuilder {
        FakeHostBuilder {
            personality: Personality::default(),
            name: "fake".to_owned(),
            version: None,
            keys: Vec::new(),
            models: Vec::new(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            pace: None,
            default_reply: Reply::echo(),
            panel: FakePanel::new(),
        }
    }

    /// `http://127.0.0.1:<port>`, without a path.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens, or listened before it was killed.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name that its answers carry.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Queues the reply for the next relay call whose key is good. Probes of models, usage or the panel take nothing from the queue.
    pub fn script(&self, reply: Reply) {
        self.scripts().queue.push_back(reply);
    }

    /// Queues the same reply `count` times.
    pub fn script_times(&self, count: usize, reply: &Reply) {
        self.scripts().queue.extend(std::iter::repeat_n(reply.clone(), count));
    }

    /// Queues a reply for the next request to exactly this path, whatever it is, before any check of its key.
    pub fn script_path(&self, path: &str, reply: Reply) {
        self.scripts().by_path.push((path.to_owned(), reply));
    }

    /// The reply when the queue is empty.
    pub fn default_reply(&self, reply: Reply) {
        self.scripts().default = reply;
    }

    /// Queues how the next connection fails, before anything is read of it.
    pub fn script_accept(&self, accept: Accept) {
        self.scripts().accepts.push_back(accept);
    }

    /// How many queued replies have not been used.
    pub fn unused_replies(&self) -> usize {
        let scripts = self.scripts();
        scripts.queue.len() + scripts.by_path.len()
    }

    /// Reads or edits what the panel holds.
    pub fn panel<T>(&self, edit: impl FnOnce(&mut FakePanel) -> T) -> T {
        edit(&mut self.state.panel.lock())
    }

    /// Puts in a fault for a call of the panel. The first of several that fit counts.
    pub fn fail(&self, fault: AdminFault) {
        self.state.panel.faults().push(fault);
    }

    /// How many faults have not met their call.
    pub fn unused_faults(&self) -> usize {
        self.state.panel.faults().len()
    }

    fn scripts(&self) -> MutexGuard<'_, Scripts> {
        self.state.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every request so far, in the order their heads came.
    pub fn received(&self) -> Vec<Received> {
        self.journal().received()
    }

    /// The requests so far to exactly this path.
    pub fn received_on(&self, path: &str) -> Vec<Received> {
        self.received().into_iter().filter(|request| request.path() == path).collect()
    }

    /// Waits for the next request that no call of this has returned: it has come whole, or its peer left before. Cancelling takes none.
    ///
    /// # Panics
    /// After [`crate::PATIENCE`], as all waiting methods.
    pub async fn next_request(&self) -> Received {
        self.journal().next().await
    }

    /// Waits until `count` requests have come whole.
    pub async fn wait_received(&self, count: usize) {
        self.journal().until_received(count).await;
    }

    /// Waits until the peer of request `index` has left before its answer was whole, and returns it.
    pub async fn wait_disconnected(&self, index: usize) -> Received {
        self.journal().request(index, "the peer leaving", Received::hung_up).await
    }

    /// Waits until request `index` has ended in whatever way, and returns it.
    pub async fn wait_ended(&self, index: usize) -> Received {
        self.journal().request(index, "the end", |request| request.ending != Ending::Open).await
    }

    /// Waits until `count` calls of this method and path have come, `*` for any one segment of the path.
    pub async fn wait_calls(&self, method: &str, path: &str, count: usize) {
        let what = format!("{count} calls of {method} {path}");
        self.journal().until_calls(&what, count, |it| it.method == method && path_fits(path, it.path())).await;
    }

    /// Calls of this method and path so far, `*` for any one segment of the path.
    pub fn calls(&self, method: &str, path: &str) -> usize {
        self.received().iter().filter(|it| it.method == method && path_fits(path, it.path())).count()
    }

    /// Waits until exactly `count` requests are being read or answered.
    pub async fn wait_in_flight(&self, count: usize) {
        self.journal().until_in_flight(count).await;
    }

    /// Waits until exactly `count` connections are open.
    pub async fn wait_connections(&self, count: usize) {
        self.journal().until_connections(count).await;
    }

    /// Connections now open, idle ones included.
    pub fn open_connections(&self) -> usize {
        self.journal().open_connections()
    }

    /// Connections ever accepted.
    pub fn connections_accepted(&self) -> u64 {
        self.journal().connections_ever()
    }

    /// Requests now being read or answered.
    pub fn in_flight(&self) -> usize {
        self.journal().in_flight()
    }

    /// Dies: the listener closes, every connection is reset in the middle of whatever it did. Returns when the port refuses.
    pub async fn kill(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            self.journal().cut_all();
            running.kill().await;
        }
    }

    /// Listens again on the same port after [`FakeHost::kill`]; does nothing when it never stopped.
    ///
    /// # Panics
    /// When the port was taken meanwhile.
    pub async fn revive(&self) {
        if self.is_alive() {
            return;
        }
        let listener = match bind(self.address).await {
            Ok(listener) => listener,
            Err(error) => panic!("the fake host cannot listen on {} again: {error}", self.address),
        };
        let running = Running::start(listener, Arc::clone(&self.state));
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    }

    /// Whether it listens.
    pub fn is_alive(&self) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Stops, and waits until all its tasks have ended.
    pub async fn stop(self) {
        self.kill().await;
    }

    fn journal(&self) -> &Journal {
        &self.state.journal
    }
}

impl Drop for FakeHost {
    fn drop(&mut self) {
        if let Some(running) = self.running.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.state.journal.cut_all();
            running.cancel();
        }
    }
}

impl FakeHostBuilder {
    /// Which deployment it plays.
    pub fn personality(mut self, personality: Personality) -> Self {
        self.personality = personality;
        self
    }

    /// The name that its answers carry.
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// One more gateway key that no user has. Without any, and without users, every key is good, but there must be one.
    pub fn key(mut self, key: &str) -> Self {
        self.keys.push(key.to_owned());
        self
    }

    /// One more model it serves. Without any, it serves every model; with one, others are refused as the personality does.
    pub fn model(mut self, model: &str) -> Self {
        self.models.push(model.to_owned());
        self
    }

    /// The address to listen on, instead of a free port of loopback.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// The time between the words of every streamed answer that has no pace of its own.
    pub fn pace(mut self, interval: Duration) -> Self {
        self.pace = Some(interval);
        self
    }

    /// The reply when nothing is scripted.
    pub fn default_reply(mut self, reply: Reply) -> Self {
        self.default_reply = reply;
        self
    }

    /// The version that `settings/public` shows.
    pub fn version(mut self, version: &str) -> Self {
        self.version = Some(version.to_owned());
        self
    }

    /// The admin key. Without one every admin key is refused, as on a host that never made one.
    pub fn admin_key(mut self, key: &str) -> Self {
        self.panel.admin_key = Some(key.to_owned());
        self
    }

    /// `[N]`: every admin route answers 423 until a person has accepted.
    pub fn compliance_pending(mut self) -> Self {
        self.panel.compliance_pending = true;
        self
    }

    /// One more group.
    pub fn group(mut self, group: FakeGroup) -> Self {
        self.panel.groups.push(group);
        self
    }

    /// One more user. A host with users takes only keys that it knows.
    pub fn user(mut self, user: FakeUser) -> Self {
        self.panel.add_user(user);
        self
    }

    /// Edits what the panel holds from the start.
    pub fn panel(mut self, edit: impl FnOnce(&mut FakePanel)) -> Self {
        edit(&mut self.panel);
        self
    }

    /// Starts it. It takes connections when this returns.
    ///
    /// # Panics
    /// When the address cannot be had.
    pub async fn start(self) -> FakeHost {
        let listener = match bind(self.address).await {
            Ok(listener) => listener,
            Err(error) => panic!("the fake host cannot listen on {}: {error}", self.address),
        };
        let address = match listener.local_addr() {
            Ok(address) => address,
            Err(error) => panic!("the fake host has no address: {error}"),
        };
        let mut panel = self.panel;
        panel.personality = self.personality;
        let of_personality = if self.personality == Personality::S { VERSION_OF_S } else { VERSION_OF_N };
        let state = Arc::new(HostState {
            personality: self.personality,
            name: self.name,
            version: self.version.unwrap_or_else(|| of_personality.to_owned()),
            keys: self.keys,
            models: self.models,
            pace: self.pace,
            panel: Panel::new(panel),
            journal: Journal::default(),
            scripts: Mutex::new(Scripts {
                queue: [].into(),
                default: self.default_reply,
                accepts: [].into(),
                by_path: Vec::new(),
            }),
        });
        let running = Mutex::new(Some(Running::start(listener, Arc::clone(&state))));
        FakeHost { state, address, running }
    }
}

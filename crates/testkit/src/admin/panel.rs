//! What the panel of a host holds: the rows of its tables and its switches. Tests read and edit them through
//! [`FakeHost::panel`](crate::FakeHost::panel); handlers change them as the host does.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::groups::FakeGroup;
use super::limits::Limits;
use super::makings::Making;
use super::rows::{Captcha, FakeAccount, FakeKey, FakeSubscription, FakeUsageRow, FakeUser};
use super::sessions::Sessions;
use crate::gateway::Personality;

/// The panel of a fake host. Switches that a personality does not know do nothing on it.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a panel is full of independent switches")]
pub struct FakePanel {
    /// Without one every admin key is refused, as on a host that never made one.
    pub admin_key: Option<String>,
    /// `[N]` Every admin route answers 423 until a person has accepted.
    pub compliance_pending: bool,
    /// `[N]` Only administrators may log in, and users may do nothing themselves.
    pub backend_mode: bool,
    /// Logging in wants a captcha.
    pub captcha: Option<Captcha>,
    /// `[N]` Users with a code have to give it when they log in.
    pub two_factor_enabled: bool,
    /// `[N]` A session is refused when its user agent changes.
    pub session_binding: bool,
    /// `[N]` Making an administrator wants a two-factor session.
    pub step_up: bool,
    /// `[N]` Neither subscriptions nor money are checked.
    pub simple_mode: bool,
    /// `[N]` The host watches its load.
    pub monitoring: bool,
    /// `[N]` Writes of the covered kinds want an idempotency key.
    pub idempotency_required: bool,
    /// A fork in which administrators make keys for users.
    pub admin_creates_keys: bool,
    /// A fork in which a user may have so many keys.
    pub keys_per_user: Option<usize>,
    /// `[N]` What a new user is subscribed to: group and days.
    pub default_subscriptions: Vec<(i64, i64)>,
    /// How far the host's clock is ahead of ours. Moving it lets subscriptions and sessions end.
    pub clock_skew: SignedDuration,
    /// How long a session lasts.
    pub session_length: SignedDuration,
    /// Calls that the host allows a minute.
    pub limits: Limits,
    /// Groups.
    pub groups: Vec<FakeGroup>,
    /// Users; the first administrator is who an admin key acts as.
    pub users: Vec<FakeUser>,
    /// Subscriptions.
    pub subscriptions: Vec<FakeSubscription>,
    /// Gateway keys.
    pub keys: Vec<FakeKey>,
    /// Upstream accounts.
    pub accounts: Vec<FakeAccount>,
    /// Calls that made users, subscriptions and keys, or tried to.
    pub makings: Vec<Making>,
    /// Billed requests.
    pub usage: Vec<FakeUsageRow>,
    pub(crate) personality: Personality,
    pub(super) sessions: Sessions,
    /// By scope and idempotency key.
    pub(super) remembered: HashMap<(&'static str, String), super::idempotency::Remembered>,
    /// Custom keys that were taken, by user: when.
    pub(super) collisions: HashMap<i64, Vec<Timestamp>>,
    next_id: HashMap<&'static str, i64>,
}

impl FakePanel {
    pub(crate) fn new() -> Self {
        let mut panel = Self {
            admin_key: None,
            compliance_pending: false,
            backend_mode: false,
            captcha: None,
            two_factor_enabled: false,
            session_binding: false,
            step_up: false,
            simple_mode: false,
            monitoring: true,
            idempotency_required: false,
            admin_creates_keys: false,
            keys_per_user: None,
            default_subscriptions: Vec::new(),
            clock_skew: SignedDuration::ZERO,
            session_length: SignedDuration::from_hours(24),
            limits: Limits::default(),
            groups: Vec::new(),
            users: Vec::new(),
            subscriptions: Vec::new(),
            keys: Vec::new(),
            accounts: Vec::new(),
            makings: Vec::new(),
            usage: Vec::new(),
            personality: Personality::default(),
            sessions: Sessions::default(),
            remembered: HashMap::new(),
            collisions: HashMap::new(),
            next_id: HashMap::new(),
        };
        panel.add_user(FakeUser::new("admin@fake.example").password("password-of-admin").admin());
        panel
    }

    /// The host's time.
    pub fn now(&self) -> Timestamp {
        Timestamp::now() + self.clock_skew
    }

    /// Adds a user and returns its id.
    pub fn add_user(&mut self, mut user: FakeUser) -> i64 {
        user.id = self.id_of("users", user.id);
        user.created_at = self.now();
        user.updated_at = user.created_at;
        self.users.push(user);
        self.users[self.users.len() - 1].id
    }

    /// Adds a subscription and returns its id.
    pub fn add_subscription(&mut self, mut subscription: FakeSubscription) -> i64 {
        subscription.id = self.id_of("subscriptions", subscription.id);
        self.subscriptions.push(subscription);
        self.subscriptions[self.subscriptions.len() - 1].id
    }

    /// Adds a key and returns its id.
    pub fn add_key(&mut self, mut key: FakeKey) -> i64 {
        key.id = self.id_of("keys", key.id);
        key.created_at = self.now();
        key.updated_at = key.created_at;
        self.keys.push(key);
        self.keys[self.keys.len() - 1].id
    }

    /// The user with this address, in this spelling.
    pub fn user(&self, email: &str) -> Option<&FakeUser> {
        self.users.iter().find(|user| user.email == email && !user.deleted)
    }

    /// Ends all sessions by time, as if they were a day old.
    pub fn expire_sessions(&mut self) {
        let now = self.now();
        self.sessions.expire(now);
    }

    pub(super) fn is_n(&self) -> bool {
        self.personality == Personality::N
    }

    pub(super) fn user_by_id(&self, id: i64) -> Option<&FakeUser> {
        self.users.iter().find(|user| user.id == id && !user.deleted)
    }

    pub(crate) fn group_by_id(&self, id: i64) -> Option<&FakeGroup> {
        self.groups.iter().find(|group| group.id == id && !group.deleted)
    }

    pub(crate) fn live_subscription(&self, user: i64, group: i64) -> Option<&FakeSubscription> {
        let now = self.now();
        self.subscriptions.iter().find(|row| row.user_id == user && row.group_id == group && row.is_live(now))
    }

    /// The id for a new row: the one it brings, or the next. A refused row uses its number up, as a database sequence does.
    pub(super) fn id_of(&mut self, table: &'static str, given: i64) -> i64 {
        let next = self.next_id.entry(table).or_insert(1);
        let id = if given > 0 { given } else { *next };
        *next = (*next).max(id + 1);
        id
    }
}

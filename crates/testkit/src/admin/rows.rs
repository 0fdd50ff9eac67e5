//! Rows of a panel's tables, as tests put them in and look at them.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A user of a fake host.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeUser {
    /// The host's id; 0 is given one when the user is added.
    pub id: i64,
    /// As it was given.
    pub email: String,
    /// In clear, so that a test can look.
    pub password: String,
    /// A display name.
    pub username: String,
    /// An administrator's notes.
    pub notes: String,
    /// Whether this is an administrator.
    pub admin: bool,
    /// Active, or else disabled.
    pub active: bool,
    /// USD.
    pub balance: f64,
    /// Requests at once; 0 or less is no limit.
    pub concurrency: i64,
    /// Exclusive groups open to the user.
    pub allowed_groups: Vec<i64>,
    /// The code that a two-factor login takes; `None` without two-factor login.
    pub two_factor: Option<String>,
    /// Deleted users keep their row, and on `[S]` their e-mail address.
    pub deleted: bool,
    /// Goes up with each new password; `[N]` sessions of an older one are revoked.
    pub password_version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl FakeUser {
    /// An active user with the password `password-of-user`.
    pub fn new(email: &str) -> Self {
        Self {
            id: 0,
            email: email.to_owned(),
            password: "password-of-user".to_owned(),
            username: String::new(),
            notes: String::new(),
            admin: false,
            active: true,
            balance: 0.0,
            concurrency: 5,
            allowed_groups: Vec::new(),
            two_factor: None,
            deleted: false,
            password_version: 0,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// With this password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// An administrator.
    #[must_use]
    pub fn admin(mut self) -> Self {
        self.admin = true;
        self
    }

    /// With two-factor login, which takes this code.
    #[must_use]
    pub fn two_factor(mut self, code: &str) -> Self {
        self.two_factor = Some(code.to_owned());
        self
    }
}

/// A subscription on a fake host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeSubscription {
    /// The host's id; 0 is given one when it is added.
    pub id: i64,
    /// Whose.
    pub user_id: i64,
    /// Of which group.
    pub group_id: i64,
    /// From then on.
    pub starts_at: Timestamp,
    /// Until then.
    pub expires_at: Timestamp,
    /// As stored: `active`, `expired`, `suspended`.
    pub status: String,
    /// An administrator's notes.
    pub notes: String,
    /// What was used of the daily limit, in hundredths of a USD; requests to the fake host cost nothing.
    pub daily_usage_cents: u32,
    /// `[N]` keeps revoked ones.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl FakeSubscription {
    /// An active one from `starts_at` for so many days.
    pub fn new(user_id: i64, group_id: i64, starts_at: Timestamp, days: i64) -> Self {
        Self {
            id: 0,
            user_id,
            group_id,
            starts_at,
            expires_at: add_days(starts_at, days),
            status: "active".to_owned(),
            notes: String::new(),
            daily_usage_cents: 0,
            revoked_at: None,
            created_at: starts_at,
            updated_at: starts_at,
        }
    }

    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.status == "active" && self.expires_at > now
    }
}

/// A gateway key on a fake host.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeKey {
    /// The host's id; 0 is given one when it is added.
    pub id: i64,
    /// Whose.
    pub user_id: i64,
    /// The key.
    pub key: String,
    /// Its name, as stored.
    pub name: String,
    /// What it is bound to.
    pub group_id: Option<i64>,
    /// `active`, `inactive`, …
    pub status: String,
    /// `[N]` From then on it is refused.
    pub expires_at: Option<Timestamp>,
    /// `[N]` USD it may cost; 0 is no limit.
    pub quota: f64,
    /// `[N]` USD it has cost.
    pub quota_used: f64,
    /// Deleted keys keep their row, and on `[S]` their text.
    pub deleted: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl FakeKey {
    /// An active one.
    pub fn new(user_id: i64, key: &str, group_id: Option<i64>) -> Self {
        Self {
            id: 0,
            user_id,
            key: key.to_owned(),
            name: "key".to_owned(),
            group_id,
            status: "active".to_owned(),
            expires_at: None,
            quota: 0.0,
            quota_used: 0.0,
            deleted: false,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }
}

/// An upstream account of a fake host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeAccount {
    /// The host's id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// `openai`, …
    pub platform: String,
    /// `active`, `inactive`, `error`.
    pub status: String,
    /// What went wrong.
    pub error_message: String,
    /// Whether the host may choose it.
    pub schedulable: bool,
    /// What the upstream takes; `[S]` shows it to administrators.
    pub api_key: String,
    /// Groups it serves.
    pub group_ids: Vec<i64>,
    /// Model asked for → model of the upstream; `[N]` takes a `*` at the end for whatever follows. Empty: every model.
    pub model_mapping: Vec<(String, String)>,
}

impl FakeAccount {
    /// An account that serves a group.
    pub fn new(id: i64, group: i64) -> Self {
        Self {
            id,
            name: format!("account-{id}"),
            platform: "openai".to_owned(),
            status: "active".to_owned(),
            error_message: String::new(),
            schedulable: true,
            api_key: "sk-of-the-upstream".to_owned(),
            group_ids: vec![group],
            model_mapping: Vec::new(),
        }
    }

    /// With these names of models, and no others.
    #[must_use]
    pub fn mapping(mut self, pairs: &[(&str, &str)]) -> Self {
        self.model_mapping = pairs.iter().map(|(asked, model)| ((*asked).to_owned(), (*model).to_owned())).collect();
        self
    }
}

/// A billed request of a fake host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeUsageRow {
    /// The host's id.
    pub id: i64,
    /// `[N]` `client:` and the `X-Client-Request-ID` of the answer; `[S]` the upstream's id.
    pub request_id: String,
    /// Whose.
    pub user_id: i64,
    /// By which key.
    pub api_key_id: i64,
    /// Of which group.
    pub group_id: Option<i64>,
    /// Of which subscription.
    pub subscription_id: Option<i64>,
    /// The model asked for.
    pub model: String,
    /// Whether it was streamed.
    pub stream: bool,
    /// Input.
    pub input_tokens: u64,
    /// Output.
    pub output_tokens: u64,
    /// When.
    pub created_at: Timestamp,
}

/// Which captcha a login wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Captcha {
    /// The only one on `[S]`.
    Turnstile,
    /// `[N]`
    Tencent,
    /// `[N]`
    Aliyun,
}

/// The host adds days by its calendar; its default time zone has no summer time.
pub(super) fn add_days(at: Timestamp, days: i64) -> Timestamp {
    at + SignedDuration::from_hours(24 * days)
}

/// As the host writes times: its own offset, microseconds.
pub(super) fn time(at: Timestamp) -> Value {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string().into()
}

//! Every key of the process configuration, with its default and the reason for
//! it (spec §2). The sections read through this list, `docs/configuration.md`
//! is generated from it, and a key that is not here is an unknown key.

use std::time::Duration;

use super::value::Form;

/// One key of `relay-manager.toml`.
#[derive(Debug)]
pub(crate) struct Key {
    /// `gateway.listen`, or the bare name of a top-level key.
    pub(crate) path: &'static str,
    /// What is used when nobody says otherwise, as it would stand in the file;
    /// `None` when the key is unset by default.
    pub(crate) default: Option<&'static str>,
    /// What a value must look like.
    pub(crate) form: Form,
    /// The command-line flag of the same meaning.
    pub(crate) flag: Option<&'static str>,
    /// What the key decides.
    pub(crate) meaning: &'static str,
    /// Why the default is what it is.
    #[cfg_attr(not(test), expect(dead_code, reason = "the reference in docs/ is written and checked by a test"))]
    pub(crate) reason: &'static str,
}

impl Key {
    /// The section's name, and the key's inside it.
    pub(crate) fn parts(&self) -> (Option<&'static str>, &'static str) {
        self.path.split_once('.').map_or((None, self.path), |(section, name)| (Some(section), name))
    }

    /// The environment variable that overrides the key.
    pub(crate) fn env(&self) -> String {
        format!("RELAY_MANAGER_{}", self.path.replace('.', "_").to_uppercase())
    }
}

const fn key(path: &'static str, default: &'static str, form: Form) -> Key {
    Key { path, default: Some(default), form, flag: None, meaning: "", reason: "" }
}

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

pub(crate) const DATA_DIR: Key = Key {
    flag: Some("--data-dir"),
    meaning: "Directory of everything the server keeps: database, bindings, decision log, master key. Made at first start, \
              readable by its owner alone; one server at a time.",
    reason: "Beside the file, so that an unpacked release runs without rights to anything else.",
    ..key("data_dir", "data", Form::Path)
};
pub(crate) const STORE: Key = Key {
    meaning: "Where the fleet is kept: `sqlite:<path>`.",
    reason: "Embedded, so that nothing else has to run. Follows `data_dir` when that is changed and this is not.",
    ..key("store", "sqlite:data/relay.db", Form::Store)
};
pub(crate) const BINDINGS: Key = Key {
    meaning: "Where sticky bindings are kept: `memory`, or `sqlite` to have them survive a restart.",
    reason: "A lost binding costs one cold prompt cache, and the first choice of a route is a hash that survives restarts anyway.",
    ..key("bindings", "memory", Form::Bindings)
};
pub(crate) const FLEET: Key = Key {
    default: None,
    flag: Some("--fleet"),
    meaning: "A fleet file that `serve` applies before it listens.",
    reason: "Unset: the fleet is what was applied last.",
    ..key("fleet", "", Form::Path)
};

pub(crate) const PRICES: Key = Key {
    default: None,
    meaning: "A price table of your own (TOML), read at start; its lines go before the list prices that ship with the \
              product.",
    reason: "Unset: list prices, with each group's `price_ratio` and each route's `cost` on top.",
    ..key("prices", "", Form::Path)
};

pub(crate) const GATEWAY_LISTEN: Key = Key {
    flag: Some("--gateway-listen"),
    meaning: "Address of the gateway. Port 0 takes a free one; see `listening.json`.",
    reason: "Loopback: a new installation is not open to the network by accident.",
    ..key("gateway.listen", "127.0.0.1:8787", Form::Address)
};
pub(crate) const GATEWAY_MAX_BODY: Key = Key {
    meaning: "Largest request body; a larger one is answered with 413.",
    reason: "Long conversations with inlined images reach tens of MiB.",
    ..key("gateway.max_body", "64MiB", Form::Size { least: 1 << 10, most: 1 << 30 })
};
pub(crate) const GATEWAY_MAX_BUFFERED: Key = Key {
    meaning: "Memory for bodies of requests and answers, all together; what does not fit is answered with 503 and `Retry-After`.",
    reason: "Sixteen of the largest requests at once, and far more than a thousand usual ones.",
    ..key("gateway.max_buffered", "1GiB", Form::Size { least: 1 << 20, most: 1 << 40 })
};
pub(crate) const GATEWAY_MAX_CONNECTIONS: Key = Key {
    meaning: "Open client connections; further ones are answered with 503 and `Retry-After`.",
    reason: "Far above what two cores stream, and below where memory becomes the limit.",
    ..key("gateway.max_connections", "10000", Form::Count { least: 1, most: 1_000_000 })
};

pub(crate) const ADMIN_LISTEN: Key = Key {
    flag: Some("--admin-listen"),
    meaning: "Address of the admin API and `/readyz`. Port 0 takes a free one.",
    reason: "Loopback: whoever reaches this port can try admin tokens.",
    ..key("admin.listen", "127.0.0.1:8788", Form::Address)
};

pub(crate) const STATUS_PAGE_ENABLED: Key = Key {
    meaning: "Whether there is a public status page: `/status` and `/status.json`, without a login.",
    reason: "What anybody may know is for the operator to decide.",
    ..key("status_page.enabled", "false", Form::Flag)
};
pub(crate) const STATUS_PAGE_LISTEN: Key = Key {
    default: None,
    meaning: "An address of its own for the status page, where nothing else is answered. Port 0 takes a free one.",
    reason: "Unset: on the admin listener alone, which is not for the public.",
    ..key("status_page.listen", "", Form::Address)
};
pub(crate) const STATUS_PAGE_TITLE: Key = Key {
    default: None,
    meaning: "The heading of the status page.",
    reason: "Unset: *Service status*, in the reader's language; the product is not named.",
    ..key("status_page.title", "", Form::Text)
};
pub(crate) const STATUS_PAGE_GROUPS: Key = Key {
    default: None,
    meaning: "The logical groups that are shown, such as `gpt, claude`.",
    reason: "Unset: all that are enabled.",
    ..key("status_page.groups", "", Form::List)
};
pub(crate) const STATUS_PAGE_DAYS: Key = Key {
    meaning: "Days of the strip of bars; 1 is told by the hour.",
    reason: "A quarter, as readers know it from other status pages.",
    ..key("status_page.days", "90", Form::Count { least: 1, most: 90 })
};

pub(crate) const TIMEOUTS_CONNECT: Key = Key {
    meaning: "Until a connection to a host stands, DNS and TLS included.",
    reason: "Hosts answer a handshake in milliseconds; five seconds is one lost SYN and its resend.",
    ..key("timeouts.connect", "5s", Form::Span { least: MILLISECOND, most: Duration::from_mins(10) })
};
pub(crate) const TIMEOUTS_FIRST_OUTPUT: Key = Key {
    meaning: "Until a host's first real output; pings and comments do not count.",
    reason: "Reasoning models think for minutes before the first word.",
    ..key("timeouts.first_output", "300s", Form::Span { least: MILLISECOND, most: DAY })
};
pub(crate) const TIMEOUTS_IDLE: Key = Key {
    meaning: "Longest silence inside a stream that has begun.",
    reason: "Above the longest pause seen between two events of a healthy stream.",
    ..key("timeouts.idle", "180s", Form::Span { least: MILLISECOND, most: DAY })
};
pub(crate) const TIMEOUTS_STATUS_COMMIT: Key = Key {
    meaning: "Until a stream's client is sent 200 and keep-alive comments although no route has answered yet.",
    reason: "Proxies cut silent connections at 60 to 125 seconds; before that a status other than 200 is worth waiting for.",
    ..key("timeouts.status_commit", "10s", Form::Span { least: MILLISECOND, most: HOUR })
};
pub(crate) const TIMEOUTS_ATTEMPTS: Key = Key {
    meaning: "Budget of connects and error answers until a route is committed; no further attempt starts after it.",
    reason: "A client that waits longer has usually given up or resends.",
    ..key("timeouts.attempts", "30s", Form::Span { least: MILLISECOND, most: HOUR })
};
pub(crate) const TIMEOUTS_CLIENT_STALL: Key = Key {
    meaning: "How long a client may take nothing of an answer that waits for it.",
    reason: "Frees the host's slot from readers that hang without closing.",
    ..key("timeouts.client_stall", "60s", Form::Span { least: MILLISECOND, most: DAY })
};
pub(crate) const TIMEOUTS_SHUTDOWN_GRACE: Key = Key {
    meaning: "How long what is in flight may go on after SIGTERM.",
    reason: "Most answers end within two minutes; supervisors must be told to wait as long (`TimeoutStopSec`).",
    ..key("timeouts.shutdown_grace", "120s", Form::Span { least: Duration::ZERO, most: DAY })
};

pub(crate) const RETRY_ATTEMPTS: Key = Key {
    meaning: "Most attempts for one request.",
    reason: "A third host that fails the same request points at the request.",
    ..key("retry.attempts", "3", Form::Count { least: 1, most: 10 })
};
pub(crate) const RETRY_BUDGET_PERCENT: Key = Key {
    meaning: "Retries in flight as a share of the requests in flight; never under three.",
    reason: "Bounds what failing over adds to a fleet that is already in trouble.",
    ..key("retry.budget_percent", "20", Form::Count { least: 0, most: 100 })
};

pub(crate) const BREAKER_CONSECUTIVE_FAILURES: Key = Key {
    meaning: "Failures in a row that open a route's breaker.",
    reason: "One bad answer happens; five in a row do not by chance.",
    ..key("breaker.consecutive_failures", "5", Form::Count { least: 1, most: 1_000 })
};
pub(crate) const BREAKER_FAILURE_PERCENT: Key = Key {
    meaning: "Share of failures in the window that opens it.",
    reason: "Half: a route that fails more often than not costs more than it serves.",
    ..key("breaker.failure_percent", "50", Form::Count { least: 1, most: 100 })
};
pub(crate) const BREAKER_MINIMUM_REQUESTS: Key = Key {
    meaning: "Requests in the window below which the share is not looked at.",
    reason: "Under twenty, half is noise.",
    ..key("breaker.minimum_requests", "20", Form::Count { least: 1, most: 1_000_000 })
};
pub(crate) const BREAKER_WINDOW: Key = Key {
    meaning: "The window of that share.",
    reason: "Long enough to hold twenty requests of a calm route, short enough to forget.",
    ..key("breaker.window", "30s", Form::Span { least: SECOND, most: HOUR })
};
pub(crate) const BREAKER_FIRST_OPEN: Key = Key {
    meaning: "First open period when no recovery time has been learned.",
    reason: "A restarted host is back in seconds.",
    ..key("breaker.first_open", "5s", Form::Span { least: MILLISECOND, most: HOUR })
};
pub(crate) const BREAKER_LONGEST_OPEN: Key = Key {
    meaning: "Where doubling of the open period stops.",
    reason: "A host that came back is found within two minutes.",
    ..key("breaker.longest_open", "2m", Form::Span { least: MILLISECOND, most: DAY })
};

pub(crate) const PROBE_MODE: Key = Key {
    meaning: "How a route is probed that nobody uses: `models` asks its host for the list of models, `completion` also sends a \
              completion of one token, `off` does nothing. Routes in use are never probed.",
    reason: "A list of models costs nothing, and finds a dead host or key before a client does.",
    ..key("probe.mode", "models", Form::Choice(&["off", "models", "completion"]))
};
pub(crate) const PROBE_IDLE: Key = Key {
    meaning: "How long nobody has used a route that is probed; also the time between two probes of it.",
    reason: "One request in five minutes is nothing to a host.",
    ..key("probe.idle", "5m", Form::Span { least: SECOND, most: DAY })
};
pub(crate) const PROBE_COMPLETIONS_PER_DAY: Key = Key {
    meaning: "Completions sent as probes a day (UTC), over all routes, with `probe.mode = \"completion\"`.",
    reason: "They cost tokens; what was spent is in `health`.",
    ..key("probe.completions_per_day", "100", Form::Count { least: 0, most: 1_000_000 })
};

pub(crate) const MANAGED_WAIT: Key = Key {
    meaning: "How long a request waits, on each route with `credential = \"managed\"`, for a gateway key that is not there yet. \
              Obtaining it goes on when the request has gone elsewhere.",
    reason: "A key is made in a second or two; a host that takes longer is left for the next route.",
    ..key("managed.wait", "10s", Form::Span { least: MILLISECOND, most: Duration::from_mins(10) })
};
pub(crate) const MANAGED_VALIDITY_DAYS: Key = Key {
    meaning: "Days for which a subscription is assigned and extended. Hosts compare the days of a repeated assignment: change it \
              rarely.",
    reason: "A month, as hosts sell them; what is not renewed ends by itself.",
    ..key("managed.validity_days", "30", Form::Count { least: 1, most: 36_500 })
};
pub(crate) const MANAGED_RENEW_AHEAD: Key = Key {
    meaning: "How long before its end a subscription is extended.",
    reason: "A week for whatever keeps a host from being asked.",
    ..key("managed.renew_ahead", "7d", Form::Span { least: HOUR, most: Duration::from_hours(24 * 3660) })
};
pub(crate) const MANAGED_OVERLAP: Key = Key {
    meaning: "How long an exchanged key stays good on its host, for requests in flight and for other processes.",
    reason: "Longer than nearly every request.",
    ..key("managed.overlap", "10m", Form::Span { least: Duration::ZERO, most: DAY })
};
pub(crate) const MANAGED_USER_CONCURRENCY: Key = Key {
    meaning: "Requests at once that a user made by Relay Manager may have on its host, over all its keys.",
    reason: "Hosts default to 5 or to no limit at all; consumers are limited by Relay Manager.",
    ..key("managed.user_concurrency", "100", Form::Count { least: 1, most: 1_000_000 })
};
pub(crate) const MANAGED_KEYS_PER_USER: Key = Key {
    meaning: "Keys that a user may have on its host; 0 for no limit. A user that is full gets no key more: one that is there is \
              used, or `access show` says what to do.",
    reason: "The known versions of sub2api have no such limit; set it where yours does.",
    ..key("managed.keys_per_user", "0", Form::Count { least: 0, most: 1_000_000 })
};
pub(crate) const MANAGED_JOBS: Key = Key {
    meaning: "Grants worked on at once beside those that requests wait for: renewals, exchanges, a fleet's first keys.",
    reason: "The pace of a host's admin API (180 calls a minute) is used up by fewer.",
    ..key("managed.jobs", "8", Form::Count { least: 1, most: 1_000 })
};
pub(crate) const MANAGED_WATCH: Key = Key {
    meaning: "How often what hosts say of quotas, balances and prices is looked at.",
    reason: "A price that rises is known before the hour is over.",
    ..key("managed.watch", "15m", Form::Span { least: SECOND, most: DAY })
};
pub(crate) const MANAGED_LOW_PERCENT: Key = Key {
    meaning: "What is left of a quota, in percent, at which an event says that it runs low.",
    reason: "Time to act, without an event a day.",
    ..key("managed.low_percent", "10", Form::Count { least: 0, most: 100 })
};

pub(crate) const TELEMETRY_OTLP_ENDPOINT: Key = Key {
    default: None,
    meaning: "Where traces go: the base of an OpenTelemetry collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`; \
              `/v1/traces` is added. See `tracing-and-logs.md`.",
    reason: "Unset: `OTEL_EXPORTER_OTLP_ENDPOINT` and the like; without them nothing is traced.",
    ..key("telemetry.otlp_endpoint", "", Form::Url)
};
pub(crate) const TELEMETRY_SAMPLE_PERCENT: Key = Key {
    default: None,
    meaning: "Of requests whose client does not say whether it records their trace, how many are traced, in percent.",
    reason: "Unset: `OTEL_TRACES_SAMPLER`; without it all.",
    ..key("telemetry.sample_percent", "", Form::Count { least: 0, most: 100 })
};

pub(crate) const TELEMETRY_ACCESS_LOG: Key = Key {
    meaning: "Whether each request that has ended is a line of the process's log, beside its row in the decision log. See `tracing-and-logs.md`.",
    reason: "The decision log has all of it, and more.",
    ..key("telemetry.access_log", "false", Form::Flag)
};

pub(crate) const LOG_RETENTION: Key = Key {
    meaning: "Age at which a day of the decision log is deleted; the hourly roll-ups stay.",
    reason: "A billing month.",
    ..key("log.retention", "30d", Form::Span { least: DAY, most: Duration::from_hours(24 * 3660) })
};
pub(crate) const LOG_ON_STALL: Key = Key {
    meaning: "When the log cannot be written for a second: `refuse` requests with 503, or `continue` and count what is missing.",
    reason: "A record that proves every decision cannot have holes by default.",
    ..key("log.on_stall", "refuse", Form::Choice(&["refuse", "continue"]))
};

/// All keys, in the order of the file and of the reference.
pub(crate) const ALL: &[Key] = &[
    DATA_DIR,
    STORE,
    BINDINGS,
    FLEET,
    PRICES,
    GATEWAY_LISTEN,
    GATEWAY_MAX_BODY,
    GATEWAY_MAX_BUFFERED,
    GATEWAY_MAX_CONNECTIONS,
    ADMIN_LISTEN,
    STATUS_PAGE_ENABLED,
    STATUS_PAGE_LISTEN,
    STATUS_PAGE_TITLE,
    STATUS_PAGE_GROUPS,
    STATUS_PAGE_DAYS,
    TIMEOUTS_CONNECT,
    TIMEOUTS_FIRST_OUTPUT,
    TIMEOUTS_IDLE,
    TIMEOUTS_STATUS_COMMIT,
    TIMEOUTS_ATTEMPTS,
    TIMEOUTS_CLIENT_STALL,
    TIMEOUTS_SHUTDOWN_GRACE,
    RETRY_ATTEMPTS,
    RETRY_BUDGET_PERCENT,
    BREAKER_CONSECUTIVE_FAILURES,
    BREAKER_FAILURE_PERCENT,
    BREAKER_MINIMUM_REQUESTS,
    BREAKER_WINDOW,
    BREAKER_FIRST_OPEN,
    BREAKER_LONGEST_OPEN,
    PROBE_MODE,
    PROBE_IDLE,
    PROBE_COMPLETIONS_PER_DAY,
    MANAGED_WAIT,
    MANAGED_VALIDITY_DAYS,
    MANAGED_RENEW_AHEAD,
    MANAGED_OVERLAP,
    MANAGED_USER_CONCURRENCY,
    MANAGED_KEYS_PER_USER,
    MANAGED_JOBS,
    MANAGED_WATCH,
    MANAGED_LOW_PERCENT,
    TELEMETRY_OTLP_ENDPOINT,
    TELEMETRY_SAMPLE_PERCENT,
    TELEMETRY_ACCESS_LOG,
    LOG_RETENTION,
    LOG_ON_STALL,
];

/// Environment variables that begin like a key's and are none.
pub(crate) const OTHER_ENV: &[(&str, &str)] = &[
    ("RELAY_MANAGER_CONFIG", "the configuration file, as `--config`"),
    ("RELAY_MANAGER_ADMIN_TOKEN", "the admin token: registered by `serve`, sent by the other commands as `--token`"),
    (
        "RELAY_MANAGER_MASTER_KEY",
        "the master key that secrets at rest are encrypted under: 64 hex digits, or 32 bytes in base64",
    ),
    ("RELAY_MANAGER_SERVER", "the admin API that commands talk to, as `--server`"),
    ("RELAY_MANAGER_LOG", "what the process logs to stderr: a level, or `target=level` pairs as `tracing` takes them"),
];

-- Times are microseconds since the Unix epoch. Secrets are sealed texts, hashes
-- are hex. The rows of hosts, groups, routes and keys are those of the current
-- generation; `position` keeps the order in which the operator wrote them.

-- One sealed value that only the right master key opens.
CREATE TABLE keyring (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    canary TEXT NOT NULL
) STRICT;

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE admin_tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    label      TEXT NOT NULL,
    role       TEXT NOT NULL CHECK (role IN ('admin', 'operator', 'viewer')),
    hash       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE generations (
    number  INTEGER PRIMARY KEY CHECK (number > 0),
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    summary TEXT NOT NULL,
    diff    TEXT NOT NULL
) STRICT;

-- Each generation whole, secrets sealed. Apart from `generations`, so that
-- listing those does not read through documents of megabytes.
CREATE TABLE generation_fleets (
    generation INTEGER PRIMARY KEY REFERENCES generations (number),
    document   TEXT NOT NULL
) STRICT;

CREATE TABLE hosts (
    host_id            TEXT PRIMARY KEY,
    position           INTEGER NOT NULL,
    kind               TEXT NOT NULL,
    base_url           TEXT NOT NULL,
    allow_private      INTEGER NOT NULL,
    enabled            INTEGER NOT NULL,
    admin_email        TEXT,
    admin_secret       TEXT,
    admin_source       TEXT,
    gateway_key        TEXT,
    gateway_key_source TEXT
) STRICT;

CREATE TABLE logical_groups (
    logical_group_id TEXT PRIMARY KEY,
    position         INTEGER NOT NULL,
    enabled          INTEGER NOT NULL,
    sticky_scope     TEXT NOT NULL,
    sticky_ttl_us    INTEGER NOT NULL,
    failback         TEXT NOT NULL,
    retry_on_timeout INTEGER NOT NULL
) STRICT;

CREATE TABLE routes (
    route_id         TEXT PRIMARY KEY,
    position         INTEGER NOT NULL,
    name             TEXT NOT NULL,
    logical_group_id TEXT NOT NULL REFERENCES logical_groups (logical_group_id),
    public_model     TEXT NOT NULL,
    host_id          TEXT NOT NULL REFERENCES hosts (host_id),
    shadow_group     TEXT NOT NULL,
    shadow_model     TEXT NOT NULL,
    priority         INTEGER NOT NULL,
    weight           INTEGER NOT NULL CHECK (weight >= 0),
    credential       TEXT NOT NULL,
    enabled          INTEGER NOT NULL
) STRICT;

CREATE TABLE consumer_keys (
    key_id            TEXT PRIMARY KEY,
    position          INTEGER NOT NULL,
    hash              TEXT NOT NULL UNIQUE,
    source            TEXT NOT NULL,
    enabled           INTEGER NOT NULL,
    expires_at        INTEGER,
    subject_id        TEXT,
    subscription_user TEXT,
    expose_routing    INTEGER NOT NULL,
    rpm               INTEGER,
    tpm               INTEGER,
    tpd               INTEGER,
    concurrency       INTEGER
) STRICT;

CREATE TABLE consumer_key_groups (
    key_id           TEXT NOT NULL REFERENCES consumer_keys (key_id),
    position         INTEGER NOT NULL,
    logical_group_id TEXT NOT NULL REFERENCES logical_groups (logical_group_id),
    PRIMARY KEY (key_id, position),
    UNIQUE (key_id, logical_group_id)
) STRICT;

-- No reference to hosts: what was made on a host outlives its entry in the fleet.
CREATE TABLE managed_resources (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    remote_id   TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (host_id, kind, name)
) STRICT;

-- A `publish` has no details of its own: its generation's diff is shown.
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    summary    TEXT NOT NULL,
    generation INTEGER REFERENCES generations (number),
    details    TEXT
) STRICT;

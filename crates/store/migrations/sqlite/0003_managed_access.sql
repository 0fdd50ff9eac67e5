-- Managed access (spec §9). No table here refers to hosts: what was made on a
-- host outlives its entry in the fleet.

-- What a host can do, as its last probe found out.
CREATE TABLE host_capabilities (
    host_id   TEXT PRIMARY KEY,
    probed_at INTEGER NOT NULL,
    document  TEXT NOT NULL
) STRICT;

-- Users of hosts that we made or may have made. `password_set` is 0 while the
-- host may still have another password than the one recorded.
CREATE TABLE access_users (
    host_id                    TEXT NOT NULL,
    subscription_user          TEXT NOT NULL,
    password                   TEXT NOT NULL,
    password_generation        INTEGER NOT NULL,
    wanted_password_generation INTEGER NOT NULL,
    password_set               INTEGER NOT NULL,
    updated_at                 INTEGER NOT NULL,
    PRIMARY KEY (host_id, subscription_user)
) STRICT;

-- One for each host, subscription user and shadow group. `due_at` is when it has
-- to be looked at next; null when nothing is to be done by itself.
CREATE TABLE access_grants (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id           TEXT NOT NULL,
    subscription_user TEXT NOT NULL,
    group_id          INTEGER NOT NULL,
    want              TEXT NOT NULL CHECK (want IN ('granted', 'revoked')),
    state             TEXT NOT NULL CHECK (state IN ('pending', 'ready', 'refused', 'revoked')),
    step              TEXT NOT NULL,
    base_url          TEXT NOT NULL,
    user_id           INTEGER,
    subscription_id   INTEGER,
    subscription_made INTEGER NOT NULL,
    expires_at        INTEGER,
    extending_from    INTEGER,
    generation        INTEGER NOT NULL,
    wanted_generation INTEGER NOT NULL,
    leaked            INTEGER NOT NULL,
    failures          INTEGER NOT NULL,
    problem           TEXT,
    due_at            INTEGER,
    recorded_at       INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    UNIQUE (host_id, subscription_user, group_id)
) STRICT;

CREATE INDEX access_grants_by_due ON access_grants (due_at) WHERE due_at IS NOT NULL;

-- Every issue of a grant's key. The row is written before the key is made; a
-- retired one has no secret any more.
CREATE TABLE access_keys (
    host_id           TEXT NOT NULL,
    subscription_user TEXT NOT NULL,
    group_id          INTEGER NOT NULL,
    generation        INTEGER NOT NULL,
    state             TEXT NOT NULL CHECK (state IN ('begun', 'live', 'retiring', 'retired')),
    made              INTEGER NOT NULL,
    remote_id         INTEGER,
    secret            TEXT,
    fingerprint       TEXT NOT NULL,
    begun_at          INTEGER NOT NULL,
    retire_at         INTEGER,
    PRIMARY KEY (host_id, subscription_user, group_id, generation)
) STRICT;

-- What a key's host said last of its quota.
CREATE TABLE access_usage (
    host_id           TEXT NOT NULL,
    subscription_user TEXT NOT NULL,
    group_id          INTEGER NOT NULL,
    observed_at       INTEGER NOT NULL,
    document          TEXT NOT NULL,
    PRIMARY KEY (host_id, subscription_user, group_id)
) STRICT;

-- Objects of a host as they were seen last. `misses`: complete looks in a row that did not show it.
CREATE TABLE host_objects (
    host_id     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    document    TEXT NOT NULL,
    first_at    INTEGER NOT NULL,
    observed_at INTEGER NOT NULL,
    misses      INTEGER NOT NULL,
    PRIMARY KEY (host_id, kind, name)
) STRICT;

-- What was seen, when it differed from what was seen before. Only ever added to.
CREATE TABLE observations (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    host_id TEXT NOT NULL,
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    value   TEXT NOT NULL
) STRICT;

CREATE INDEX observations_by_subject ON observations (host_id, kind, subject, id);

-- What an operator should hear of.
CREATE TABLE events (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    host_id  TEXT,
    subject  TEXT NOT NULL,
    message  TEXT NOT NULL,
    details  TEXT NOT NULL
) STRICT;

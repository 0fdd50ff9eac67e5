-- Where notifications go. `settings` is what anybody may read; `secrets` one
-- sealed document of what nobody may.
CREATE TABLE notification_channels (
    channel_id TEXT PRIMARY KEY,
    type       TEXT NOT NULL,
    enabled    INTEGER NOT NULL,
    settings   TEXT NOT NULL,
    secrets    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- What a channel was told and has not heard the end of.
CREATE TABLE notification_incidents (
    channel_id TEXT NOT NULL REFERENCES notification_channels (channel_id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    since      INTEGER NOT NULL,
    told_at    INTEGER NOT NULL,
    severity   TEXT NOT NULL,
    digest     TEXT NOT NULL,
    PRIMARY KEY (channel_id, kind, subject)
) STRICT;

-- The outbox and its log in one: a row is pending until it was delivered, given
-- up or overtaken. A channel's rows stay when it is deleted.
CREATE TABLE notification_deliveries (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_id  TEXT NOT NULL,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    phase       TEXT NOT NULL,
    event       TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed', 'superseded')),
    attempts    INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    next_at     INTEGER NOT NULL,
    finished_at INTEGER,
    last_error  TEXT
) STRICT;

CREATE INDEX notification_deliveries_due ON notification_deliveries (next_at) WHERE state = 'pending';

-- Who is logged in to the console. Of the cookie's secret only its keyed hash is
-- kept; who it is and what they may do is the admin token's, so that revoking
-- the token ends its sessions.
CREATE TABLE console_sessions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    hash         TEXT NOT NULL UNIQUE,
    token_id     INTEGER NOT NULL REFERENCES admin_tokens (id) ON DELETE CASCADE,
    user_agent   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
) STRICT;

CREATE INDEX console_sessions_by_token ON console_sessions (token_id);

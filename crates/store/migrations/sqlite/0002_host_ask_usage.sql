-- Whether a host is asked for the usage of a stream.
ALTER TABLE hosts ADD COLUMN ask_usage INTEGER NOT NULL DEFAULT 1;

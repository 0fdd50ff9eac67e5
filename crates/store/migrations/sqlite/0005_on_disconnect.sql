-- How long a stream is read on when its client has left; NULL ends it at once.
ALTER TABLE logical_groups ADD COLUMN drain_limit_us INTEGER;

-- What keys, groups and routes say about who may use how much, and what it costs.
-- Lists are JSON texts: nothing looks inside them. Ratios are millionths.
ALTER TABLE consumer_keys ADD COLUMN label TEXT;
ALTER TABLE consumer_keys ADD COLUMN origin TEXT NOT NULL DEFAULT 'file';
ALTER TABLE consumer_keys ADD COLUMN previous_hash TEXT;
ALTER TABLE consumer_keys ADD COLUMN previous_until INTEGER;
ALTER TABLE consumer_keys ADD COLUMN models TEXT NOT NULL DEFAULT '[]';
ALTER TABLE consumer_keys ADD COLUMN allowed_ips TEXT NOT NULL DEFAULT '[]';
ALTER TABLE consumer_keys ADD COLUMN budgets TEXT NOT NULL DEFAULT '[]';

ALTER TABLE logical_groups ADD COLUMN rpm INTEGER;
ALTER TABLE logical_groups ADD COLUMN tpm INTEGER;
ALTER TABLE logical_groups ADD COLUMN tpd INTEGER;
ALTER TABLE logical_groups ADD COLUMN concurrency INTEGER;
ALTER TABLE logical_groups ADD COLUMN budgets TEXT NOT NULL DEFAULT '[]';
ALTER TABLE logical_groups ADD COLUMN price_ratio INTEGER NOT NULL DEFAULT 1000000;

ALTER TABLE routes ADD COLUMN multiplier INTEGER NOT NULL DEFAULT 1000000;
ALTER TABLE routes ADD COLUMN recharge_ratio INTEGER NOT NULL DEFAULT 1000000;

-- Rows that were replaced or removed stay in table and index for as long as somebody's snapshot may see
-- them: an hour, when the database is dumped. No search of ours may read them all, so each begins
-- behind them.

-- The sealer looks only for what the last search could not see yet: events of transactions that were
-- open then, or that have begun since.
ALTER TABLE unsealed ADD COLUMN transaction xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX unsealed_by_transaction ON unsealed (transaction, arrival);

-- Every event that this snapshot sees has its place in the log, as the lead tells. None is before 3.
ALTER TABLE lease ADD COLUMN sealed pg_snapshot NOT NULL DEFAULT '3:3:';

-- With the position in the key, a step finds the version that it replaces and none of those before.
ALTER TABLE checkpoints DROP CONSTRAINT checkpoints_pkey;
ALTER TABLE checkpoints ADD PRIMARY KEY (projection, version, position);

-- So does a claim: `changes` grows with each change of the count.
ALTER TABLE image_counts ADD COLUMN changes bigint NOT NULL DEFAULT 0;
ALTER TABLE image_counts DROP CONSTRAINT image_counts_pkey;
ALTER TABLE image_counts ADD PRIMARY KEY (account, changes);

-- The truth: one row per event, all streams in one table, the layout of sqlite-es.
-- The primary key is the optimistic lock: of two writers of the same sequence one loses.
CREATE TABLE events
(
  aggregate_type text                          NOT NULL,
  aggregate_id   text                          NOT NULL,
  sequence       integer CHECK (sequence >= 1) NOT NULL,
  event_type     text                          NOT NULL,
  event_version  text                          NOT NULL,
  payload        text CHECK (json_valid(payload))  NOT NULL,
  metadata       text CHECK (json_valid(metadata)) NOT NULL,
  PRIMARY KEY (aggregate_type, aggregate_id, sequence)
) STRICT;

-- A stream has no holes, whoever writes to it.
CREATE TRIGGER events_have_no_holes BEFORE INSERT ON events
WHEN NEW.sequence > 1 AND NOT EXISTS (
  SELECT 1 FROM events
  WHERE aggregate_type = NEW.aggregate_type
    AND aggregate_id = NEW.aggregate_id
    AND sequence = NEW.sequence - 1)
BEGIN
  SELECT RAISE(ABORT, 'events: the stream has not come that far');
END;

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN
  SELECT RAISE(ABORT, 'events are never changed');
END;

CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events
BEGIN
  SELECT RAISE(ABORT, 'events are never removed');
END;

-- The order of all events, filled in the append's own transaction. Narrow: the event itself
-- is joined on read. `account` is whose stream it is. `hash` chains each entry to the one before (see src/chain.rs).
CREATE TABLE event_log
(
  global_position integer PRIMARY KEY AUTOINCREMENT,
  aggregate_type  text    NOT NULL,
  aggregate_id    text    NOT NULL,
  sequence        integer NOT NULL,
  account         text    NOT NULL,
  hash            blob CHECK (length(hash) = 32) NOT NULL,
  UNIQUE (aggregate_type, aggregate_id, sequence)
) STRICT;
CREATE INDEX event_log_of_account ON event_log (account, global_position);

-- Dense: a hole would be a lost event, so the database refuses to make one.
CREATE TRIGGER event_log_is_dense BEFORE INSERT ON event_log
WHEN NEW.global_position <> (SELECT coalesce(max(global_position), 0) + 1 FROM event_log)
BEGIN
  SELECT RAISE(ABORT, 'event_log has no holes');
END;

CREATE TRIGGER event_log_is_never_changed BEFORE UPDATE ON event_log
BEGIN
  SELECT RAISE(ABORT, 'event_log is never changed');
END;

CREATE TRIGGER event_log_is_never_removed BEFORE DELETE ON event_log
BEGIN
  SELECT RAISE(ABORT, 'event_log is never removed');
END;

-- Inline tables: functions of the events, changed in the append's own transaction (see
-- src/inline.rs), because what they guard must hold at the moment of the commit.

-- No two enabled images of one account hold the same bytes.
CREATE TABLE claims
(
  image   text NOT NULL PRIMARY KEY,
  account text NOT NULL,
  digest  text NOT NULL,
  UNIQUE (account, digest)
) STRICT, WITHOUT ROWID;

-- How many claims an account has: judged against its limit without counting.
CREATE TABLE image_counts
(
  account text    NOT NULL PRIMARY KEY,
  images  integer NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts
(
  account     text    NOT NULL PRIMARY KEY,
  name        text    NOT NULL,
  image_limit integer,
  created_at  integer NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys that work. A revoked key has no row.
CREATE TABLE keys
(
  key_id        text NOT NULL PRIMARY KEY,
  account       text NOT NULL,
  secret_sha256 text NOT NULL,
  signing_sha1  text NOT NULL,
  scopes        text NOT NULL
) STRICT, WITHOUT ROWID;

-- What a retried request with the same key led to; forgotten after a day.
CREATE TABLE idempotency_keys
(
  account     text    NOT NULL,
  key         text    NOT NULL,
  fingerprint text    NOT NULL,
  image       text    NOT NULL,
  sequence    integer NOT NULL,
  created_at  integer NOT NULL,
  PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Read models: written by projections only, rebuilt from the log at any time.

-- How far each projection has come; changed together with its rows.
CREATE TABLE checkpoints
(
  projection text    NOT NULL PRIMARY KEY,
  version    integer NOT NULL,
  position   integer NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE image_view
(
  image            text    NOT NULL PRIMARY KEY,
  account          text    NOT NULL,
  public_id        text    NOT NULL UNIQUE,
  created_position integer NOT NULL,
  sequence         integer NOT NULL,
  state            text    NOT NULL
) STRICT;
CREATE INDEX image_view_newest_first ON image_view (account, created_position DESC);

-- Values of this installation, such as the secret that signs access tokens.
CREATE TABLE installation
(
  name  text NOT NULL PRIMARY KEY,
  value blob NOT NULL
) STRICT, WITHOUT ROWID;

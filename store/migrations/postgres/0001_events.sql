-- The truth: one row per event, all streams in one table, exactly the layout of postgres-es.
-- The primary key is the optimistic lock: of two writers of the same sequence one loses.
-- `json`, not `jsonb`: the hash chain covers the text as it was written.
CREATE TABLE events
(
  aggregate_type text                          NOT NULL,
  aggregate_id   text                          NOT NULL,
  sequence       bigint CHECK (sequence >= 1)  NOT NULL,
  event_type     text                          NOT NULL,
  event_version  text                          NOT NULL,
  payload        json                          NOT NULL,
  metadata       json                          NOT NULL,
  PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);

-- The order of all events, written by one sealer (see src/postgres/sealer.rs). Narrow: the event
-- itself is joined on read. `account` is whose stream it is. `hash` chains each entry to the one before (see src/chain.rs).
CREATE TABLE event_log
(
  global_position bigint PRIMARY KEY CHECK (global_position >= 1),
  aggregate_type  text   NOT NULL,
  aggregate_id    text   NOT NULL,
  sequence        bigint NOT NULL,
  account         text   NOT NULL,
  hash            bytea  NOT NULL CHECK (octet_length(hash) = 32),
  UNIQUE (aggregate_type, aggregate_id, sequence)
);
CREATE INDEX event_log_of_account ON event_log (account, global_position);

-- Events not yet in the log. A row comes with its event in the same transaction, whoever writes
-- it, and leaves in the transaction that seals it; so no event can be skipped or sealed twice,
-- however long its transaction stays open. `arrival` keeps the order within a stream.
CREATE TABLE unsealed
(
  arrival        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  aggregate_type text   NOT NULL,
  aggregate_id   text   NOT NULL,
  sequence       bigint NOT NULL
);

CREATE FUNCTION queue_for_sealing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO unsealed (aggregate_type, aggregate_id, sequence)
  SELECT aggregate_type, aggregate_id, sequence FROM new_events
  ORDER BY aggregate_type, aggregate_id, sequence;
  RETURN NULL;
END
$$;

CREATE TRIGGER events_are_queued_for_sealing AFTER INSERT ON events
REFERENCING NEW TABLE AS new_events
FOR EACH STATEMENT EXECUTE FUNCTION queue_for_sealing();

-- Facts are never changed, by anybody.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER events_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_log_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON event_log
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Inline tables: functions of the events, changed in the append's own transaction (see
-- src/inline.rs), because what they guard must hold at the moment of the commit.

-- No two enabled images of one account hold the same bytes.
CREATE TABLE claims
(
  image   text NOT NULL PRIMARY KEY,
  account text NOT NULL,
  digest  text NOT NULL,
  CONSTRAINT claims_content UNIQUE (account, digest)
);

-- How many claims an account has. Its row is locked by whoever changes a claim of the account, so
-- that the limit holds and no two of them wait for each other in a circle.
CREATE TABLE image_counts
(
  account text   NOT NULL PRIMARY KEY,
  images  bigint NOT NULL
);

CREATE TABLE accounts
(
  account     text   NOT NULL PRIMARY KEY,
  name        text   NOT NULL,
  image_limit bigint,
  created_at  bigint NOT NULL
);

-- Keys that work. A revoked key has no row.
CREATE TABLE keys
(
  key_id        text NOT NULL PRIMARY KEY,
  account       text NOT NULL,
  secret_sha256 text NOT NULL,
  signing_sha1  text NOT NULL,
  scopes        text NOT NULL
);

-- What a retried request with the same key led to; forgotten after a day.
CREATE TABLE idempotency_keys
(
  account     text   NOT NULL,
  key         text   NOT NULL,
  fingerprint text   NOT NULL,
  image       text   NOT NULL,
  sequence    bigint NOT NULL,
  created_at  bigint NOT NULL,
  PRIMARY KEY (account, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Read models: written by projections only, rebuilt from the log at any time.

-- How far each projection has come; changed together with its rows.
CREATE TABLE checkpoints
(
  projection text   NOT NULL PRIMARY KEY,
  version    bigint NOT NULL,
  position   bigint NOT NULL
);

CREATE TABLE image_view
(
  image            text   NOT NULL PRIMARY KEY,
  account          text   NOT NULL,
  public_id        text   NOT NULL UNIQUE,
  created_position bigint NOT NULL,
  sequence         bigint NOT NULL,
  state            text   NOT NULL,
  disabled         boolean NOT NULL GENERATED ALWAYS AS
                     (state::json ->> 'disabled_at' IS NOT NULL) STORED,
  created_at       text   NOT NULL GENERATED ALWAYS AS (state::json ->> 'created_at') STORED
);
CREATE INDEX image_view_newest_first ON image_view (account, created_position DESC);

-- Values of this installation, such as the secret that signs access tokens.
CREATE TABLE installation
(
  name  text  NOT NULL PRIMARY KEY,
  value bytea NOT NULL
);

-- What a role needs to run Photolog, and no more: it can neither change nor remove an event.
-- The owner calls it once: SELECT grant_photolog_to('photolog_app').
CREATE FUNCTION grant_photolog_to(role_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('GRANT SELECT, INSERT ON events, event_log TO %I', role_name);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON unsealed, claims, image_counts,
    accounts, keys, idempotency_keys, checkpoints, image_view, installation TO %I', role_name);
  EXECUTE format('GRANT SELECT ON photolog_migrations TO %I', role_name);
END
$$;

-- Which lead is the present one. It changes only when a process takes the lead, so that what names
-- it finds few versions of this row, however long somebody's snapshot keeps old ones.
CREATE TABLE lead
(
  single boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (single),
  epoch  bigint  NOT NULL
);
-- Not 0, which is the epoch of a process that does not lead.
INSERT INTO lead (epoch) VALUES (1);

-- Who has the lead and until when, by this database's clock (see src/postgres/lead.rs).
CREATE TABLE lease
(
  single  boolean     NOT NULL PRIMARY KEY DEFAULT true CHECK (single),
  holder  text        NOT NULL,
  ends_at timestamptz NOT NULL
);
INSERT INTO lease (holder, ends_at) VALUES ('', '-infinity');

-- What a follower of the log counts on its own side, as of its position: for the relay, the sequence of
-- the stream's last message.
ALTER TABLE checkpoints ADD COLUMN mark bigint NOT NULL DEFAULT 0;

-- What a role needs to run Photolog, and no more: it can neither change nor remove an event.
CREATE OR REPLACE FUNCTION grant_photolog_to(role_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('GRANT SELECT, INSERT ON events, event_log TO %I', role_name);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON unsealed, claims, image_counts,
    accounts, keys, secrets, token_families, idempotency_keys, checkpoints, image_view,
    installation TO %I',
    role_name);
  EXECUTE format('GRANT SELECT, UPDATE ON lead, lease TO %I', role_name);
  EXECUTE format('GRANT SELECT ON photolog_migrations TO %I', role_name);
END
$$;

-- A role that could run Photolog before still can.
DO $$
DECLARE
  granted name;
BEGIN
  FOR granted IN
    SELECT rolname FROM pg_class, aclexplode(relacl) AS acl, pg_roles
    WHERE pg_class.oid = 'keys'::regclass AND privilege_type = 'UPDATE'
      AND grantee = pg_roles.oid AND grantee <> relowner
  LOOP
    PERFORM grant_photolog_to(granted);
  END LOOP;
END
$$;

-- Whether an account's keys and links are taken ('open', 'suspended', 'closed'), and why not.
ALTER TABLE accounts ADD COLUMN status text NOT NULL DEFAULT 'open';
ALTER TABLE accounts ADD COLUMN reason text;

-- From when on a key does not work any more, in milliseconds since 1970.
ALTER TABLE keys ADD COLUMN expires_at bigint;

-- When a key was last used, to the minute, by this database's clock. No event says so, because a use
-- changes nothing: what is lost here is lost.
CREATE TABLE key_uses
(
  account text   NOT NULL,
  key_id  text   NOT NULL,
  used_at bigint NOT NULL,
  PRIMARY KEY (account, key_id)
);

-- What a role needs to run Photolog, and no more: it can neither change nor remove an event.
CREATE OR REPLACE FUNCTION grant_photolog_to(role_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('GRANT SELECT, INSERT ON events, event_log TO %I', role_name);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON unsealed, claims, image_counts,
    accounts, keys, key_uses, secrets, token_families, idempotency_keys, checkpoints, image_view,
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

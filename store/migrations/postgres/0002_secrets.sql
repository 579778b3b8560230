-- What nobody may read who has the database alone: each wrapped by the master key, with its name as
-- associated data (see src/master_key.rs).
CREATE TABLE secrets
(
  name    text   NOT NULL PRIMARY KEY,
  version bigint NOT NULL,
  wrapped bytea  NOT NULL
);

-- The verifiers of keys move there (see src/postgres/migrate.rs). Events from before hold them for
-- ever, so no signature of such a key counts.
ALTER TABLE keys ADD COLUMN signing_key_logged boolean NOT NULL DEFAULT true;
ALTER TABLE keys DROP COLUMN secret_sha256;
ALTER TABLE keys DROP COLUMN signing_sha1;

-- It was readable, so it signs no more tokens; the next start makes another one.
DELETE FROM installation WHERE name = 'token_secret';

CREATE OR REPLACE FUNCTION grant_photolog_to(role_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('GRANT SELECT, INSERT ON events, event_log TO %I', role_name);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON unsealed, claims, image_counts,
    accounts, keys, secrets, idempotency_keys, checkpoints, image_view, installation TO %I',
    role_name);
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

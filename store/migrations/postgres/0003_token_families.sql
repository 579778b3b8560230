-- What came of one log-in: an access and a refresh token, and those that followed by refreshing.
-- They end together: in time, by revocation, or when a spent refresh token is used again.
-- Times are milliseconds since 1970, by this database's clock.
CREATE TABLE token_families
(
  family         text   NOT NULL PRIMARY KEY,
  key_id         text   NOT NULL,
  scope          text   NOT NULL,
  began_at       bigint NOT NULL,
  expires_at     bigint NOT NULL,
  -- The refresh token that counts, and since when.
  refresh_number bigint NOT NULL,
  refreshed_at   bigint NOT NULL
);
CREATE INDEX token_families_of_key ON token_families (key_id, began_at);
CREATE INDEX token_families_by_end ON token_families (expires_at);

-- What a role needs to run Photolog, and no more: it can neither change nor remove an event.
CREATE OR REPLACE FUNCTION grant_photolog_to(role_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('GRANT SELECT, INSERT ON events, event_log TO %I', role_name);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON unsealed, claims, image_counts,
    accounts, keys, secrets, token_families, idempotency_keys, checkpoints, image_view,
    installation TO %I',
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

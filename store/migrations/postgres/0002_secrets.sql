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

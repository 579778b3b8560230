-- What nobody may read who has the database alone: each wrapped by the master key, with its name as
-- associated data (see src/master_key.rs).
CREATE TABLE secrets
(
  name    text    NOT NULL PRIMARY KEY,
  version integer NOT NULL,
  wrapped blob    NOT NULL
) STRICT, WITHOUT ROWID;

-- The verifiers of keys move there (see src/sqlite/migrate.rs). Events from before hold them for
-- ever, so no signature of such a key counts.
ALTER TABLE keys ADD COLUMN signing_key_logged integer NOT NULL DEFAULT 1;
ALTER TABLE keys DROP COLUMN secret_sha256;
ALTER TABLE keys DROP COLUMN signing_sha1;

-- It was readable, so it signs no more tokens; the next start makes another one.
DELETE FROM installation WHERE name = 'token_secret';

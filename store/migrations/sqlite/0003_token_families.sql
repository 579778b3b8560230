-- What came of one log-in: an access and a refresh token, and those that followed by refreshing.
-- They end together: in time, by revocation, or when a spent refresh token is used again.
-- Times are milliseconds since 1970, by this database's clock.
CREATE TABLE token_families
(
  family         text    NOT NULL PRIMARY KEY,
  key_id         text    NOT NULL,
  scope          text    NOT NULL,
  began_at       integer NOT NULL,
  expires_at     integer NOT NULL,
  -- The refresh token that counts, and since when.
  refresh_number integer NOT NULL,
  refreshed_at   integer NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX token_families_of_key ON token_families (key_id, began_at);
CREATE INDEX token_families_by_end ON token_families (expires_at);

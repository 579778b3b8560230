-- Whether an account's keys and links are taken ('open', 'suspended', 'closed'), and why not.
ALTER TABLE accounts ADD COLUMN status text NOT NULL DEFAULT 'open';
ALTER TABLE accounts ADD COLUMN reason text;

-- From when on a key does not work any more, in milliseconds since 1970.
ALTER TABLE keys ADD COLUMN expires_at integer;

-- When a key was last used, to the minute, by this database's clock. No event says so, because a use
-- changes nothing: what is lost here is lost.
CREATE TABLE key_uses
(
  account text    NOT NULL,
  key_id  text    NOT NULL,
  used_at integer NOT NULL,
  PRIMARY KEY (account, key_id)
) STRICT, WITHOUT ROWID;

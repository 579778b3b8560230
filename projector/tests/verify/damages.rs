//! Every kind of damage, as SQL run with the database's own tools, and the expected finding.

use photolog_projector::Kind;

/// A damage and the expected finding.
pub(crate) struct Damage {
    pub(crate) what: &'static str,
    /// `None` where it is impossible.
    pub(crate) sqlite: Option<&'static str>,
    pub(crate) postgres: Option<&'static str>,
    pub(crate) unguarded: bool,
    pub(crate) kind: Kind,
}

/// A damage that no trigger prevents, the same in both databases.
fn plain(what: &'static str, kind: Kind, sql: &'static str) -> Damage {
    Damage {
        what,
        sqlite: Some(sql),
        postgres: Some(sql),
        unguarded: false,
        kind,
    }
}

fn unguarded(what: &'static str, kind: Kind, sql: &'static str) -> Damage {
    Damage {
        unguarded: true,
        ..plain(what, kind, sql)
    }
}

fn on_sqlite(what: &'static str, kind: Kind, sql: &'static str) -> Damage {
    Damage {
        postgres: None,
        ..plain(what, kind, sql)
    }
}

fn on_postgres(what: &'static str, kind: Kind, sql: &'static str) -> Damage {
    Damage {
        sqlite: None,
        ..plain(what, kind, sql)
    }
}

impl Damage {
    fn or_on_postgres(self, sql: &'static str) -> Self {
        Self {
            postgres: Some(sql),
            ..self
        }
    }
}

pub(crate) fn damages() -> Vec<Damage> {
    use Kind::*;
    vec![
        plain(
            "swapped public ids",
            ImageView,
            "CREATE TABLE old AS SELECT * FROM image_view;
             UPDATE image_view SET public_id = image;
             UPDATE image_view SET public_id =
               (SELECT public_id FROM old WHERE old.created_position =
                  12 - image_view.created_position)
             WHERE created_position IN (5, 7);
             DROP TABLE old",
        ),
        plain(
            "another account in the view",
            ImageView,
            "UPDATE image_view SET account = (SELECT max(account) FROM accounts)",
        ),
        plain(
            "another place in lists",
            ImageView,
            "UPDATE image_view SET created_position = created_position + 1",
        ),
        plain(
            "another sequence in the view",
            ImageView,
            "UPDATE image_view SET sequence = sequence + 1",
        ),
        plain(
            "another state in the view",
            ImageView,
            "UPDATE image_view SET state = json_set(state, '$.metadata.a', 'b')",
        )
        .or_on_postgres(
            "UPDATE image_view SET state =
               jsonb_set(state::jsonb, '{metadata,a}', '\"b\"')::text",
        ),
        plain(
            "a member too many in the state",
            ImageView,
            "UPDATE image_view SET state = json_set(state, '$.more', 1)",
        )
        .or_on_postgres(
            "UPDATE image_view SET state = jsonb_set(state::jsonb, '{more}', '1')::text",
        ),
        plain(
            "a missing row in the view",
            ImageView,
            "DELETE FROM image_view WHERE created_position = 5",
        ),
        plain(
            "a row too many in the view",
            ImageView,
            "INSERT INTO image_view (image, account, public_id, created_position, sequence, state)
             SELECT 'x', account, 'y', 99, 1, state FROM image_view WHERE created_position = 5",
        ),
        unguarded(
            "another account in the log",
            LogAccount,
            "UPDATE event_log SET account = 'x' WHERE global_position = 6",
        ),
        unguarded(
            "another actor of an event",
            Chain,
            "UPDATE events SET metadata = json_set(metadata, '$.actor', 'x') WHERE sequence = 2",
        )
        .or_on_postgres(
            "UPDATE events SET metadata =
               jsonb_set(metadata::jsonb, '{actor}', '\"x\"')::json WHERE sequence = 2",
        ),
        unguarded(
            "another hash",
            Chain,
            "UPDATE event_log SET hash = zeroblob(32) WHERE global_position = 3",
        )
        .or_on_postgres("UPDATE event_log SET hash = sha256('') WHERE global_position = 3"),
        unguarded(
            "a hole in the log",
            Position,
            "DELETE FROM event_log WHERE global_position = 3",
        ),
        unguarded(
            "a log that ends earlier",
            Place,
            "DELETE FROM event_log WHERE global_position = 9",
        ),
        unguarded(
            "a log that ends before its checkpoint",
            Checkpoint,
            "DELETE FROM event_log WHERE global_position = 9",
        ),
        unguarded(
            "an event without a place",
            Place,
            "INSERT INTO events SELECT aggregate_type, 'x', 1, event_type, event_version, payload,
               metadata FROM events WHERE event_type = 'AccountOpened' LIMIT 1",
        ),
        unguarded(
            "a place without an event",
            Place,
            "DELETE FROM events WHERE event_type = 'Disabled'",
        ),
        unguarded(
            "an event that nobody can read",
            Event,
            "UPDATE events SET payload = '{\"type\":\"Disabled\"}' WHERE event_type = 'Disabled'",
        ),
        unguarded(
            "an event of a newer version",
            NewerEvent,
            "UPDATE events SET event_version = '99' WHERE event_type = 'Disabled'",
        ),
        plain(
            "another name of an account",
            Account,
            "UPDATE accounts SET name = 'x'",
        ),
        plain(
            "another limit of an account",
            Account,
            "UPDATE accounts SET image_limit = 1",
        ),
        plain(
            "another state of an account",
            Account,
            "UPDATE accounts SET status = 'closed'",
        ),
        plain(
            "a reason of an account",
            Account,
            "UPDATE accounts SET reason = 'unpaid'",
        ),
        plain(
            "another end of a key",
            Key,
            "UPDATE keys SET expires_at = 1",
        ),
        plain(
            "another date of an account",
            Account,
            "UPDATE accounts SET created_at = 1",
        ),
        plain(
            "a missing account",
            Account,
            "DELETE FROM accounts WHERE account = (SELECT max(account) FROM accounts)",
        ),
        plain(
            "an account too many",
            Account,
            "INSERT INTO accounts (account, name, created_at) VALUES ('x', 'x', 1)",
        ),
        plain("more scopes", Key, "UPDATE keys SET scopes = 'images.read'"),
        plain(
            "another account of a key",
            Key,
            "UPDATE keys SET account = (SELECT max(account) FROM accounts)",
        ),
        plain(
            "signatures that count",
            Key,
            "UPDATE keys SET signing_key_logged = 1",
        )
        .or_on_postgres("UPDATE keys SET signing_key_logged = true"),
        plain(
            "a missing key",
            Key,
            "DELETE FROM keys WHERE key_id = 'plk_abcdefghijklmnop'",
        ),
        plain(
            "a key too many",
            Key,
            "INSERT INTO keys (key_id, account, signing_key_logged, scopes)
             SELECT 'plk_zzcdefghijklmnop', account, signing_key_logged, scopes FROM keys LIMIT 1",
        ),
        plain(
            "swapped secrets",
            Secret,
            "UPDATE secrets SET wrapped =
               (SELECT other.wrapped FROM secrets AS other WHERE other.name <> secrets.name
                AND other.name LIKE 'key/%' ORDER BY other.name LIMIT 1)
             WHERE name LIKE 'key/%'",
        ),
        plain(
            "a lost secret",
            Secret,
            "DELETE FROM secrets WHERE name LIKE 'key/%'",
        ),
        plain(
            "a changed token secret",
            Secret,
            "UPDATE secrets SET wrapped = x'00' WHERE name = 'token_secret'",
        )
        .or_on_postgres("UPDATE secrets SET wrapped = '\\x00' WHERE name = 'token_secret'"),
        plain(
            "a claim on other bytes",
            Claim,
            "UPDATE claims SET digest = 'x' WHERE image = (SELECT min(image) FROM claims)",
        ),
        plain("a missing claim", Claim, "DELETE FROM claims"),
        plain(
            "another count",
            Count,
            "UPDATE image_counts SET images = images + 1",
        ),
        plain("a missing count", Count, "DELETE FROM image_counts"),
        plain(
            "a checkpoint beyond the log",
            Checkpoint,
            "UPDATE checkpoints SET position = 99 WHERE projection = 'image_view'",
        ),
        plain(
            "an idempotency key to nowhere",
            IdempotencyKey,
            "UPDATE idempotency_keys SET image = 'x'",
        ),
        plain(
            "an idempotency key to a version that never was",
            IdempotencyKey,
            "UPDATE idempotency_keys SET sequence = 99",
        ),
        plain(
            "a log-in of no key",
            TokenFamily,
            "UPDATE token_families SET key_id = 'plk_zzcdefghijklmnop'",
        ),
        plain(
            "a missing trigger",
            Guard,
            "DROP TRIGGER events_are_never_changed",
        )
        .or_on_postgres("DROP TRIGGER events_are_never_changed ON events"),
        plain(
            "another trigger of the same name",
            Guard,
            "DROP TRIGGER events_are_never_changed;
             CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
             BEGIN SELECT 1; END",
        )
        .or_on_postgres("ALTER TABLE events DISABLE TRIGGER events_are_never_changed"),
        plain(
            "a trigger too many",
            Guard,
            "CREATE TRIGGER more AFTER INSERT ON claims BEGIN DELETE FROM claims; END",
        )
        .or_on_postgres("CREATE RULE more AS ON DELETE TO claims DO INSTEAD NOTHING"),
        plain("a missing table", Guard, "DROP TABLE token_families"),
        on_sqlite("a missing index", Guard, "DROP INDEX event_log_of_account"),
        on_postgres(
            "a missing constraint",
            Guard,
            "ALTER TABLE claims DROP CONSTRAINT claims_content",
        ),
        on_sqlite(
            "a log that may have holes",
            Guard,
            "DROP TRIGGER event_log_is_dense",
        ),
        on_postgres(
            "a function that refuses nothing",
            Guard,
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger
               LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        ),
        on_postgres(
            "a right to change events",
            Guard,
            "GRANT UPDATE (payload) ON events TO PUBLIC",
        ),
        on_postgres(
            "a right that is missing",
            Guard,
            "DROP ROLE IF EXISTS app; CREATE ROLE app;
               SELECT grant_photolog_to('app'); REVOKE DELETE ON claims FROM app",
        ),
        on_postgres(
            "a right that the owner has taken from itself",
            Guard,
            "REVOKE INSERT ON events FROM CURRENT_USER",
        ),
        plain(
            "an index that refuses rows",
            Guard,
            "CREATE UNIQUE INDEX zz ON image_view (account) WHERE created_position > 33",
        ),
        plain(
            "a column too many",
            Guard,
            "ALTER TABLE events ADD COLUMN more text",
        ),
        on_sqlite(
            "a trigger that refuses rows",
            Guard,
            "CREATE TRIGGER zz BEFORE INSERT ON image_view
             BEGIN SELECT RAISE(ABORT, 'no'); END",
        ),
        on_postgres(
            "a check that refuses rows",
            Guard,
            "ALTER TABLE image_view ADD CONSTRAINT zz CHECK (created_position < 12) NOT VALID",
        ),
        on_postgres(
            "a foreign key",
            Guard,
            "ALTER TABLE claims ADD CONSTRAINT zz FOREIGN KEY (account)
               REFERENCES accounts (account) NOT VALID",
        ),
        on_postgres(
            "a primary key that is missing",
            Guard,
            "ALTER TABLE accounts DROP CONSTRAINT accounts_pkey",
        ),
        on_postgres(
            "another generated column",
            Guard,
            "ALTER TABLE image_view DROP COLUMN master CASCADE;
             ALTER TABLE image_view ADD COLUMN master text GENERATED ALWAYS AS ('zz') STORED",
        ),
        on_postgres(
            "another type of a column",
            Guard,
            "ALTER TABLE key_uses ALTER COLUMN used_at TYPE numeric",
        ),
        on_postgres(
            "a column that may be empty",
            Guard,
            "ALTER TABLE image_view ALTER COLUMN state DROP NOT NULL",
        ),
        on_postgres(
            "a table that a crash empties",
            Guard,
            "ALTER TABLE events SET UNLOGGED",
        ),
        on_postgres(
            "rows that are hidden",
            Guard,
            "ALTER TABLE events ENABLE ROW LEVEL SECURITY",
        ),
        on_postgres(
            "a policy about rows",
            Guard,
            "CREATE POLICY zz ON events FOR INSERT WITH CHECK (false)",
        ),
        on_postgres(
            "a table of more events",
            Guard,
            "CREATE TABLE more () INHERITS (events)",
        ),
        on_postgres("no lead", Guard, "DELETE FROM lead"),
        on_postgres("no lease", Guard, "DELETE FROM lease"),
        plain(
            "a view of another version",
            Checkpoint,
            "UPDATE checkpoints SET version = 9 WHERE projection = 'image_view'",
        ),
        on_postgres(
            "two checkpoints",
            Checkpoint,
            "INSERT INTO checkpoints (projection, version, position) VALUES ('image_view', 1, 3)",
        ),
        plain(
            "an idempotency key of the future",
            IdempotencyKey,
            "UPDATE idempotency_keys SET created_at = 9223372036854775807",
        ),
        plain(
            "a log-in of the future",
            TokenFamily,
            "UPDATE token_families SET began_at = 9000000000000000, expires_at = 9000000000000001",
        ),
        plain(
            "a log-in without an id",
            TokenFamily,
            "UPDATE token_families SET family = 'zz'",
        ),
        plain(
            "a use of a key in the future",
            KeyUse,
            "INSERT INTO key_uses (account, key_id, used_at)
             SELECT account, key_id, 9223372036854775807 FROM keys",
        ),
        plain(
            "a use of no key",
            KeyUse,
            "INSERT INTO key_uses (account, key_id, used_at)
             SELECT account, 'plk_zzcdefghijklmnop', 1000 FROM accounts",
        ),
        plain(
            "a missing token secret",
            Secret,
            "DELETE FROM secrets WHERE name = 'token_secret'",
        ),
        plain(
            "a secret of nobody",
            Secret,
            "INSERT INTO secrets (name, version, wrapped)
             SELECT 'key/foo', 1, wrapped FROM secrets LIMIT 1",
        ),
        plain(
            "a count of no account",
            Count,
            "INSERT INTO image_counts (account, images) VALUES ('x', 0)",
        ),
    ]
}

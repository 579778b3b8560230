//! Statements that both databases understand, each defined once. `$1` is the first parameter.

/// Inserts a new account.
pub(crate) const OPEN_ACCOUNT: &str = "
    INSERT INTO accounts (account, name, image_limit, created_at)
    VALUES ($1, $2, $3, $4)";

/// Sets the maximum number of an account's enabled images.
pub(crate) const SET_IMAGE_LIMIT: &str = "UPDATE accounts SET image_limit = $2 WHERE account = $1";

/// Renames an account.
pub(crate) const RENAME_ACCOUNT: &str = "UPDATE accounts SET name = $2 WHERE account = $1";

/// Sets whether an account's keys and links are accepted, and the reason.
pub(crate) const SET_STATUS: &str =
    "UPDATE accounts SET status = $2, reason = $3 WHERE account = $1";

/// Inserts a new key.
pub(crate) const ISSUE_KEY: &str = "
    INSERT INTO keys (key_id, account, signing_key_logged, scopes, expires_at)
    VALUES ($1, $2, $3, $4, $5)";

/// The account of an image's claim.
pub(crate) const CLAIMANT: &str = "SELECT account FROM claims WHERE image = $1";

/// The enabled image of an account that holds these bytes.
pub(crate) const CONTENT_HOLDER: &str =
    "SELECT image FROM claims WHERE account = $1 AND digest = $2";

/// The columns of `column::key_use`.
pub(crate) const KEY_USES: &str = "SELECT key_id, used_at FROM key_uses WHERE account = $1";

/// The newest position; 0 when the log is empty.
pub(crate) const LOG_HEAD: &str = "SELECT coalesce(max(global_position), 0) FROM event_log";

/// The columns of `column::clear_verifiers_of`, for the migration that wraps them.
pub(crate) const CLEAR_VERIFIERS: &str = "SELECT key_id, secret_sha256, signing_sha1 FROM keys";

/// The sequence up to which the image view shows an image.
pub(crate) const SHOWN_SEQUENCE: &str = "SELECT sequence FROM image_view WHERE image = $1";

/// Makes a projection start over.
pub(crate) const FORGET_CHECKPOINT: &str = "DELETE FROM checkpoints WHERE projection = $1";

/// The number of rows of a view that is being built.
pub(crate) const REBUILT_ROWS: &str = "SELECT count(*) FROM image_view_rebuilt";

/// Ends every token family.
pub(crate) const END_ALL_FAMILIES: &str = "DELETE FROM token_families";

/// Reads one secret.
pub(crate) const SECRET: &str = "SELECT name, version, wrapped FROM secrets WHERE name = $1";

/// Rewraps a secret under another master key.
pub(crate) const WRAP_SECRET_AGAIN: &str = "UPDATE secrets SET wrapped = $2 WHERE name = $1";

/// Changes a value of the installation.
pub(crate) const SET_INSTALLATION_VALUE: &str =
    "UPDATE installation SET value = $2 WHERE name = $1";

/// Reads a value of the installation.
pub(crate) const INSTALLATION_VALUE: &str = "SELECT value FROM installation WHERE name = $1";

/// Adds a value of the installation, unless it exists.
pub(crate) const NEW_INSTALLATION_VALUE: &str =
    "INSERT INTO installation (name, value) VALUES ($1, $2)";

/// Reads every secret.
pub(crate) const ALL_SECRETS: &str = "SELECT name, version, wrapped FROM secrets ORDER BY name";

/// Ends one token family of a key.
pub(crate) const END_FAMILY: &str = "DELETE FROM token_families WHERE family = $1 AND key_id = $2";

/// The sequence of the stream of `account`, read from the end of an index.
macro_rules! account_sequence {
    () => {
        "(SELECT coalesce(max(sequence), 0) FROM events
          WHERE aggregate_type = 'Account' AND aggregate_id = account)"
    };
}
pub(crate) use account_sequence;

/// The columns that `column::key_record` reads.
pub(crate) const KEYS: &str = concat!(
    "SELECT key_id, account, signing_key_logged, scopes, wrapped, expires_at, status, reason, ",
    account_sequence!(),
    " FROM keys JOIN accounts USING (account)
      LEFT JOIN secrets ON secrets.name = 'key/' || keys.key_id"
);

/// The columns that `column::account_record` reads.
pub(crate) const ACCOUNTS: &str = "
    SELECT account, accounts.name, image_limit, status, reason, created_at, coalesce(images, 0)
    FROM accounts LEFT JOIN image_counts USING (account) ORDER BY created_at, account";

/// A condition on the image view: whether an image may be seen by its public link.
pub(crate) const IS_PUBLIC: &str = "NOT EXISTS
    (SELECT 1 FROM accounts WHERE account = image_view.account AND status = 'closed')";

/// Stores a secret; `$4` is whether it replaces an existing one.
pub(crate) const PUT_SECRET: &str = "
    INSERT INTO secrets AS kept (name, version, wrapped) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE
    SET version = kept.version + 1, wrapped = excluded.wrapped WHERE $4";

/// The image that a public link shows, unless its account is closed.
pub(crate) const PUBLIC_IMAGE: &str = "
    SELECT image, sequence, created_position, state FROM image_view
    WHERE public_id = $1 AND NOT EXISTS
      (SELECT 1 FROM accounts WHERE account = image_view.account AND status = 'closed')";

//! `photolog key …`

use std::str::FromStr;

use anyhow::Context;
use clap::Subcommand;
use photolog_domain::{
    Account, AccountCommand, AccountError, AccountId, IssuedKey, KeyId, Name, Scope, Timestamp,
    Word,
};
use photolog_store::{Conditions, Store};
use serde_json::json;

use crate::cli::new_key::print_new_key;
use crate::cli::table::{ListFormat, NOTHING, ResultFormat, Table, print_json};
use crate::output::print;
use photolog_api::auth::secret::{new_key, random};
use photolog_api::clock::now;
use photolog_api::operator::Operator;
use photolog_api::operator_commands::{execute_on_account, issue_key};

/// What to do with access keys.
#[derive(Debug, Subcommand)]
pub enum KeyAction {
    /// Issue a key, which is shown only once
    Issue {
        /// The account
        account: AccountId,
        /// The key's name, shown in histories: 1 to 200 characters
        #[arg(long)]
        name: Option<Name>,
        /// The key's owner: 1 to 200 characters
        #[arg(long)]
        owner: Option<Name>,
        /// When it expires: 2027-01-31 (the start of that day, UTC), 2027-01-31T18:00:00Z, or after
        /// a duration such as 90days or 12h [default: never]
        #[arg(long, value_name = "DATE|DURATION")]
        expires: Option<Expiry>,
        /// What the key may do: images.read, images.write, history.read
        #[arg(
            long,
            value_delimiter = ',',
            default_value = "images.read,images.write,history.read"
        )]
        scopes: Vec<Scope>,
        /// The format of the result
        #[arg(long, value_enum, default_value_t)]
        format: ResultFormat,
    },
    /// List an account's keys, including those that no longer work
    List {
        /// The account
        account: AccountId,
        /// The format of the list
        #[arg(long, value_enum, default_value_t)]
        format: ListFormat,
    },
    /// Revoke every access and refresh token at once, on all nodes; clients log in again with their
    /// keys
    RotateTokenSecret,
    /// Revoke a key: it and its tokens stop working at once
    Revoke {
        /// The account
        account: AccountId,
        /// The key
        key: KeyId,
    },
}

/// When a key expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// At this moment.
    At(Timestamp),
    /// This many milliseconds after it is issued.
    After(i64),
}

impl FromStr for Expiry {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(moment) = text.parse() {
            return Ok(Self::At(moment));
        }
        if let Ok(day) = format!("{text}T00:00:00Z").parse() {
            return Ok(Self::At(day));
        }
        let duration = humantime::parse_duration(text).map_err(|_| {
            "must be a date (2027-01-31), a time (2027-01-31T18:00:00Z) or a duration (90days, 12h)"
        })?;
        let millis = i64::try_from(duration.as_millis()).map_err(|_| "is too long")?;
        Ok(Self::After(millis))
    }
}

impl Expiry {
    /// The expiry of a key that is issued now; `None` beyond the year 9999.
    fn moment(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(moment) => Some(moment),
            Self::After(millis) => {
                Timestamp::from_unix_millis(now.unix_millis().checked_add(millis)?)
            }
        }
    }
}

impl KeyAction {
    /// Runs the action.
    ///
    /// # Errors
    /// When the account or key does not exist, the account's rules refuse the command, or the
    /// database fails.
    pub async fn run(self, store: &Store, operator: &Operator) -> anyhow::Result<()> {
        match self {
            Self::Issue {
                account,
                name,
                owner,
                expires,
                scopes,
                format,
            } => {
                let mut new = new_key(scopes)?;
                let end = expires.map(|expiry| {
                    let moment = expiry.moment(now());
                    moment.context("--expires is beyond the year 9999")
                });
                new.key.expires_at = end.transpose()?;
                new.key.name = name;
                new.key.owner = owner;
                issue_key(store, operator, account, &new).await?;
                let lines = match format {
                    ResultFormat::Text => {
                        format!("key id  {}\nsecret  {}", new.key_id, new.secret)
                    }
                    ResultFormat::Json => serde_json::to_string_pretty(&json!({
                        "account": account,
                        "key": new.key_id,
                        "secret": new.secret,
                        "name": new.key.name,
                        "owner": new.key.owner,
                        "scopes": new.key.scopes,
                        "expiresAt": new.key.expires_at,
                    }))?,
                };
                print_new_key(store, operator, account, &new, lines).await?;
            }
            Self::List { account, format } => list(store, account, format).await?,
            Self::RotateTokenSecret => {
                let rotated = store.rotate_token_secret(random()?).await?;
                print(format_args!(
                    "every token has ended: the token secret has version {} now",
                    rotated.version
                ));
            }
            Self::Revoke { account, key } => {
                let revoke = AccountCommand::RevokeKey { key_id: key };
                execute_on_account(store, operator, account, revoke, Conditions::default()).await?;
            }
        }
        Ok(())
    }
}

async fn list(store: &Store, account: AccountId, format: ListFormat) -> anyhow::Result<()> {
    let loaded = store.load::<Account>(account.uuid()).await?;
    let state = loaded.aggregate.state().ok_or(AccountError::NotFound)?;
    let uses = store.key_uses(account).await?;
    let mut keys: Vec<(&KeyId, &IssuedKey)> = state.keys.iter().collect();
    keys.sort_by_key(|(_, issued)| issued.issued_at);
    let now = now();
    if format == ListFormat::Json {
        let keys = keys.into_iter().map(|(key_id, issued)| {
            json!({
                "key": key_id,
                "name": issued.key.name,
                "owner": issued.key.owner,
                "state": state.key_state(issued, now).as_str(),
                "signsRequests": issued.key.logged_verifiers.is_none(),
                "scopes": issued.key.scopes,
                "createdAt": issued.issued_at,
                "expiresAt": issued.key.expires_at,
                "revokedAt": issued.revoked_at,
                "lastUsedAt": uses.get(key_id),
            })
        });
        return print_json(&keys.collect::<Vec<_>>());
    }
    let mut table = Table::new([
        "KEY",
        "STATE",
        "NAME",
        "OWNER",
        "CREATED",
        "EXPIRES",
        "LAST USED",
        "SCOPES",
    ]);
    for (key_id, issued) in keys {
        let key = &issued.key;
        let scopes: Vec<_> = key.scopes.iter().map(Word::to_string).collect();
        let scopes = scopes.join(",");
        let note = match key.logged_verifiers {
            None => "",
            Some(_) => "  (not for signed requests: reissue it)",
        };
        table.push([
            key_id.to_string(),
            state.key_state(issued, now).as_str().to_owned(),
            or_nothing(key.name.as_ref()),
            or_nothing(key.owner.as_ref()),
            issued.issued_at.to_string(),
            or_nothing(key.expires_at.as_ref()),
            or_nothing(uses.get(key_id)),
            format!("{scopes}{note}"),
        ]);
    }
    table.print();
    Ok(())
}

fn or_nothing(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_date_a_time_or_a_duration() {
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        let end = |text: &str| text.parse::<Expiry>().unwrap().moment(now).unwrap();
        for (text, expected) in [
            ("2027-01-31", "2027-01-31T00:00:00.000Z"),
            ("2027-01-31T18:00:00+02:00", "2027-01-31T16:00:00.000Z"),
            ("90days", "2027-02-25T12:00:00.000Z"),
            ("90d", "2027-02-25T12:00:00.000Z"),
            ("1h 30m", "2026-11-27T13:30:00.000Z"),
        ] {
            assert_eq!(end(text).to_string(), expected, "{text}");
        }
        for refused in ["", "soon", "90", "2027-13-01", "-1d", "31.01.2027"] {
            assert!(refused.parse::<Expiry>().is_err(), "{refused}");
        }
        let never = "8000years".parse::<Expiry>().unwrap();
        assert_eq!(never.moment(now), None);
    }
}

//! Compares accounts, keys with their secrets, claims and counts with the fold of all events,
//! including those without a position yet: these tables change in the event's own transaction.

use std::collections::BTreeMap;

use photolog_domain::{AccountId, AccountState, Key, KeyId};
use photolog_store::{Columns, KeptSecret, Snapshot, StoreError, Table, derived};

use super::finding::{Finding, Kind};
use super::log::Log;

/// The advice for a table that changes with the log.
const ADVICE: &str = "restore a backup, which rebuilds it from the log";

/// The expected rows of a table, by key.
type Rows = BTreeMap<String, Columns>;

/// Compares every column of every row.
pub(super) async fn compare(
    snapshot: &mut Snapshot,
    log: &Log,
    secrets: &[KeptSecret],
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let (mut accounts, mut keys, mut claims) = (Rows::new(), Rows::new(), Rows::new());
    for (account, state) in known_accounts(log) {
        accounts.insert(account.to_string(), derived::account(account, state));
        for (key_id, key) in not_revoked(state) {
            keys.insert(key_id.to_string(), derived::key(account, key_id, key));
        }
    }
    let mut images: BTreeMap<AccountId, u64> = BTreeMap::new();
    for (image, fold) in &log.images {
        if let Some(state) = fold.state().filter(|state| state.disabled_at.is_none()) {
            *images.entry(state.account).or_default() += 1;
            if log.knows(&image.to_string()) && log.knows(&state.account.to_string()) {
                let claim = derived::claim(*image, state.account, &state.content.digest);
                claims.insert(image.to_string(), claim);
            }
        }
    }
    let count = |(account, images): (AccountId, u64)| {
        (account.to_string(), derived::image_count(account, images))
    };
    let counts = images.into_iter().map(count);
    let counts = counts.filter(|(account, _)| log.counts(account)).collect();

    for (table, kind, key, expected) in [
        (Table::Accounts, Kind::Account, "account", accounts),
        (Table::Keys, Kind::Key, "key_id", keys),
        (Table::Claims, Kind::Claim, "image", claims),
        (Table::ImageCounts, Kind::Count, "account", counts),
    ] {
        compare_rows(snapshot, log, table, kind, key, expected, findings).await?;
    }
    compare_secrets(secrets, log, findings);
    Ok(())
}

/// The accounts for which everything derived from their events is known.
fn known_accounts(log: &Log) -> impl Iterator<Item = (AccountId, &AccountState)> {
    let accounts = log.accounts();
    accounts.filter(|(account, _)| log.knows(&account.to_string()))
}

/// The keys that should have a record and a secret.
pub(super) fn not_revoked(state: &AccountState) -> impl Iterator<Item = (&KeyId, &Key)> {
    let issued = state.keys.iter();
    issued.filter_map(|(id, issued)| issued.revoked_at.is_none().then_some((id, &issued.key)))
}

async fn compare_rows(
    snapshot: &mut Snapshot,
    log: &Log,
    table: Table,
    kind: Kind,
    key: &str,
    mut expected: Rows,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let see = |row: Columns| {
        let text = |column: &str| row.get(column).and_then(|value| value.as_str());
        let subject = text(key).unwrap_or_default().to_owned();
        let account = text("account").unwrap_or_default();
        let is_known = log.knows(&subject)
            && log.knows(account)
            && (kind != Kind::Count || log.counts(account));
        let expected = expected.remove(&subject);
        // An account that ever had images keeps its row.
        let is_empty =
            kind == Kind::Count && row.get("images") == Some(&0.into()) && log.had_images(&subject);
        if is_known && !(is_empty && expected.is_none()) {
            let expected = expected.as_ref();
            findings.extend(Finding::of_row(kind, subject, expected, Some(&row), ADVICE));
        }
    };
    snapshot.each_row(table, see).await?;
    for (subject, row) in expected {
        findings.extend(Finding::of_row(kind, subject, Some(&row), None, ADVICE));
    }
    Ok(())
}

/// Checks that each key has the verifiers that its event requires, and that every secret opens.
fn compare_secrets(secrets: &[KeptSecret], log: &Log, findings: &mut Vec<Finding>) {
    let mut keys: BTreeMap<&KeyId, _> = BTreeMap::new();
    for (_, state) in known_accounts(log) {
        keys.extend(not_revoked(state));
    }
    let knows_all_keys = log.knows_all_keys();
    for secret in secrets {
        let name = &secret.name;
        let is_unknown = |key_id: KeyId| !keys.contains_key(&key_id);
        if !knows_all_keys && secret.key_id().is_some_and(is_unknown) {
            continue;
        }
        if !secret.opens || secret.version < 1 {
            let sentence = match secret.key_id() {
                _ if secret.signs_tokens() => {
                    "the secret that signs tokens was changed: run `photolog key \
                     rotate-token-secret`; clients log in again"
                        .to_owned()
                }
                Some(key_id) if keys.contains_key(&key_id) => {
                    format!("the secret {name} was changed: revoke its key and issue another")
                }
                _ => format!("no key uses the secret {name}: delete its row from `secrets`"),
            };
            findings.push(Finding::new(Kind::Secret, name, sentence));
        }
        match &secret.verifiers {
            Some((key_id, verifiers)) => match keys.remove(key_id) {
                Some(key) if key.verifier_hashes == verifiers.hashes() => {}
                Some(_) => {
                    let sentence = format!(
                        "the secret of key {key_id} is another one than it was issued with: revoke \
                         the key and issue another"
                    );
                    findings.push(Finding::new(Kind::Secret, name, sentence));
                }
                None => {
                    let sentence = format!(
                        "there is a secret for key {key_id}, which does not work: delete its row \
                         from `secrets`"
                    );
                    findings.push(Finding::new(Kind::Secret, name, sentence));
                }
            },
            None if secret.signs_tokens() => {}
            None => {
                if let Some(key_id) = secret.key_id() {
                    keys.remove(&key_id);
                }
                if secret.opens {
                    let sentence =
                        format!("no key uses the secret {name}: delete its row from `secrets`");
                    findings.push(Finding::new(Kind::Secret, name, sentence));
                }
            }
        }
    }
    for key_id in keys.into_keys() {
        let sentence = format!(
            "key {key_id} has lost its verifiers and is answered 401: revoke it and issue another"
        );
        findings.push(Finding::new(
            Kind::Secret,
            format!("key/{key_id}"),
            sentence,
        ));
    }
}

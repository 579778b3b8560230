//! Checks the tables not derived from events: checkpoints, idempotency keys, token families, uses of
//! keys. Their values must be possible.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use photolog_domain::{AccountId, ContentHash, ImageId};
use photolog_store::{Columns, KeptSecret, Position, Snapshot, StoreError, Table};
use uuid::Uuid;

use super::finding::{Finding, Kind};
use super::log::Log;
use crate::image_view::ImageView;

/// The checkpoint of the image view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) version: u32,
    pub(super) position: Position,
}

impl Checkpoint {
    /// Whether this program can compare the view.
    pub(super) fn is_known(self) -> bool {
        self.version == ImageView::VERSION || self.position == 0
    }
}

/// Reads the image view's checkpoint, and checks that no follower is beyond `head`.
pub(super) async fn checkpoints(
    snapshot: &mut Snapshot,
    head: Position,
    findings: &mut Vec<Finding>,
) -> Result<Checkpoint, StoreError> {
    let mut view = Checkpoint::default();
    let mut names = BTreeSet::new();
    let see = |row: Columns| {
        let (name, position) = (text(&row, "projection"), number(&row, "position"));
        let version = number(&row, "version");
        if name == ImageView::NAME {
            view = Checkpoint {
                version: u32::try_from(version).unwrap_or_default(),
                position: position.clamp(0, head),
            };
        }
        let is_second = !names.insert(name.to_owned());
        let is_possible = (0..=head).contains(&position) && number(&row, "mark") >= 0;
        if is_second || !is_possible || version < 1 {
            let advice = match name {
                ImageView::NAME => "run `photolog rebuild`",
                _ => "delete its row, and it starts over",
            };
            let sentence =
                format!("the checkpoint of {name} cannot be: the log ends at {head}. {advice}");
            let finding = Finding::new(Kind::Checkpoint, name, sentence);
            findings.push(finding.found(format!("position {position}, version {version}")));
        }
    };
    snapshot.each_row(Table::Checkpoints, see).await?;
    if !view.is_known() {
        let sentence = format!(
            "the image view has version {}, and this program knows {}, so it was not compared: use \
             the program that made it, or run `photolog rebuild`",
            view.version,
            ImageView::VERSION
        );
        findings.push(Finding::new(Kind::Checkpoint, ImageView::NAME, sentence));
    }
    Ok(view)
}

/// Checks that idempotency keys, token families and uses of keys refer to existing things and past
/// times.
pub(super) async fn requests(
    snapshot: &mut Snapshot,
    log: &Log,
    secrets: &[KeptSecret],
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let see = |row: Columns| {
        let image: Option<ImageId> = text(&row, "image").parse().ok();
        let state = image.and_then(|image| log.images.get(&image)?.state());
        let sequence = number(&row, "sequence").unsigned_abs();
        let is_possible = state.is_some_and(|state| {
            state.account.to_string() == text(&row, "account")
                && (1..=log.sequence(text(&row, "image"))).contains(&sequence)
                && text(&row, "fingerprint").parse::<ContentHash>().is_ok()
                && has_been(&row, "created_at")
        });
        if !is_possible && log.knows(text(&row, "image")) {
            let key = text(&row, "key");
            let sentence = format!(
                "the idempotency key {key:?} leads to what its account does not have: delete its \
                 row from `idempotency_keys`"
            );
            findings.push(Finding::new(Kind::IdempotencyKey, key, sentence));
        }
    };
    snapshot.each_row(Table::IdempotencyKeys, see).await?;

    let mut keys: BTreeMap<&str, AccountId> = BTreeMap::new();
    for (account, state) in log.accounts() {
        keys.extend(state.keys.keys().map(|key_id| (key_id.as_str(), account)));
    }
    let knows_all_keys = log.knows_all_keys();
    let mut log_ins = 0;
    let see = |row: Columns| {
        log_ins += 1;
        let key_id = text(&row, "key_id");
        let is_possible = (keys.contains_key(key_id) || !knows_all_keys)
            && text(&row, "family").parse::<Uuid>().is_ok()
            && has_been(&row, "began_at")
            && has_been(&row, "refreshed_at")
            && number(&row, "began_at") <= number(&row, "expires_at")
            && number(&row, "refresh_number") >= 0;
        if !is_possible {
            let family = text(&row, "family");
            let sentence = format!(
                "the log-in {family} cannot have been, or is of no key that there ever was: delete \
                 its row from `token_families`"
            );
            findings.push(Finding::new(Kind::TokenFamily, family, sentence));
        }
    };
    snapshot.each_row(Table::TokenFamilies, see).await?;
    if log_ins > 0 && !secrets.iter().any(KeptSecret::signs_tokens) {
        let sentence = "there are log-ins, and the secret that signs their tokens is missing: run \
            `photolog key rotate-token-secret`; clients log in again";
        findings.push(Finding::new(Kind::Secret, "token_secret", sentence));
    }

    let see = |row: Columns| {
        let (key_id, account) = (text(&row, "key_id"), text(&row, "account"));
        let owner = keys.get(key_id).map(AccountId::to_string);
        let is_known = owner.as_deref() == Some(account) || !log.knows(account);
        if !is_known || !has_been(&row, "used_at") {
            let sentence = format!(
                "the last use of key {key_id} cannot have been: delete its row from `key_uses`"
            );
            findings.push(Finding::new(Kind::KeyUse, key_id, sentence));
        }
    };
    snapshot.each_row(Table::KeyUses, see).await
}

/// Whether a time is in the past, or only a little ahead of this machine's clock.
fn has_been(row: &Columns, column: &str) -> bool {
    const DAY: i64 = 24 * 60 * 60 * 1_000;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| {
        i64::try_from(now.as_millis()).unwrap_or(i64::MAX - DAY)
    });
    (1..now + DAY).contains(&number(row, column))
}

fn text<'a>(row: &'a Columns, column: &str) -> &'a str {
    row.get(column)
        .and_then(|value| value.as_str())
        .unwrap_or_default()
}

fn number(row: &Columns, column: &str) -> i64 {
    row.get(column)
        .and_then(|value| value.as_i64())
        .unwrap_or_default()
}

//! The whole log folded in memory, from position 0: what everything derived from it ought to be.

use std::collections::BTreeMap;

use cqrs_es::Aggregate;
use photolog_domain::{Account, AccountId, Digest, Image, ImageId, Key, KeyId};
use photolog_store::chain::{GENESIS, Hash};
use photolog_store::{Claims, LogEntry, Position, Store, StoreError};

use super::Finding;
use crate::image_view::{Fold, image_of};
use crate::named_blobs;

/// Entries in one read.
const BATCH: u32 = 5_000;

/// The fold of the log up to `position`.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) position: Position,
    hash: Hash,
    pub(super) images: BTreeMap<ImageId, Fold>,
    accounts: BTreeMap<AccountId, (Account, u64)>,
    /// Every blob an event names, and where it is named first.
    pub(super) blobs: BTreeMap<Digest, Position>,
}

impl Replay {
    pub(super) fn new() -> Self {
        Self {
            position: 0,
            hash: GENESIS,
            images: BTreeMap::new(),
            accounts: BTreeMap::new(),
            blobs: BTreeMap::new(),
        }
    }

    /// Folds what the log holds beyond `position`.
    pub(super) async fn advance(
        &mut self,
        store: &Store,
        findings: &mut Vec<Finding>,
    ) -> Result<(), StoreError> {
        loop {
            let entries = store
                .read_log_checked(self.position, self.hash, BATCH)
                .await?;
            if entries.is_empty() {
                return Ok(());
            }
            for (entry, intact) in entries {
                let position = entry.position;
                if position != self.position + 1 {
                    let after = self.position;
                    findings.push(Finding::Hole { after, position });
                }
                if !intact {
                    findings.push(Finding::BrokenChain { position });
                }
                (self.position, self.hash) = (position, entry.hash);
                if let Err(error) = self.apply(entry) {
                    let problem = error.to_string();
                    findings.push(Finding::Unreadable { position, problem });
                }
            }
        }
    }

    fn apply(&mut self, entry: LogEntry) -> Result<(), StoreError> {
        if entry.aggregate_type == Image::TYPE {
            let image = image_of(&entry)?;
            let event = entry.event()?;
            for digest in named_blobs::of_event(&event).into_iter().flatten() {
                self.blobs.entry(digest).or_insert(entry.position);
            }
            let fold = self.images.entry(image).or_default();
            return fold.apply(entry.position, entry.sequence, event);
        }
        let account: AccountId = entry
            .aggregate_id
            .parse()
            .map_err(|error| StoreError::Corrupt(format!("{} {error}", entry.aggregate_type)))?;
        let event = entry.event()?;
        let (state, sequence) = self.accounts.entry(account).or_default();
        if entry.sequence != *sequence + 1 {
            return Err(StoreError::Corrupt(format!(
                "sequence {} follows {sequence}",
                entry.sequence
            )));
        }
        state.apply(event);
        *sequence = entry.sequence;
        Ok(())
    }

    /// The keys that ought to work.
    pub(super) fn keys(&self) -> BTreeMap<KeyId, (AccountId, &Key)> {
        let states = self
            .accounts
            .iter()
            .filter_map(|(account, (folded, _))| Some((account, folded.state()?)));
        let mut keys = BTreeMap::new();
        for (account, state) in states {
            for (key_id, key) in &state.keys {
                keys.insert(key_id.clone(), (*account, key));
            }
        }
        keys
    }

    /// The claims that ought to stand: one for each enabled image.
    pub(super) fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        for (image, fold) in &self.images {
            if let Some(state) = fold.state()
                && state.disabled_at.is_none()
            {
                let content = (state.account, state.content.digest);
                claims.holders.insert(content, *image);
                *claims.counts.entry(state.account).or_default() += 1;
            }
        }
        claims
    }
}

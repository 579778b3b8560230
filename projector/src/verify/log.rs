//! Folds the whole log in memory, from its beginning: the expected state of everything derived from
//! it.

use std::collections::{BTreeMap, BTreeSet};

use cqrs_es::Aggregate;
use cqrs_es::persist::SerializedEvent;
use photolog_domain::event::decode;
use photolog_domain::{
    Account, AccountId, AccountState, ContentHash, EventMetadata, ForwardCompatible, Image,
    ImageEvent, ImageId,
};
use photolog_store::{LoggedEvent, Misplaced, Misplacement, Position};

use super::finding::{Finding, Kind};
use crate::image_view::Fold;
use crate::named_blobs;

/// The fold of the log so far.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) images: BTreeMap<ImageId, Fold>,
    accounts: BTreeMap<AccountId, Account>,
    /// Accounts that have had images.
    owners: BTreeSet<AccountId>,
    sequences: BTreeMap<String, u64>,
    /// Streams with an event that cannot be folded: their derived state is unknown.
    broken: BTreeSet<String>,
    /// Streams with an event known only to a newer program, whose table changes are unknown here.
    newer: BTreeSet<String>,
    /// Accounts whose images are among them.
    uncounted: BTreeSet<String>,
    /// Every blob that an event names, with its size if the event contains it.
    pub(super) blobs: BTreeMap<ContentHash, Option<u64>>,
}

impl Log {
    /// Folds an entry of the database's log.
    pub(super) fn take_entry(&mut self, entry: &LoggedEvent, findings: &mut Vec<Finding>) {
        let position = entry.event.position;
        match entry.event.serialized() {
            Ok(event) => {
                self.take(Some(position), &event, findings);
                self.check_account(position, &entry.account, &event, findings);
                if self.newer.contains(&event.aggregate_id) {
                    self.uncounted.insert(entry.account.clone());
                }
            }
            Err(error) => {
                self.unreadable(Some(position), &entry.event.aggregate_id, &error, findings)
            }
        }
    }

    /// Folds an event, with its position if it has one.
    pub(super) fn take(
        &mut self,
        position: Option<Position>,
        event: &SerializedEvent,
        findings: &mut Vec<Finding>,
    ) {
        let stream = &event.aggregate_id;
        if self.broken.contains(stream) {
            return;
        }
        let sequence = self.sequences.entry(stream.clone()).or_default();
        if event.sequence as u64 != *sequence + 1 {
            let problem = format!("sequence {} follows {sequence}", event.sequence);
            return self.unreadable(position, stream, &problem, findings);
        }
        *sequence += 1;
        match self.fold(position.unwrap_or(Position::MAX), event) {
            Ok(true) => {}
            Ok(false) => {
                if self.newer.insert(stream.clone()) {
                    findings.push(of_newer(position, event));
                }
            }
            Err(problem) => self.unreadable(position, stream, &problem, findings),
        }
    }

    /// Folds an event; returns whether it is known to this program.
    fn fold(&mut self, position: Position, event: &SerializedEvent) -> Result<bool, String> {
        let payload = event.payload.clone();
        let unreadable = |problem: &dyn std::fmt::Display| problem.to_string();
        serde_json::from_value::<EventMetadata>(event.metadata.clone())
            .map_err(|error| format!("its metadata: {error}"))?;
        match event.aggregate_type.as_str() {
            Image::TYPE => {
                let image: ImageId = event.aggregate_id.parse().map_err(|e| unreadable(&e))?;
                let fact = decode(&event.event_type, &event.event_version, payload)
                    .map_err(|error| unreadable(&error))?;
                if let Some(fact) = &fact {
                    self.name_blobs(fact);
                }
                if let Some(ImageEvent::Uploaded { account, .. }) = &fact {
                    self.owners.insert(*account);
                }
                let is_known = fact.is_some();
                let fold = self.images.entry(image).or_default();
                fold.apply(position, event.sequence as u64, fact)
                    .map_err(|error| unreadable(&error))?;
                Ok(is_known)
            }
            Account::TYPE => {
                let account: AccountId = event.aggregate_id.parse().map_err(|e| unreadable(&e))?;
                let fact = decode(&event.event_type, &event.event_version, payload)
                    .map_err(|error| unreadable(&error))?;
                let is_known = fact.is_some();
                self.accounts.entry(account).or_default().apply_read(fact);
                Ok(is_known)
            }
            _ => Ok(false),
        }
    }

    fn name_blobs(&mut self, event: &ImageEvent) {
        for digest in named_blobs::of_event(event).into_iter().flatten() {
            self.blobs.entry(digest).or_default();
        }
        if let ImageEvent::Uploaded { content, .. } | ImageEvent::Replaced { content, .. } = event {
            self.blobs.insert(content.digest, Some(content.size_bytes));
        }
    }

    fn unreadable(
        &mut self,
        position: Option<Position>,
        stream: &str,
        problem: &dyn std::fmt::Display,
        findings: &mut Vec<Finding>,
    ) {
        self.broken.insert(stream.to_owned());
        let place = match position {
            Some(position) => format!("position {position}"),
            None => format!("an event of stream {stream} that waits for its place"),
        };
        let sentence = format!(
            "{place} cannot be folded ({problem}): the projection stops before it. Restore a backup \
             from before"
        );
        let subject = position.map_or_else(|| stream.to_owned(), |position| position.to_string());
        findings.push(Finding::new(Kind::Event, subject, sentence).found(problem));
    }

    /// Checks that the log names the right account for a stream.
    fn check_account(
        &self,
        position: Position,
        found: &str,
        event: &SerializedEvent,
        findings: &mut Vec<Finding>,
    ) {
        let image = event.aggregate_id.parse().ok();
        let owner = image.and_then(|image| self.images.get(&image)?.state());
        let expected = match (event.aggregate_type.as_str(), owner) {
            (Account::TYPE, _) => event.aggregate_id.clone(),
            (_, Some(owner)) => owner.account.to_string(),
            (_, None) => return,
        };
        if expected != found {
            let sentence = format!(
                "the log gives the event at position {position} to another account, whose feed \
                 shows it: restore a backup, whose log is made again"
            );
            let finding = Finding::new(Kind::LogAccount, position, sentence);
            findings.push(finding.expected(expected).found(found));
        }
    }

    /// Whether the fold of a stream is known; it skips events known only to a newer program.
    pub(super) fn folds(&self, stream: &str) -> bool {
        !self.broken.contains(stream)
    }

    /// Whether everything derived from a stream is known.
    pub(super) fn knows(&self, stream: &str) -> bool {
        self.folds(stream) && !self.newer.contains(stream)
    }

    /// Whether the number of an account's images is known.
    pub(super) fn counts(&self, account: &str) -> bool {
        self.knows(account) && !self.uncounted.contains(account)
    }

    /// Whether all keys ever issued are known.
    pub(super) fn knows_all_keys(&self) -> bool {
        let mut accounts = self.accounts.keys();
        accounts.all(|account| self.knows(&account.to_string()))
    }

    /// Whether an account has ever had an image.
    pub(super) fn had_images(&self, account: &str) -> bool {
        let account = account.parse();
        account.is_ok_and(|account| self.owners.contains(&account))
    }

    /// The last sequence of a stream.
    pub(super) fn sequence(&self, stream: &str) -> u64 {
        self.sequences.get(stream).copied().unwrap_or_default()
    }

    /// The accounts that exist.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (AccountId, &AccountState)> {
        let states = self.accounts.iter();
        states.filter_map(|(account, folded)| Some((*account, folded.state()?)))
    }
}

/// The finding for a stream's first event known only to a newer program.
fn of_newer(position: Option<Position>, event: &SerializedEvent) -> Finding {
    let SerializedEvent {
        aggregate_id,
        aggregate_type,
        event_type,
        event_version,
        ..
    } = event;
    let consequence = match aggregate_type.as_str() {
        Image::TYPE => "takes no writes, and its public link is 503",
        Account::TYPE => "has its keys refused, and takes no changes",
        _ => "is not used",
    };
    let stream = aggregate_type.to_lowercase();
    let place = match position {
        Some(position) => format!("at position {position} of the log"),
        None => "that waits for its place in the log".to_owned(),
    };
    let sentence = format!(
        "the event {event_type} (version {event_version}) {place} was written by a newer version of \
         Photolog: until this program is upgraded, {stream} {aggregate_id} {consequence}"
    );
    Finding::new(Kind::NewerEvent, aggregate_id, sentence)
}

/// The finding for an event and a log entry that do not match.
pub(super) fn of_misplaced(misplaced: &Misplaced) -> Finding {
    let Misplaced {
        how,
        aggregate_type,
        aggregate_id,
        sequence,
    } = misplaced;
    let event = format!("{aggregate_type} {aggregate_id} sequence {sequence}");
    let sentence = match how {
        Misplacement::NoPlace => format!(
            "the event {event} has no place in the log: another program wrote it, and it is never \
             shown. Find out who did; on SQLite the row may be deleted from `events`"
        ),
        Misplacement::NoEvent => format!(
            "the log has a place for {event}, and there is no such event: restore a backup from \
             before"
        ),
        Misplacement::WaitsWithoutEvent => format!(
            "{event} waits for its place in the log, and there is no such event: delete the row \
             from `unsealed`"
        ),
        Misplacement::WaitsAgain => format!(
            "{event} waits for a place in the log that it has already, and nothing behind it is \
             sequenced: delete the row from `unsealed`"
        ),
    };
    Finding::new(Kind::Place, event, sentence)
}

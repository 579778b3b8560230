//! The newest entries of the log as this process sequenced them, for its own readers: projection,
//! relay and feeds would otherwise read each entry back right after it was written.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Position;
use crate::log_entry::LogRow;

/// Maximum number of entries kept: how far a reader that keeps up may lag.
const KEPT: usize = 256;

/// Consecutive entries without a gap; an entry of the log never changes.
#[derive(Debug, Default)]
pub(super) struct RecentLog(Mutex<VecDeque<LogRow>>);

impl RecentLog {
    /// Drops all entries: another process has led meanwhile, perhaps on a server that took over and
    /// lacks the newest ones.
    pub(super) fn forget(&self) {
        self.kept().clear();
    }

    /// Adds committed entries.
    pub(super) fn extend(&self, rows: Vec<LogRow>) {
        let mut kept = self.kept();
        if let Some((last, first)) = kept.back().zip(rows.first())
            && first.position != last.position + 1
        {
            kept.clear();
        }
        kept.extend(rows);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }

    /// At most `limit` entries after `after`; `None` when the first of them is not cached.
    pub(super) fn after(&self, after: Position, limit: u32) -> Option<Vec<LogRow>> {
        let kept = self.kept();
        let skipped = usize::try_from(after + 1 - kept.front()?.position).ok()?;
        let rows: Vec<_> = kept
            .range(skipped.min(kept.len())..)
            .take(limit as usize)
            .cloned()
            .collect();
        (!rows.is_empty()).then_some(rows)
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<LogRow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::stored_event::StoredEvent;

    fn rows(positions: impl Iterator<Item = Position>) -> Vec<LogRow> {
        positions
            .map(|position| LogRow {
                position,
                hash: [0; 32],
                event: StoredEvent {
                    aggregate_type: "Image".to_owned(),
                    aggregate_id: Uuid::nil().to_string(),
                    sequence: position,
                    event_type: "MetadataSet".to_owned(),
                    event_version: "1".to_owned(),
                    payload: "{}".to_owned(),
                    metadata: "{}".to_owned(),
                },
                account: Uuid::nil().to_string(),
            })
            .collect()
    }

    fn positions(recent: &RecentLog, after: Position, limit: u32) -> Option<Vec<Position>> {
        let rows = recent.after(after, limit)?;
        Some(rows.iter().map(|row| row.position).collect())
    }

    #[test]
    fn it_answers_only_what_it_knows_without_a_gap() {
        let recent = RecentLog::default();
        assert_eq!(positions(&recent, 0, 10), None);
        recent.extend(rows(5..8));
        assert_eq!(positions(&recent, 3, 10), None);
        assert_eq!(positions(&recent, 4, 10), Some(vec![5, 6, 7]));
        assert_eq!(positions(&recent, 5, 1), Some(vec![6]));
        assert_eq!(positions(&recent, 7, 10), None);
        assert_eq!(positions(&recent, 9, 10), None);
        recent.extend(rows(8..9));
        assert_eq!(positions(&recent, 6, 10), Some(vec![7, 8]));
        recent.extend(rows(12..14));
        assert_eq!(positions(&recent, 7, 10), None);
        assert_eq!(positions(&recent, 11, 10), Some(vec![12, 13]));
        recent.forget();
        assert_eq!(positions(&recent, 11, 10), None);
    }

    #[test]
    fn it_keeps_the_newest() {
        let recent = RecentLog::default();
        let newest = 2 * KEPT as Position;
        recent.extend(rows(1..newest + 1));
        assert_eq!(positions(&recent, newest - KEPT as Position - 1, 1), None);
        let all = positions(&recent, newest - KEPT as Position, u32::MAX);
        assert_eq!(all.map(|all| all.len()), Some(KEPT));
    }
}

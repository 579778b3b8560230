//! Compares the image view, including public links, with the fold up to the projection's checkpoint.

use std::collections::BTreeSet;

use photolog_domain::ImageId;
use photolog_store::{Columns, Snapshot, StoreError, Table, derived};

use super::finding::{Finding, Kind};
use super::log::Log;

const ADVICE: &str = "run `photolog rebuild`";

/// Compares every column of every row.
pub(super) async fn compare(
    snapshot: &mut Snapshot,
    log: &Log,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let mut seen: BTreeSet<ImageId> = BTreeSet::new();
    let see = |row: Columns| {
        let subject = row
            .get("image")
            .and_then(|image| image.as_str())
            .unwrap_or_default();
        let image: Option<ImageId> = subject.parse().ok();
        seen.extend(image);
        if log.folds(subject) {
            let expected = image.and_then(|image| expected(log, image));
            let expected = expected.as_ref();
            findings.extend(Finding::of_row(
                Kind::ImageView,
                subject,
                expected,
                Some(&row),
                ADVICE,
            ));
        }
    };
    snapshot.each_row(Table::ImageView, see).await?;
    for image in log.images.keys().filter(|image| !seen.contains(image)) {
        let subject = image.to_string();
        if log.folds(&subject) {
            let expected = expected(log, *image);
            let expected = expected.as_ref();
            findings.extend(Finding::of_row(
                Kind::ImageView,
                subject,
                expected,
                None,
                ADVICE,
            ));
        }
    }
    Ok(())
}

fn expected(log: &Log, image: ImageId) -> Option<Columns> {
    let row = log.images.get(&image)?.clone().into_row(image)?;
    derived::image_view(&row).ok()
}

//! Checks the guards in the database itself: triggers, constraints, rights.

use photolog_store::{GuardFault, Snapshot, StoreError};

use super::finding::{Finding, Kind};

/// Checks that all of them are as the migrations created them.
pub(super) async fn check(
    snapshot: &mut Snapshot,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    findings.extend(snapshot.guard_faults().await?.into_iter().map(of_fault));
    Ok(())
}

fn of_fault(fault: GuardFault) -> Finding {
    let GuardFault {
        subject,
        expected,
        found,
    } = fault;
    let what = match (&expected, &found) {
        (Some(_), None) => "is missing",
        (None, _) => "is not part of the schema",
        (Some(_), Some(_)) => "was changed",
    };
    let sentence = format!(
        "the {subject} {what}: as the owner of the database, put it back as the migrations make it, \
         and find out who changed it"
    );
    Finding {
        expected,
        found,
        ..Finding::new(Kind::Guard, subject, sentence)
    }
}

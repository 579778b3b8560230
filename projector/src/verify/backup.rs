//! Checks a backup's folder: the log is complete, every event folds, every image file exists. Writes
//! nothing.

use std::path::Path;

use photolog_store::{BlobConfig, Blobs, LogTail, MasterKeyFile, StoreError};

use super::chain::{Chain, Head};
use super::finding::{Finding, Kind};
use super::log::Log;
use super::{Checked, Report, VerifyError, blobs};
use crate::archive::BackupReader;

/// Checks a backup; `noted` is a head that its log must contain. Its secrets are opened if
/// `master_key` is the key that wrapped them.
///
/// # Errors
/// When there is no backup, or it cannot be read; damage in it is a [`Finding`].
pub async fn verify_backup(
    folder: &Path,
    noted: Option<Head>,
    master_key: &MasterKeyFile,
) -> Result<Report, VerifyError> {
    let mut findings = Vec::new();
    let mut backup = BackupReader::open(folder).await?;
    let (mut log, mut chain) = (Log::default(), Chain::new(noted));
    let mut events: u64 = 0;
    loop {
        match backup.next_unchecked().await {
            Ok(Some(event)) => {
                chain.follow(&event, &mut findings);
                let position = event.position;
                match event.serialized() {
                    Ok(event) => log.take(Some(position), &event, &mut findings),
                    Err(error) => findings.push(damaged(&error)),
                }
                events += 1;
            }
            Ok(None) => break,
            Err(error) => {
                findings.push(damaged(&error));
                break;
            }
        }
    }
    let head = chain.finish(&mut findings);
    let promised: LogTail = backup.manifest.tail();
    if head != Head::from(promised) {
        let sentence = "the log of the backup is not the one that its manifest promises: make the \
            backup again, or use another one";
        let finding = Finding::new(Kind::Backup, "log.ndjson", sentence);
        findings.push(finding.expected(Head::from(promised)).found(head));
    }
    let mut notes = Vec::new();
    match backup.secrets().await {
        Ok(Some(secrets)) => {
            match secrets.unopened_by(master_key).map_err(StoreError::from)? {
                Some(unopened) => findings.extend(unopened.iter().map(damaged_secret)),
                None => notes.push(
                    "the secrets were not opened, because their master key was not given"
                        .to_owned(),
                ),
            }
            for (_, state) in log.accounts() {
                for key_id in state.keys.keys().filter(|key_id| !secrets.has_key(key_id)) {
                    notes.push(format!(
                        "secrets.json holds no secret of key {key_id}: after a restore it must be \
                         issued again"
                    ));
                }
            }
        }
        Ok(None) => notes.push(
            "the backup holds no secrets: after a restore every key must be issued again"
                .to_owned(),
        ),
        Err(error) => {
            let sentence = "secrets.json cannot be read: after a restore every key must be issued \
                again, so make the backup again";
            let finding = Finding::new(Kind::Backup, "secrets.json", sentence);
            findings.push(finding.found(chained(&error)));
        }
    }
    let path = folder.join("blobs");
    let copies = Blobs::open_to_read(&BlobConfig::Directory { path }).await?;
    blobs::check(&copies, &log.blobs, &mut findings).await?;
    Ok(Report {
        head,
        projection: None,
        checked: Checked {
            events,
            images: log.images.len() as u64,
            accounts: log.accounts().count() as u64,
            keys: log
                .accounts()
                .map(|(_, state)| state.keys.len() as u64)
                .sum(),
            pictures: log.blobs.len() as u64,
            renditions: 0,
        },
        notes,
        findings,
    })
}

fn damaged_secret(name: &String) -> Finding {
    let sentence = format!(
        "secrets.json: the master key does not open the secret {name}. A restore leaves it out; find \
         out with `photolog verify` whether the installation has it, and make the backup again"
    );
    Finding::new(Kind::Secret, name, sentence)
}

fn damaged(error: &dyn std::error::Error) -> Finding {
    let sentence = format!(
        "the log of the backup cannot be read to its end ({}): make the backup again, or use another \
         one",
        chained(error)
    );
    Finding::new(Kind::Backup, "log.ndjson", sentence)
}

/// An error with its causes.
fn chained(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chained(source)),
        None => error.to_string(),
    }
}

//! `photolog verify`

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use photolog_projector::settings::NoInstallation;
use photolog_projector::{Head, Report, VerifyError, verify, verify_backup};
use photolog_store::{Blobs, StoreError};

use crate::installation::Place;
use crate::installation::unusable_blobs;
use crate::output::print;
use photolog_api::picture::{cache_check, cache_directory};

/// What to check, and how to report it.
#[derive(Args, Clone, Debug)]
pub struct VerifyArguments {
    /// Check this backup instead of an installation
    #[arg(long, value_name = "FOLDER", conflicts_with = "deep")]
    backup: Option<PathBuf>,

    /// A head recorded earlier, which the log must still contain
    #[arg(long, value_name = "POSITION:HASH")]
    expect: Option<Head>,

    /// Render every cached rendition again, and compare
    #[arg(long)]
    deep: bool,

    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How the result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Sentences
    Text,
    /// One JSON document
    Json,
}

/// Checks everything, prints what is wrong, and returns whether all is well. Changes nothing; the
/// server may run meanwhile.
///
/// # Errors
/// When the check cannot be completed.
pub async fn run(place: &Place, arguments: &VerifyArguments) -> anyhow::Result<bool> {
    let report = match &arguments.backup {
        Some(folder) => backup(place, folder, arguments.expect).await?,
        None => installation(place, arguments).await?,
    };
    match arguments.format {
        Format::Text => print_text(&report),
        Format::Json => print(serde_json::to_string_pretty(&report)?),
    }
    Ok(report.findings.is_empty())
}

async fn backup(place: &Place, folder: &Path, expect: Option<Head>) -> anyhow::Result<Report> {
    anyhow::ensure!(folder.is_dir(), "there is no folder {}", folder.display());
    let master_key = place.database.master_key(&place.data_dir)?;
    let checked = verify_backup(folder, expect, &master_key).await;
    checked.with_context(|| format!("the backup {} could not be checked", folder.display()))
}

async fn installation(place: &Place, arguments: &VerifyArguments) -> anyhow::Result<Report> {
    let (database, folder) = (&place.database, &place.data_dir);
    let blobs = Blobs::open_to_read(&place.blobs()).await;
    let blobs = blobs.with_context(|| unusable_blobs(place))?;
    let (config, key) = (database.config(folder)?, database.master_key(folder)?);
    let verified = verify(&config, &key, &blobs, arguments.expect).await;
    let mut report = verified.map_err(|error| match error {
        VerifyError::Store(StoreError::NoInstallation(_)) => {
            NoInstallation::at(&config, folder).into()
        }
        VerifyError::Store(error) => database.unusable(error, folder),
        VerifyError::NoPictures => anyhow::Error::from(error).context(unusable_blobs(place)),
        VerifyError::Blob(error) => anyhow::Error::from(error).context(unusable_blobs(place)),
        error => error.into(),
    })?;
    let cache = cache_directory(&place.data_dir);
    let deep = arguments.deep.then_some(&blobs);
    let renditions = cache_check::check(&cache, deep, &mut report.findings).await;
    report.checked.renditions =
        renditions.with_context(|| format!("{} could not be checked", cache.display()))?;
    Ok(report)
}

fn print_text(report: &Report) {
    let checked = &report.checked;
    print(format_args!("head {}", report.head));
    print(format_args!(
        "{} events, {} images, {} accounts, {} keys, {} pictures, {} renditions checked",
        checked.events,
        checked.images,
        checked.accounts,
        checked.keys,
        checked.pictures,
        checked.renditions
    ));
    for note in &report.notes {
        print(format_args!("note: {note}"));
    }
    for finding in &report.findings {
        print(format_args!("wrong: {finding}"));
    }
    match report.findings.len() {
        0 => print("everything is as it should be"),
        1 => print("1 thing is not as it should be"),
        count => print(format_args!("{count} things are not as they should be")),
    }
}

//! `photolog verify`

use anyhow::bail;
use photolog_projector::Projector;
use photolog_projector::settings::RelaySettings;
use tokio::sync::watch;

use crate::cli::{open_blobs, open_store, print};
use crate::config::Config;

/// Checks the log, everything derived from it, and every picture it names. The server may run
/// meanwhile; when it does not, the projection is brought to the end of the log first.
///
/// # Errors
/// When something is not as it should be, or cannot be read.
pub async fn run(config: &Config) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let blobs = open_blobs(config).await?;
    let (stop, stops) = watch::channel(false);
    let projector =
        tokio::spawn(Projector::new(store.clone(), RelaySettings::default()).run(stops));
    let report = photolog_projector::verify(&store, &blobs).await;
    stop.send_replace(true);
    projector.await?;
    store.close().await;
    let report = report?;
    print(format_args!(
        "{} events, {} images, {} pictures checked",
        report.head, report.images, report.blobs
    ));
    for finding in &report.findings {
        print(format_args!("wrong: {finding:?}"));
    }
    match report.findings.len() {
        0 => Ok(()),
        count => bail!("{count} things are not as they should be"),
    }
}

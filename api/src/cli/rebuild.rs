//! `photolog rebuild`

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::output::print;
use crate::config::Place;
use crate::installation::find_store;

/// What can be built anew from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Projection {
    /// Lists and public links.
    ImageView,
}

/// Builds a read model anew beside the one in use, and swaps them. Reads and writes go on.
///
/// # Errors
/// When the database fails, or an event cannot be projected; the one in use stays as it is.
pub async fn run(place: &Place, projection: Projection) -> anyhow::Result<()> {
    let Projection::ImageView = projection;
    let store = find_store(place).await?;
    let bar = ProgressBar::new(0);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} events, {per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    photolog_projector::rebuild(&store, |progress| {
        bar.set_length(progress.head.unsigned_abs());
        bar.set_position(progress.position.unsigned_abs());
    })
    .await?;
    let events = bar.position();
    bar.finish_and_clear();
    store.close().await;
    print(format_args!("rebuilt from {events} events"));
    Ok(())
}

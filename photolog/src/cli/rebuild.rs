//! `photolog rebuild`

use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use photolog_projector::{Projection, RebuildProgress, Rebuilt, projections};
use photolog_store::Store;

use crate::installation::Place;
use crate::installation::find_store;
use crate::output::print;

/// The names of the read models that can be rebuilt from the log.
pub fn names() -> Vec<&'static str> {
    let projections = projections();
    let names = projections.iter().map(|projection| projection.name());
    names.collect()
}

/// Rebuilds the named read model, or all of them if no name is given. Reads and writes continue
/// meanwhile.
///
/// # Errors
/// When the database fails, or an event cannot be projected; the read model in use is then
/// unchanged.
pub async fn run(place: &Place, name: Option<&str>) -> anyhow::Result<()> {
    let store = find_store(place).await?;
    for projection in projections() {
        if name.is_none_or(|name| name == projection.name()) {
            rebuild(&store, &projection).await?;
        }
    }
    store.close().await;
    Ok(())
}

async fn rebuild(store: &Store, projection: &Arc<dyn Projection>) -> anyhow::Result<()> {
    let bar = ProgressBar::new(0);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} events, {per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    let mut report = |progress: RebuildProgress| {
        bar.set_length(progress.head.unsigned_abs());
        bar.set_position(progress.position.unsigned_abs());
    };
    let rebuilt = projection.rebuild(store, &mut report).await?;
    let events = bar.position();
    bar.finish_and_clear();
    let name = projection.name();
    match rebuilt {
        Rebuilt::InUse => print(format_args!("{name}: rebuilt from {events} events")),
        Rebuilt::Begun => print(format_args!(
            "{name}: the projector that leads fills it from the first event on"
        )),
    }
    Ok(())
}

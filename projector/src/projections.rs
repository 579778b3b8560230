//! Every projection that runs, one line each: the list for the projector, readiness, metrics and
//! `photolog rebuild`.

use std::sync::Arc;

use crate::image_view::ImageView;
use crate::projection::Projection;

/// All projections, not started.
pub fn projections() -> Vec<Arc<dyn Projection>> {
    vec![Arc::new(ImageView::default())]
}

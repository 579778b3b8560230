//! Every projection that runs, one line each. The projector, readiness, metrics and `photolog rebuild`
//! know them from here.

use std::sync::Arc;

use crate::image_view::ImageView;
use crate::projection::Projection;

/// All projections, at rest.
pub fn projections() -> Vec<Arc<dyn Projection>> {
    vec![Arc::new(ImageView::default())]
}

//! Metadata writes per second over HTTP with PostgreSQL, against `pgbench` on the same server.

use photolog_tests::TestApp;
use photolog_tests::figure::{Figure, Target, median};
use photolog_tests::pgbench::transactions_per_second;
use photolog_tests::postgres::Cluster;

use crate::pictures::photograph;
use crate::wrk::writes_per_second;

const ROUNDS: usize = 3;
const IMAGES: u32 = 128;

pub(crate) async fn measure() -> Vec<Figure> {
    let cluster = Cluster::start_durable();
    let url = cluster.new_database().await;
    let app = TestApp::with([("PHOTOLOG_DATABASE_URL", &url)]).await;
    let mut images = Vec::new();
    for seed in 0..IMAGES {
        let image = app.uploaded(photograph(seed)).await;
        images.push(image["imageID"].as_str().expect("imageID").to_owned());
    }
    let mut figures = Vec::new();
    for (name, clients, target) in [
        (
            "PostgreSQL: metadata PUT, 1 client : pgbench",
            1,
            Target::None,
        ),
        (
            "PostgreSQL: metadata PUT, 8 clients : pgbench",
            8,
            Target::AtLeast(0.6),
        ),
        (
            "PostgreSQL: metadata PUT, 32 clients : pgbench",
            32,
            Target::None,
        ),
    ] {
        let (mut measured, mut limit) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            measured.push(writes_per_second(&app, &images, clients));
            limit.push(transactions_per_second(&cluster, clients).await);
        }
        figures.push(Figure {
            name,
            unit: "writes/s",
            measured: median(measured),
            limit: median(limit),
            target,
        });
    }
    figures
}

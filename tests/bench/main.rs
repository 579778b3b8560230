//! What the release build does in a second, against the bare limit measured in the same run.
//!
//! `cargo xtask bench` builds the program and starts this; `cargo xtask bench edge` uses it to
//! measure the edge instead. The figures are ratios: they mean the same on a slow machine and on a
//! fast one, and compare what ran minutes apart on the same disk.

#![expect(clippy::print_stdout, reason = "the figures belong on standard output")]

mod delivery;
mod foreign_snapshot;
mod http;
mod metadata_writes;
mod pictures;
mod postgres_writes;
mod projections;
mod public_reads;
mod seed;
mod upload_memory;
mod warm_edge;
mod wrk;

use photolog_tests::figure::{Figure, table};

const UPLOADERS: u8 = 32;

#[tokio::main]
async fn main() {
    // cargo adds `--bench` to the arguments.
    let name = std::env::args().skip(1).find(|name| !name.starts_with('-'));
    let figures = match name.as_deref() {
        Some("edge") => {
            println!("== the edge");
            warm_edge::measure().await
        }
        Some("service") | None => service(|_| true).await,
        Some(name) => service(|part| part == name).await,
    };
    println!("\n{}", table(&figures));
}

/// Measures the selected parts of the service.
async fn service(is_wanted: impl Fn(&str) -> bool) -> Vec<Figure> {
    let mut figures = Vec::new();
    if is_wanted("writes") {
        println!("== metadata writes");
        figures.push(metadata_writes::measure().await);
    }
    if is_wanted("postgres") {
        println!("== metadata writes on PostgreSQL");
        figures.extend(postgres_writes::measure().await);
    }
    if is_wanted("snapshot") {
        println!("== metadata writes beside a dump");
        figures.push(foreign_snapshot::measure().await);
    }
    if is_wanted("projections") {
        println!("== read models at a million events");
        figures.extend(projections::measure().await);
    }
    if is_wanted("delivery") {
        println!("== the way to subscribers");
        figures.extend(delivery::measure().await);
    }
    if is_wanted("http") {
        println!("== reads of one metadata key");
        figures.push(http::measure().await);
    }
    if is_wanted("public") {
        println!("== public reads");
        figures.push(public_reads::measure().await);
    }
    if is_wanted("memory") {
        println!("== memory of uploads");
        let name = "peak memory, 32 JPEGs of 16 MiB and 48 MP at once";
        figures.push(upload_memory::measure(name, pictures::large_jpegs(UPLOADERS)).await);
        let name = "peak memory, 32 PNGs of 16 MiB at once";
        figures.push(upload_memory::measure(name, pictures::large_pngs(UPLOADERS)).await);
    }
    figures
}

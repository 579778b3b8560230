//! What the release program does in a second, against the bare limit measured in the same run.
//!
//! `cargo xtask bench` builds the program and starts this; `cargo xtask bench edge` has it measure
//! the edge instead. The figures are ratios: they mean the same on a slow machine and on a fast
//! one, and compare what ran minutes apart on the same disk.

#![expect(clippy::print_stdout, reason = "the figures belong on standard output")]

mod figure;
mod metadata_writes;
mod pictures;
mod postgres_writes;
mod public_reads;
mod upload_memory;
mod warm_edge;

const UPLOADERS: u8 = 32;

#[tokio::main]
async fn main() {
    let figures = if std::env::args().any(|argument| argument == "edge") {
        println!("== the edge");
        warm_edge::measure().await
    } else {
        service().await
    };
    println!("\n{}", figure::table(&figures));
}

async fn service() -> Vec<figure::Figure> {
    println!("== metadata writes");
    let writes = metadata_writes::measure().await;
    println!("== metadata writes on PostgreSQL");
    let scaled = postgres_writes::measure().await;
    println!("== public reads");
    let reads = public_reads::measure().await;
    println!("== memory of uploads");
    let jpegs = upload_memory::measure(
        "peak memory, 32 JPEGs of 16 MiB and 48 MP at once",
        pictures::large_jpegs(UPLOADERS),
    )
    .await;
    let pngs = upload_memory::measure(
        "peak memory, 32 PNGs of 16 MiB at once",
        pictures::large_pngs(UPLOADERS),
    )
    .await;
    let mut figures = vec![writes, reads, jpegs, pngs];
    figures.extend(scaled);
    figures
}

//! Under constant load, something dies again and again; nothing acknowledged is lost, nothing is
//! done twice, and everything derived from the log agrees with it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | the rounds: what dies, and for how long |
//! | [`load`] | clients that write all the time and remember every answer |
//! | [`invariants`] | what must hold when a round is over |

mod invariants;
mod load;

use std::sync::Arc;
use std::time::Duration;

use photolog_tests::nats::Nats;
use photolog_tests::scaled::Scaled;
use sqlx::Executor;

use load::Load;

const WRITERS: u32 = 4;

/// `cargo xtask soak` asks for many.
fn rounds() -> u32 {
    let wanted = std::env::var("PHOTOLOG_SOAK_ROUNDS").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(8)
}

/// What dies in a round.
#[derive(Clone, Copy, Debug)]
enum Fault {
    ApiNode(usize),
    Projector(usize),
    Database,
    DatabaseConnections,
    NatsServer(usize),
    AllNatsServers,
    FullDisk,
    AllProcessesOfOurs,
}

/// One after the other, so that a short run meets each of them.
fn fault_of(round: u32) -> Fault {
    let turn = (round / 8) as usize;
    match round % 8 {
        0 => Fault::Projector(turn % 2),
        1 => Fault::Database,
        2 => Fault::ApiNode(turn % 2),
        3 => Fault::NatsServer(turn % 3),
        4 => Fault::DatabaseConnections,
        5 => Fault::AllNatsServers,
        6 => Fault::FullDisk,
        _ => Fault::AllProcessesOfOurs,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_under_load_nothing_is_lost_or_done_twice() {
    let mut scaled = Scaled::with_nats(Nats::cluster().into()).await;
    let load = Arc::new(Load::default());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(load.clone().write(load::Door::of(&scaled), writer)))
        .collect();
    for round in 0..rounds() {
        // Another moment every round.
        tokio::time::sleep(Duration::from_millis(200 + u64::from(round * 7_919 % 300))).await;
        let fault = fault_of(round);
        strike(&mut scaled, fault, Duration::from_millis(200)).await;
        scaled.wait_until_ready().await;
        load.wait_for_progress().await;
        let paused = load.pause().await;
        let held = invariants::check(&scaled, &load).await;
        eprintln!("round {round}: {fault:?}: {held}");
        drop(paused);
    }
    load.stop();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Kills, waits, and starts again.
async fn strike(scaled: &mut Scaled, fault: Fault, pause: Duration) {
    match fault {
        Fault::ApiNode(number) => {
            scaled.nodes[number].process.kill();
            tokio::time::sleep(pause).await;
            scaled.nodes[number].process.start_again();
        }
        Fault::Projector(number) => {
            scaled.projectors[number].kill();
            tokio::time::sleep(pause).await;
            scaled.projectors[number].start_again();
        }
        Fault::Database => {
            scaled.postgres.stop_at_once();
            tokio::time::sleep(pause).await;
            scaled.postgres.start_again();
        }
        Fault::DatabaseConnections => {
            let mut operator = scaled.postgres.connect("postgres").await;
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE application_name = 'photolog'";
            operator.execute(cut).await.unwrap();
        }
        Fault::NatsServer(number) => {
            scaled.nats[number].kill();
            tokio::time::sleep(pause).await;
            scaled.nats[number].start_again();
        }
        Fault::AllNatsServers => {
            scaled.nats.iter_mut().for_each(Nats::kill);
            tokio::time::sleep(pause).await;
            scaled.nats.iter_mut().for_each(Nats::start_again);
        }
        Fault::FullDisk => {
            scaled.pictures.fill();
            tokio::time::sleep(pause).await;
            scaled.pictures.empty();
        }
        Fault::AllProcessesOfOurs => {
            scaled.nodes.iter_mut().for_each(|node| node.process.kill());
            scaled
                .projectors
                .iter_mut()
                .for_each(|projector| projector.kill());
            tokio::time::sleep(pause).await;
            scaled
                .projectors
                .iter_mut()
                .for_each(|projector| projector.start_again());
            scaled
                .nodes
                .iter_mut()
                .for_each(|node| node.process.start_again());
        }
    }
}

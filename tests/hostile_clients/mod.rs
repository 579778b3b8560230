//! Attacks by one client, or by 32: honest clients of another tenant must not be affected, memory
//! stays below its ceiling, and nothing is left behind.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | the list of attacks; each alone, all of them mixed, and at full size |
//! | [`siege`] | one server under attack, and the outcome |
//! | [`connections`] | connections that do nothing |
//! | [`bodies`] | slow bodies and heads |
//! | [`answers`] | responses that are not read, or are expensive |
//! | [`documents`] | JSON and forms |
//! | [`uploads`] | pictures |
//! | [`protocol`] | strange requests and frames, wrong credentials, unknown links |
//!
//! Deadlines and limits without an attack are tested in `deadlines.rs` and `caps.rs` beside this
//! folder.

mod answers;
mod bodies;
mod connections;
mod documents;
mod protocol;
mod siege;
mod uploads;

use std::time::Duration;

use futures::FutureExt;

use siege::Database::{Postgres, Sqlite};
use siege::Pictures::{Large, Small};
use siege::{Outcome, Pictures, Run, Scale, endure};

/// The pause between two requests of a flooding attacker: here attackers share the processor with
/// the server that they attack, as they would not from another machine.
const FLOOD_PAUSE: Duration = Duration::from_millis(10);

/// In the soak, an attack during which something was slow is repeated, up to this many runs in all.
/// The attack does the same thousands of times, so slowness of its own recurs; a moment in which
/// the kernel or the hypervisor took the processor away does not.
const REPETITIONS: usize = 3;

/// An attack, and what eight seconds of it cost before there was a defence: the peak memory, the
/// 99th percentile of honest reads, and the number of failed honest requests.
struct Attack {
    name: &'static str,
    run: Run,
    pictures: Pictures,
    before: &'static str,
}

macro_rules! attacks {
    ($($test:ident: $run:path, $pictures:ident, $name:literal, $before:literal;)*) => {
        const ATTACKS: &[Attack] = &[$(Attack {
            name: $name,
            run: |attacker| $run(attacker).boxed(),
            pictures: $pictures,
            before: $before,
        }),*];

        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let run: Run = |attacker| $run(attacker).boxed();
                assert_held(&endure($name, &[run], $pictures, Scale::SHORT, Sqlite).await);
            }
        )*
    };
}

attacks! {
    silent_connections: connections::silent, Small, "silent connections", "50 MB, p99 10,004 ms, 10 of 270 failed";
    one_byte: connections::one_byte, Small, "connections that send `P`", "50 MB, p99 10,005 ms, 6 of 36 failed";
    preface_only: connections::preface, Small, "HTTP/2 prefaces alone", "104 MB, p99 10,000 ms, 6 of 378 failed";
    idle_http2: connections::idle_http2, Small, "idle HTTP/2 connections that answer pings", "106 MB, p99 10,001 ms, 9 of 384 failed";
    slow_heads: connections::slow_head, Small, "1,024 heads at a byte a second", "55 MB, p99 44 ms, 0 of 936 failed";
    connection_churn: connections::churn, Small, "connections opened and closed", "36 MB, p99 85 ms, 0 of 726 failed";
    slow_tokens: bodies::tokens, Small, "1,024 slow log-ins", "62 MB, p99 34 ms, 511 of 1050 failed";
    slow_uploads_of_strangers: bodies::uploads_by_strangers, Small, "1,024 slow uploads without credentials", "60 MB, p99 117 ms, 0 of 798 failed";
    slow_uploads: bodies::uploads, Small, "1,024 slow uploads with credentials", "67 MB, p99 145 ms, 24 of 780 failed";
    slow_signed_writes: bodies::signed_by_unknown_key, Small, "1,024 slow writes signed by an unknown key", "61 MB, p99 1,026 ms, 178 of 402 failed";
    slow_streams: bodies::streams, Small, "9 HTTP/2 connections with 120 slow log-ins each", "46 MB, p99 65 ms, 43 of 774 failed";
    large_heads: bodies::streams_with_large_heads, Small, "32 HTTP/2 connections with 128 heads of 56 KB", "170 MB, p99 302 ms, 622 of 774 failed";
    unread_pipelines: answers::unread_pipelines, Large, "60 connections that read none of 20 answers", "738 MB, p99 1,023 ms, 0 of 306 failed";
    unread_answers: answers::unread_answers, Large, "60 connections that read no answer", "1,100 MB, p99 2,849 ms, 0 of 246 failed";
    slow_readers: answers::slow_readers, Large, "60 answers that are read slowly", "not measured";
    unread_exports: answers::unread_exports, Small, "256 exports of a large history that nobody reads", "not measured";
    closed_windows: answers::closed_windows, Large, "32 HTTP/2 connections with 100 answers into closed windows", "2,385 MB, p99 10,026 ms, 7 of 24 failed";
    distinct_sizes: answers::distinct_sizes, Large, "distinct sizes of a noisy picture", "305 MB, p99 481 ms, 0 of 282 failed";
    feeds: answers::feeds, Small, "1,200 feeds of one key", "65 MB, p99 411 ms, 0 of 654 failed";
    unread_feeds: answers::unread_feeds, Small, "256 feeds that nobody reads", "41 MB, p99 188 ms, 0 of 408 failed";
    json: documents::json, Small, "JSON of 60,000 members, deep, duplicate, long", "52 MB, p99 10,038 ms, 15 of 48 failed";
    part_heads: documents::part_heads, Small, "60 unfinished part heads of 15 MiB", "686 MB, p99 658 ms, 0 of 156 failed";
    parts: documents::parts, Small, "forms of 50,000 parts", "39 MB, p99 45 ms, 0 of 948 failed";
    webp_bombs: uploads::webp_of_100_megapixels, Small, "WebP files of 40 bytes and 100 megapixels", "743 MB, p99 254 ms, 4 of 24 failed";
    png_bombs: uploads::png_bombs, Small, "PNG files of 100 megapixels of one shade", "126 MB, p99 185 ms, 4 of 78 failed";
    profile_bombs: uploads::profile_bombs, Small, "PNG profiles that inflate to 1 GiB", "5,846 MB, p99 10,002 ms, 11 of 642 failed";
    worst_pictures: uploads::worst_pictures, Small, "the worst pictures of all kinds", "4,498 MB, p99 10,048 ms, 14 of 24 failed";
    duplicates: uploads::duplicates, Small, "the same 12 MB picture again and again", "535 MB, p99 869 ms, 2 of 96 failed";
    strange_requests: protocol::strange_requests, Small, "CONNECT, OPTIONS *, bad methods, long queries", "39 MB, p99 547 ms, 0 of 168 failed";
    rapid_reset: protocol::rapid_reset, Large, "HTTP/2 requests taken back at once", "75 MB, p99 281 ms, 0 of 360 failed";
    continuations: protocol::continuations, Small, "HTTP/2 heads without end", "35 MB, p99 300 ms, 0 of 366 failed";
    settings_and_pings: protocol::settings_and_pings, Small, "HTTP/2 SETTINGS and PING, answers not read", "34 MB, p99 10,008 ms, 4 of 24 failed";
    wrong_credentials: protocol::wrong_credentials, Small, "wrong credentials", "34 MB, p99 498 ms, 0 of 264 failed";
    log_ins: protocol::log_ins, Small, "log-ins without pause", "not measured";
    unknown_links: protocol::unknown_links, Small, "unknown public links", "34 MB, p99 974 ms, 0 of 174 failed";
}

const MIXED: &str = "all of these at once";

fn all() -> Vec<Run> {
    ATTACKS.iter().map(|attack| attack.run).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_them_mixed() {
    assert_held(&endure(MIXED, &all(), Large, Scale::SHORT, Sqlite).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_them_mixed_on_postgresql() {
    assert_held(&endure(MIXED, &all(), Large, Scale::SHORT, Postgres).await);
}

fn assert_held(outcome: &Outcome) {
    eprintln!("{outcome}");
    assert_eq!(outcome.faults(), Vec::<String>::new(), "{outcome}");
}

/// `cargo xtask soak hostile`: prints the table of `docs/security.md`, and asserts at the end.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half an hour, and means something with the release build only"]
async fn soak() {
    let scale = Scale::full();
    let only = std::env::var("PHOTOLOG_ATTACK").unwrap_or_default();
    let database = match std::env::var_os("PHOTOLOG_ATTACK_POSTGRESQL") {
        Some(_) => Postgres,
        None => Sqlite,
    };
    let alone = ATTACKS.iter().map(|attack| {
        let runs = vec![attack.run];
        (attack.name, runs, attack.pictures, attack.before)
    });
    let mixed = (
        MIXED,
        all(),
        Large,
        "1,466 MB, p99 4,522 ms, 4 of 24 failed",
    );
    let (mut faults, mut rows) = (Vec::new(), Vec::new());
    for (name, runs, pictures, before) in alone.chain([mixed]) {
        if !name.contains(&only) {
            continue;
        }
        let (mut slowness, mut row) = (Vec::new(), String::new());
        for _ in 0..REPETITIONS {
            let outcome = endure(name, &runs, pictures, scale, database).await;
            eprintln!("{outcome}");
            row = outcome.row(before);
            let found = outcome.faults().into_iter();
            faults.extend(found.map(|fault| format!("{name}: {fault}")));
            let slow = outcome.slowness();
            if slow.is_empty() {
                slowness.clear();
                break;
            }
            slowness.extend(slow);
        }
        rows.push(row);
        if !slowness.is_empty() {
            faults.push(format!("{name}, each time: {}", slowness.join("; ")));
        }
    }
    eprintln!("\n{}\n{}", Outcome::TITLES, rows.join("\n"));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

//! Silent failures: frozen processes, links that hold, forget or lose one side. They are noticed
//! within ten seconds, and everything goes on.

use std::time::{Duration, Instant};

use photolog_tests::link::Weather;
use photolog_tests::pictures;
use photolog_tests::process::signal;
use photolog_tests::scaled::Scaled;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// The promised time in which a silent fault is noticed and overcome.
const NOTICED: Duration = Duration::from_secs(10);

/// How the leading process, or its connection to the database, may go silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    Killed,
    Frozen,
    Held,
    HalfOpen,
    Forgotten,
    ServerProcess,
}

/// Uploads through a node, waits until its list shows the image, and returns how long that took.
async fn write_until_shown(scaled: &Scaled, node: usize, seed: u32) -> Duration {
    let began = Instant::now();
    let mut image = None;
    loop {
        let uploaded = image.is_some();
        if !uploaded {
            let picture = Part::bytes(pictures::png(seed)).file_name("p");
            let request = scaled.request(node, Method::POST, "/images");
            let answer = request.multipart(Form::new().part("image", picture)).send();
            let answer = answer.await.unwrap();
            // An unanswered upload may have been written nevertheless.
            if matches!(answer.status(), StatusCode::CREATED | StatusCode::CONFLICT) {
                let body: Value = answer.json().await.unwrap();
                image = Some(body["imageID"].clone());
            }
        }
        let list = scaled
            .request(node, Method::GET, "/images?count=1")
            .send()
            .await
            .unwrap();
        if list.status() == StatusCode::OK {
            let list: Value = list.json().await.unwrap();
            if image.is_some() && list[0]["imageID"] == *image.as_ref().unwrap() {
                return began.elapsed();
            }
        }
        assert!(began.elapsed() < 3 * NOTICED, "{seed} is not shown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The current leader.
async fn leader(scaled: &Scaled) -> usize {
    let began = Instant::now();
    loop {
        let leads = |number: &usize| {
            let log = scaled.projectors[*number].log();
            let last = |word: &str| log.rfind(word);
            last("this process leads") > last("no lead")
        };
        let leading: Vec<_> = (0..2).filter(leads).collect();
        if let [one] = leading[..] {
            return one;
        }
        assert!(began.elapsed() < 3 * NOTICED, "{leading:?} lead");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn is_overcome(silence: Silence) {
    let mut scaled = Scaled::start().await;
    write_until_shown(&scaled, 0, 0).await;
    let leader = leader(&scaled).await;
    let mut frozen = None;
    match silence {
        Silence::Killed => scaled.projectors[leader].kill(),
        Silence::Frozen => scaled.projectors[leader].freeze(),
        Silence::Held => scaled.projector_links[leader].becomes(Weather::Held),
        Silence::HalfOpen => scaled.projector_links[leader].half_open(),
        Silence::Forgotten => scaled.projector_links[leader].forget(),
        Silence::ServerProcess => {
            let process = scaled.sequencing_process().await;
            signal(process, "STOP");
            frozen = Some(process);
        }
    }
    let took = write_until_shown(&scaled, 1, 1).await;
    eprintln!("{silence:?}: shown after {took:.1?}");
    assert!(took < NOTICED, "{silence:?} was overcome after {took:?}");

    // When it is back, it neither writes nor disturbs.
    match silence {
        Silence::Killed => scaled.projectors[leader].start_again(),
        Silence::Frozen => scaled.projectors[leader].thaw(),
        Silence::Held => scaled.projector_links[leader].becomes(Weather::Fair),
        Silence::HalfOpen | Silence::Forgotten => {}
        Silence::ServerProcess => signal(frozen.unwrap(), "CONT"),
    }
    write_until_shown(&scaled, 0, 2).await;
    let verified = scaled.command(&["verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_killed_is_replaced() {
    is_overcome(Silence::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_frozen_is_replaced() {
    is_overcome(Silence::Frozen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_in_a_black_hole_is_replaced() {
    is_overcome(Silence::Held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_with_half_open_connections_goes_on_or_is_replaced() {
    is_overcome(Silence::HalfOpen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_connections_were_forgotten_goes_on_or_is_replaced() {
    is_overcome(Silence::Forgotten).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_process_that_stands_still_keeps_nobody_from_leading() {
    is_overcome(Silence::ServerProcess).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_connections_died_silently_serves_again() {
    let scaled = Scaled::start().await;
    write_until_shown(&scaled, 0, 0).await;
    // Opens more than one connection.
    let reads = (0..20).map(|_| scaled.request(0, Method::GET, "/images").send());
    futures::future::join_all(reads).await;
    for (seed, kind) in (1_u32..).zip(["forgotten", "half-open"]) {
        match kind {
            "forgotten" => scaled.node_links[0].forget(),
            _ => scaled.node_links[0].half_open(),
        }
        let took = write_until_shown(&scaled, 0, seed).await;
        eprintln!("{kind}: {took:.1?}");
        assert!(took < NOTICED, "{kind}: served again after {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_ends_when_its_node_cannot_read_any_more() {
    let scaled = Scaled::start().await;
    let request = scaled.request(0, Method::GET, "/events");
    let request = request.header("accept", "text/event-stream");
    let mut feed = request.send().await.unwrap();
    assert_eq!(feed.status(), StatusCode::OK);
    scaled.node_links[0].becomes(Weather::Held);
    let began = Instant::now();
    let until_the_end = async { while let Ok(Some(_)) = feed.chunk().await {} };
    let ended = tokio::time::timeout(2 * NOTICED, until_the_end).await;
    assert!(ended.is_ok(), "the feed is silent");
    let took = began.elapsed();
    assert!(took < NOTICED, "the feed ended after {took:?}");
}

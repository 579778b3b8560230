//! Delivery of events to subscribers: how long it takes, and how many per second against bare
//! publishing to JetStream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_nats::jetstream::context::{Context, ContextBuilder};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, stream};
use futures::StreamExt;
use photolog_tests::figure::{Figure, Target, median};
use photolog_tests::nats::{Nats, messages};
use photolog_tests::postgres::Cluster;
use photolog_tests::process::Process;
use photolog_tests::scaled::Scaled;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::pictures::photograph;
use crate::seed;

const EVENTS_PER_SECOND: u32 = 500;
const EVENTS: usize = 5_000;
const IMAGES: u32 = 64;

const ALL: &str = "photolog.v1.>";
const BACKLOG: i64 = 100_000;
const ROUNDS: usize = 3;
/// As many as the relay has.
const OUTSTANDING: usize = 1_000;

pub(crate) async fn measure() -> Vec<Figure> {
    let delivery = Figure {
        name: "commit to subscriber at 500 events/s, p99 : 25 ms",
        unit: "ms",
        measured: p99_of_deliveries().await,
        limit: 25.0,
        target: Target::AtMost(1.0),
    };
    let cluster = Cluster::start();
    let (mut app, mut database) = seed::server(&cluster).await;
    seed::uploads(&mut database, &app.account, BACKLOG).await;
    seed::shown(&mut database).await;
    app.kill();
    let url = app.setting("PHOTOLOG_DATABASE_URL");
    let key = app.setting("PHOTOLOG_MASTER_KEY_FILE");
    let (mut relayed, mut same, mut headless) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let nats = Nats::start();
        relayed.push(relayed_per_second(&url, &key, &nats).await);
        let mut messages = all_messages(&nats).await;
        same.push(published_per_second(&Nats::start(), messages.clone()).await);
        for message in &mut messages {
            message.message.headers = None;
        }
        headless.push(published_per_second(&Nats::start(), messages).await);
    }
    let measured = median(relayed);
    let against = |name, limit, target| Figure {
        name,
        unit: "events/s",
        measured,
        limit,
        target,
    };
    vec![
        delivery,
        against(
            "relay of a backlog : bare publishing of its messages",
            median(same),
            Target::AtLeast(0.7),
        ),
        against(
            "relay of a backlog : the same without headers",
            median(headless),
            Target::None,
        ),
    ]
}

/// From the moment when the command was decided, just before its commit, until a subscriber has the
/// event. Two API nodes take the writes, another process relays.
async fn p99_of_deliveries() -> f64 {
    let scaled = Arc::new(Scaled::durable().await);
    let mut images = Vec::new();
    for seed in 0..IMAGES {
        let part = Part::bytes(photograph(seed)).file_name("p");
        let request = scaled.request(0, Method::POST, "/images");
        let answer = request.multipart(Form::new().part("image", part)).send();
        let image: Value = answer.await.expect("an answer").json().await.expect("JSON");
        images.push(image["imageID"].as_str().expect("imageID").to_owned());
    }
    let mut messages = messages(&scaled.nats_url(), ALL).await.expect("a stream");
    for _ in 0..IMAGES {
        messages
            .next()
            .await
            .expect("an upload")
            .expect("a message");
    }
    let subscriber = tokio::spawn(async move {
        let mut times = Vec::new();
        while times.len() < EVENTS {
            let message = messages.next().await.expect("a stream").expect("a message");
            let now = SystemTime::now();
            let event: Value = serde_json::from_slice(&message.payload).expect("an event");
            let happened = event["time"].as_str().expect("a time");
            times.push(milliseconds_between(happened, now));
        }
        times
    });
    let mut ticks = interval(Duration::from_secs(1) / EVENTS_PER_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut writes = JoinSet::new();
    for number in 0..EVENTS {
        ticks.tick().await;
        let path = format!("/images/{}/metadata", images[number % images.len()]);
        let request = scaled.request(number % 2, Method::PUT, &path);
        let request = request.json(&json!({ "altText": format!("text {number}") }));
        writes.spawn(async move { request.send().await.expect("an answer").status() });
    }
    assert!(writes.join_all().await.iter().all(|status| *status == 200));
    let mut times = subscriber.await.expect("all events");
    times.sort_by(f64::total_cmp);
    println!(
        "commit to subscriber: p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms",
        times[EVENTS / 2],
        times[EVENTS * 9 / 10],
        times[EVENTS * 99 / 100]
    );
    times[EVENTS * 99 / 100]
}

fn milliseconds_between(happened: &str, now: SystemTime) -> f64 {
    let format = &time::format_description::well_known::Rfc3339;
    let happened = time::OffsetDateTime::parse(happened, format).expect("a time");
    (time::OffsetDateTime::from(now) - happened).as_seconds_f64() * 1_000.0
}

/// A projector with nothing else to do publishes a log.
async fn relayed_per_second(database_url: &str, master_key_file: &str, nats: &Nats) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = vec![
        ("PHOTOLOG_DATABASE_URL".to_owned(), database_url.to_owned()),
        (
            "PHOTOLOG_MASTER_KEY_FILE".to_owned(),
            master_key_file.to_owned(),
        ),
        ("PHOTOLOG_NATS_URL".to_owned(), nats.url()),
    ];
    let log = folder.path().join("log");
    let _projector = Process::start("photolog-projector", &[], settings, log);
    let context = jetstream::new(async_nats::connect(nats.url()).await.expect("NATS"));
    let mut began = None;
    loop {
        let there = messages_in(&context).await;
        if there >= BACKLOG.unsigned_abs() {
            let (at, before): (Instant, u64) = began.expect("a beginning");
            return (there - before) as f64 / at.elapsed().as_secs_f64();
        }
        if there > 0 && began.is_none() {
            began = Some((Instant::now(), there));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn messages_in(context: &Context) -> u64 {
    let stream = context.get_stream("PHOTOLOG").await;
    stream.map_or(0, |stream| stream.cached_info().state.messages)
}

async fn all_messages(nats: &Nats) -> Vec<jetstream::Message> {
    let messages = messages(&nats.url(), ALL).await.expect("a stream");
    messages
        .take(BACKLOG as usize)
        .map(|message| message.expect("a message"))
        .collect()
        .await
}

/// Publishes prepared messages, as many at once as the relay does. They carry the headers too, and
/// so cost the server the work that makes each message appear once and in order.
async fn published_per_second(nats: &Nats, messages: Vec<jetstream::Message>) -> f64 {
    let client = async_nats::connect(nats.url()).await.expect("NATS");
    let context = ContextBuilder::new()
        .max_ack_inflight(OUTSTANDING)
        .build(client);
    let config = stream::Config {
        name: "BARE".to_owned(),
        subjects: vec!["photolog.v1.>".to_owned()],
        ..Default::default()
    };
    context.create_stream(config).await.expect("a stream");
    let count = messages.len();
    let began = Instant::now();
    let mut outstanding = VecDeque::new();
    for message in messages {
        if outstanding.len() == OUTSTANDING {
            let oldest: jetstream::context::PublishAckFuture =
                outstanding.pop_front().expect("one of them");
            oldest.await.expect("an acknowledgement");
        }
        let subject = message.subject.clone();
        let mut ready = PublishMessage::build().payload(message.payload.clone());
        if let Some(headers) = &message.headers {
            ready = ready.headers(headers.clone());
        }
        let sent = context.send_publish(subject, ready).await;
        outstanding.push_back(sent.expect("a message on its way"));
    }
    for sent in outstanding {
        sent.await.expect("an acknowledgement");
    }
    count as f64 / began.elapsed().as_secs_f64()
}

//! The relay of events into JetStream: exact whatever happens to the stream meanwhile, and beside
//! other installations on one server.

use std::time::{Duration, Instant};

use async_nats::ConnectOptions;
use async_nats::jetstream::stream::{Config, Stream};
use async_nats::jetstream::{self, Context};
use photolog_tests::nats::Nats;
use photolog_tests::{TestApp, pictures};

const PATIENCE: Duration = Duration::from_secs(20);

async fn jetstream(nats: &Nats) -> Context {
    jetstream::new(async_nats::connect(nats.url()).await.unwrap())
}

/// The stream, once its last message has this sequence.
async fn reaches(jetstream: &Context, name: &str, sequence: u64) -> Stream {
    let began = Instant::now();
    loop {
        let stream = jetstream.get_stream(name).await;
        if let Ok(stream) = stream
            && stream.cached_info().state.last_sequence >= sequence
        {
            return stream;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{name} does not reach {sequence}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The alternative text in a message.
async fn text_of(stream: &Stream, sequence: u64) -> String {
    let message = stream.get_raw_message(sequence).await.unwrap();
    let event: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
    let text = &event["data"]["event"]["entries"]["altText"];
    text.as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_purged_goes_on_where_it_was() {
    let nats = Nats::start();
    let mut app = TestApp::with([("PHOTOLOG_NATS_URL", &nats.url())]).await;
    let jetstream = jetstream(&nats).await;
    let image = app.uploaded(pictures::png(0)).await;
    let image = image["imageID"].as_str().unwrap().to_owned();
    // Longer than a second, so that there is a bookmark with events after it.
    for number in 1..=30 {
        app.set_alt_text(&image, &format!("text {number}")).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let stream = reaches(&jetstream, "PHOTOLOG", 31).await;
    app.kill();
    stream.purge().await.unwrap();
    app.restart().await;
    app.set_alt_text(&image, "after").await;
    let stream = reaches(&jetstream, "PHOTOLOG", 32).await;
    assert_eq!(text_of(&stream, 32).await, "after");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(stream.get_info().await.unwrap().state.messages, 1);
}

/// A user with all rights but this one, and a user with all.
fn rights(denied: &str) -> String {
    format!(
        "authorization {{ users = [
           {{ user: photo, password: secret,
              permissions: {{ publish: {{ allow: \">\", deny: [{denied}] }} }} }},
           {{ user: other, password: secret }}
         ] }}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_taken_away_and_given_back_lose_and_double_nothing() {
    let nats = Nats::with_rights(&rights(""));
    let url = nats.url().replace("nats://", "nats://photo:secret@");
    let app = TestApp::with([("PHOTOLOG_NATS_URL", &url)]).await;
    let login = ConnectOptions::with_user_and_password("other".into(), "secret".into());
    let jetstream = jetstream::new(login.connect(nats.url()).await.unwrap());
    let image = app.uploaded(pictures::png(0)).await;
    let image = image["imageID"].as_str().unwrap().to_owned();
    let mut sequence = 1;
    for denied in [
        "\"photolog.>\"",
        "\"$JS.API.STREAM.MSG.GET.>\"",
        "\"$JS.API.DIRECT.>\", \"$JS.API.STREAM.>\"",
    ] {
        reaches(&jetstream, "PHOTOLOG", sequence).await;
        nats.set_rights(&rights(denied));
        for number in 1..=10 {
            app.set_alt_text(&image, &format!("{denied} {number}"))
                .await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        nats.set_rights(&rights(""));
        sequence += 10;
        let stream = reaches(&jetstream, "PHOTOLOG", sequence).await;
        for number in 1..=10 {
            let text = text_of(&stream, sequence - 10 + number).await;
            assert_eq!(text, format!("{denied} {number}"));
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stream = jetstream.get_stream("PHOTOLOG").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, sequence);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_message_is_skipped_and_reported() {
    let nats = Nats::start();
    let app = TestApp::with([("PHOTOLOG_NATS_URL", &nats.url())]).await;
    let jetstream = jetstream(&nats).await;
    let image = app.uploaded(pictures::png(0)).await;
    let image = image["imageID"].as_str().unwrap();
    reaches(&jetstream, "PHOTOLOG", 1).await;
    let foreign = jetstream.publish("photolog.v1.foreign", "hello".into());
    foreign.await.unwrap().await.unwrap();
    app.set_alt_text(image, "one").await;
    let stream = reaches(&jetstream, "PHOTOLOG", 3).await;
    assert_eq!(text_of(&stream, 3).await, "one");
    assert!(app.log().contains("not of Photolog"), "{}", app.log());
    app.set_alt_text(image, "two").await;
    let stream = reaches(&jetstream, "PHOTOLOG", 4).await;
    assert_eq!(text_of(&stream, 4).await, "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_acknowledges_nothing_is_refused_by_name() {
    let nats = Nats::start();
    let silent = Config {
        name: "PHOTOLOG".to_owned(),
        subjects: vec!["photolog.v1.>".to_owned()],
        no_ack: true,
        ..Default::default()
    };
    jetstream(&nats).await.create_stream(silent).await.unwrap();
    let app = TestApp::with([("PHOTOLOG_NATS_URL", &nats.url())]).await;
    let began = Instant::now();
    while !app.log().contains("no_ack") {
        assert!(began.elapsed() < PATIENCE, "{}", app.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_installations_share_a_server_that_wants_a_password() {
    let nats = Nats::with_login("photo", "p@ss/w:rd");
    let address = nats.url().replace("nats://", "");
    let url = format!("nats://photo:p%40ss%2Fw%3Ard@{address}");
    let one = TestApp::with([("PHOTOLOG_NATS_URL", &url)]).await;
    let other = TestApp::with([
        ("PHOTOLOG_NATS_URL", &url),
        ("PHOTOLOG_NATS_STREAM", "OTHER"),
        ("PHOTOLOG_NATS_SUBJECT_PREFIX", "shop.photos"),
    ])
    .await;
    one.uploaded(pictures::png(0)).await;
    other.uploaded(pictures::png(0)).await;
    let login = ConnectOptions::with_user_and_password("photo".into(), "p@ss/w:rd".into());
    let jetstream = jetstream::new(login.connect(nats.url()).await.unwrap());
    for (name, prefix) in [("PHOTOLOG", "photolog.v1."), ("OTHER", "shop.photos.")] {
        let stream = reaches(&jetstream, name, 1).await;
        let message = stream.get_raw_message(1).await.unwrap();
        assert!(message.subject.starts_with(prefix), "{}", message.subject);
    }
}

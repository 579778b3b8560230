//! What the program reports about itself: metrics, log lines, traces.

use std::time::Duration;

use photolog_tests::nats::Nats;
use photolog_tests::postgres::Cluster;
use photolog_tests::{TestApp, pictures};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn traceparent() -> String {
    format!("00-{TRACE}-00f067aa0ba902b7-01")
}

/// An address that was free a moment ago.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn metrics_count_requests_commands_and_renditions_on_their_own_port() {
    let address = free_address();
    let app = TestApp::with([("PHOTOLOG_METRICS_LISTEN", &address)]).await;
    let image = app.uploaded(pictures::png(1)).await;
    let id = image["imageID"].as_str().unwrap();
    for text in ["one", "one"] {
        assert!(app.set_alt_text(id, text).await.status().is_success());
    }
    let public = image["publicID"].as_str().unwrap();
    for _ in 0..2 {
        assert!(app.public(public, "", None).await.status().is_success());
    }
    assert_eq!(app.get("/images/nothing").await.status(), 404);

    let metrics = async || {
        let answer = app.client.get(format!("http://{address}/metrics"));
        answer.send().await.unwrap().text().await.unwrap()
    };
    let mut text = metrics().await;
    for _ in 0..100 {
        if text.contains("photolog_projection_lag{projection=\"image_view\"} 0")
            && text.contains("photolog_log_head 4")
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        text = metrics().await;
    }
    for line in [
        "photolog_request_seconds_count{dialect=\"moov\",route=\"/images/{image}\",status=\"200\"} 2",
        "photolog_request_seconds_count{dialect=\"moov\",route=\"/accounts/{account}/images\",status=\"201\"} 1",
        "photolog_request_seconds_count{dialect=\"moov\",route=\"/accounts/{account}/images/{image}\",status=\"404\"} 1",
        "photolog_commands_total{aggregate=\"Image\",outcome=\"appended\"} 2",
        "photolog_commands_total{aggregate=\"Image\",outcome=\"unchanged\"} 1",
        "photolog_renditions_total{source=\"memory\"} 2",
        "photolog_projection_lag{projection=\"image_view\"} 0",
        "photolog_sequencing_age_seconds 0",
        // The account, its key, the picture, its text.
        "photolog_log_head 4",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let outside = app.client.get(format!("{}/metrics", app.url));
    assert_eq!(outside.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_loops_behind_the_log_tell_how_far_they_are() {
    let (cluster, nats, address) = (Cluster::start(), Nats::start(), free_address());
    let app = TestApp::with([
        ("PHOTOLOG_DATABASE_URL", &cluster.new_database().await),
        ("PHOTOLOG_NATS_URL", &nats.url()),
        ("PHOTOLOG_METRICS_LISTEN", &address),
    ])
    .await;
    app.uploaded(pictures::png(1)).await;
    // The account, its key, the picture; all of them sequenced, shown and published.
    let wanted = [
        "photolog_log_head 3",
        "photolog_sequencing_age_seconds 0",
        "photolog_projection_lag{projection=\"image_view\"} 0",
        "photolog_relay_lag 0",
    ];
    let mut text = String::new();
    for _ in 0..300 {
        let answer = app.client.get(format!("http://{address}/metrics"));
        text = answer.send().await.unwrap().text().await.unwrap();
        if wanted.iter().all(|line| text.contains(line)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{wanted:?} are not in\n{text}");
}

#[tokio::test]
async fn json_lines_and_events_carry_the_trace_of_the_request() {
    let app = TestApp::with([
        ("PHOTOLOG_LOG", "warn,photolog_api=debug"),
        ("PHOTOLOG_LOG_FORMAT", "json"),
    ])
    .await;
    let image = app.uploaded(pictures::png(2)).await;
    let path = format!("/images/{}", image["imageID"].as_str().unwrap());
    let put = app
        .request(reqwest::Method::PUT, &format!("{path}/metadata"))
        .header("traceparent", traceparent())
        .header("x-request-id", "order-7")
        .json(&serde_json::json!({ "altText": "traced" }));
    assert!(put.send().await.unwrap().status().is_success());

    let log = app.log();
    let answered: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["message"] == "answered")
        .collect();
    let traced = answered
        .iter()
        .find(|line| line["span"]["request_id"] == "order-7")
        .unwrap();
    assert_eq!(traced["span"]["trace_id"], TRACE);
    assert_eq!(traced["status"], 200);
    // A request without a trace gets one.
    let other = answered.iter().find(|line| line["status"] == 201).unwrap();
    let own = other["span"]["trace_id"].as_str().unwrap();
    assert!(own.len() == 32 && own != TRACE, "{other}");

    let history: Value = app
        .get(&format!("{path}/history"))
        .await
        .json()
        .await
        .unwrap();
    assert!(history.to_string().contains(TRACE), "{history}");
}

#[tokio::test]
async fn spans_reach_a_collector() {
    let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let mut app = TestApp::with([("PHOTOLOG_OTLP_ENDPOINT", &endpoint)]).await;
    let trace = u128::from_str_radix(TRACE, 16).unwrap().to_be_bytes();
    let received = tokio::spawn(export_with(trace, collector));
    let list = app
        .request(reqwest::Method::GET, "/images")
        .header("traceparent", traceparent());
    assert_eq!(list.send().await.unwrap().status(), 200);
    // Pending spans are sent at the end.
    app.ask_to_stop();
    assert!(app.ended().await.success(), "{}", app.log());

    let waited = tokio::time::timeout(Duration::from_secs(20), received).await;
    let (head, body) = waited.expect("an export with the trace").unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
    let contains = |wanted: &[u8]| body.windows(wanted.len()).any(|part| part == wanted);
    assert!(contains(b"photolog"));
    assert!(contains(b"GET /accounts/{account}/images"));
}

/// A collector that accepts exports until one contains the trace: its head and body.
async fn export_with(trace: [u8; 16], collector: TcpListener) -> (String, Vec<u8>) {
    loop {
        let (mut connection, _) = collector.accept().await.unwrap();
        let (head, body) = export(&mut connection).await;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        connection.write_all(answer).await.unwrap();
        // The raw bytes, as protobuf encodes them.
        if body.windows(trace.len()).any(|part| part == trace) {
            return (head, body);
        }
    }
}

async fn export(connection: &mut TcpStream) -> (String, Vec<u8>) {
    let mut received = Vec::new();
    loop {
        assert!(connection.read_buf(&mut received).await.unwrap() > 0);
        let Some(end) = received.windows(4).position(|part| part == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8(received[..end].to_vec()).unwrap();
        let length: usize = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map(|(_, value)| value.parse().unwrap())
            .unwrap();
        if received.len() == end + 4 + length {
            return (head, received.split_off(end + 4));
        }
    }
}

#[tokio::test]
async fn settings_of_telemetry_that_cannot_be_used_are_named() {
    let app = TestApp::spawn().await;
    let taken = app.url.trim_start_matches("http://").to_owned();
    for (flag, value) in [
        ("--log", "photolog=loud"),
        ("--metrics-listen", taken.as_str()),
        ("--otlp-endpoint", "collector"),
    ] {
        let refused = app.command(&[flag, value]);
        assert!(!refused.status.success());
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(words.contains(flag), "{flag}: {words}");
    }
}

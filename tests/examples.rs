//! The examples for subscribers, and the description on which they may rely.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use photolog_tests::pictures;
use photolog_tests::process::{program, python_program};
use photolog_tests::scaled::Scaled;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::subscriber::Subscriber;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn picture(seed: u32) -> Form {
    let picture = Part::bytes(pictures::png(seed)).file_name("picture");
    Form::new().part("image", picture)
}

/// One event of each type.
async fn write(scaled: &Scaled) -> usize {
    let upload = scaled.request(0, Method::POST, "/images");
    let image = upload.multipart(picture(0)).send().await.unwrap();
    let image: Value = image.json().await.unwrap();
    let path = format!("/images/{}", image["imageID"].as_str().unwrap());
    let metadata = format!("{path}/metadata");
    let requests = [
        scaled.request(0, Method::PUT, &path).multipart(picture(1)),
        scaled
            .request(0, Method::PUT, &metadata)
            .header("x-photolog-reason", "a better text")
            .json(&json!({ "altText": "a cat" })),
        scaled.request(0, Method::PUT, &metadata).json(&json!({})),
        scaled.request(0, Method::DELETE, &path),
    ];
    let events = 1 + requests.len();
    for request in requests {
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }
    events
}

/// The first lines that a program prints.
fn lines(command: &mut Command, count: usize) -> Vec<String> {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let lines = output.lines().take(count).map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_hear_every_event_and_each_is_as_described() {
    let scaled = Scaled::start().await;
    let count = write(&scaled).await;
    let url = scaled.nats_url();
    let events = Subscriber::connect(&url).await.take(count).await;
    let expected: Vec<_> = events
        .iter()
        .map(|event| {
            let data = &event["data"];
            let [kind, image] = [&event["type"], &data["image"]].map(|text| text.as_str().unwrap());
            format!("{} {kind} {image} #{}", data["position"], data["sequence"])
        })
        .collect();

    let rust = lines(
        Command::new(program("examples/subscriber")).arg(&url),
        count,
    );
    assert_eq!(rust, expected);
    let script = workspace().join("examples/subscriber.py");
    let python = lines(
        Command::new(python_program("python")).arg(script).arg(&url),
        count,
    );
    assert_eq!(python, expected);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.json");
    std::fs::write(&file, Value::from(events).to_string()).unwrap();
    let described = Command::new(python_program("python"))
        .arg(workspace().join("tests/support/described.py"))
        .arg(workspace().join("docs/asyncapi.json"))
        .arg(file)
        .output()
        .unwrap();
    let problem = String::from_utf8_lossy(&described.stderr);
    assert!(described.status.success(), "{problem}");
}

//! `docker-compose.yml`, as far as it can be judged without an engine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use photolog_tests::process::{program, python_program};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every `PHOTOLOG_…` in a text.
fn settings(text: &str) -> BTreeSet<&str> {
    let ends = |found: char| !(found.is_ascii_uppercase() || found == '_');
    text.match_indices("PHOTOLOG_")
        .map(|(at, _)| text[at..].split(ends).next().unwrap())
        .collect()
}

#[test]
fn compose_accepts_the_file() {
    let judged = Command::new("docker-compose")
        .args(["-f", "docker-compose.yml", "config", "--quiet"])
        .current_dir(root())
        .output()
        .expect("docker-compose: run `cargo xtask setup` first");
    assert!(judged.status.success(), "{judged:?}");
}

#[test]
fn its_settings_are_settings_of_the_programs() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).unwrap();
    let help = |name: &str| {
        let output = Command::new(program(name)).arg("--help").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (api, projector) = (help("photolog"), help("photolog-projector"));
    let edge = read("edge-wasm/worker/config.capnp");
    let known: BTreeSet<_> = [&api, &projector, &edge]
        .into_iter()
        .flat_map(|text| settings(text))
        .collect();
    let (compose, image) = (read("docker-compose.yml"), read("Dockerfile"));
    let used: BTreeSet<_> = &settings(&compose) | &settings(&image);
    assert!(used.len() >= 10, "{used:?}");
    let unknown: Vec<_> = used.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// The services, with every variable at its default.
fn services() -> Value {
    let mut compose = Command::new("docker-compose")
        .args(["-f", "docker-compose.yml", "config"])
        .current_dir(root())
        .stdout(Stdio::piped())
        .spawn()
        .expect("docker-compose: run `cargo xtask setup` first");
    let read = Command::new(python_program("python"))
        .args([
            "-c",
            "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))",
        ])
        .stdin(compose.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(compose.wait().unwrap().success());
    let mut file: Value = serde_json::from_slice(&read.stdout).unwrap();
    file["services"].take()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn every_image_has_an_exact_version() {
    for (name, service) in services().as_object().unwrap() {
        let image = text(&service["image"]);
        let (product, version) = image.rsplit_once(':').unwrap_or((image, ""));
        // PostgreSQL's versions have two parts.
        let parts = if product == "postgres" { 2 } else { 3 };
        let numbers: Vec<_> = version.split('.').map(str::parse::<u32>).collect();
        let is_exact = numbers.len() == parts && numbers.iter().all(Result::is_ok);
        assert!(is_exact, "{name}: {image}");
        if product.starts_with("photolog") {
            assert_eq!(version, env!("CARGO_PKG_VERSION"), "{name}");
        }
    }
    let dockerfile = std::fs::read_to_string(root().join("Dockerfile")).unwrap();
    let bases = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "));
    for base in bases.filter(|base| base.contains(':')) {
        assert!(
            base.split(['-', ' ']).next().unwrap().contains('.'),
            "{base}"
        );
    }
}

#[test]
fn public_links_lead_to_the_edge_which_is_notified_of_changes() {
    let services = services();
    let (api, edge) = (&services["api"]["environment"], &services["edge"]);
    assert_eq!(api["PHOTOLOG_EDGES"], "http://edge:8787");
    let secret = &api["PHOTOLOG_EDGE_SECRET"];
    assert!(text(secret).len() >= 16, "{secret}");
    assert_eq!(secret, &edge["environment"]["PHOTOLOG_EDGE_SECRET"]);

    // Links begin with the address of the balancer, which routes pictures.
    let public: Vec<_> = text(&api["PHOTOLOG_PUBLIC_URL"]).rsplit(':').collect();
    let ports = services["balancer"]["ports"].to_string();
    assert!(ports.contains(&format!(":{}:8080", public[0])), "{ports}");
    let balancer = std::fs::read_to_string(root().join("deploy/nginx.conf")).unwrap();
    let server = |port: &str| {
        let rest = balancer.split_once(&format!("listen {port};")).unwrap().1;
        rest.split("server {").next().unwrap()
    };
    assert!(
        server("8080").contains("location ~ ^/images/"),
        "{balancer}"
    );
    assert!(balancer.contains("server edge:8787"), "{balancer}");
    // The edge's requests must not be routed back to it.
    assert!(edge["command"].to_string().contains("origin=balancer:8081"));
    assert!(!server("8081").contains("$pictures"), "{balancer}");
}

#[test]
fn messages_and_tables_are_there_before_those_who_need_them() {
    let services = services();
    let command = services["nats"]["command"].to_string();
    for name in ["api", "projector"] {
        let service = &services[name];
        let url = text(&service["environment"]["PHOTOLOG_NATS_URL"]);
        let login = url
            .strip_prefix("nats://")
            .and_then(|rest| rest.split('@').next());
        let (user, password) = login
            .and_then(|login| login.split_once(':'))
            .expect("a login");
        let expected = format!("\"--user\",\"{user}\",\"--pass\",\"{password}\"");
        assert!(command.contains(&expected), "{command}");
        let migrated = &service["depends_on"]["migrate"]["condition"];
        assert_eq!(migrated, "service_completed_successfully", "{name}");
    }
}

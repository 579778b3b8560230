//! Who may do what: strangers, keys without a scope, no credentials at all.

use photolog_tests::{TestApp, pictures};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Every route of the Moov and audit dialects that names an account.
const ROUTES: [(&str, &str, &str); 7] = [
    ("GET", "", "images.read"),
    ("POST", "", "images.write"),
    ("GET", "/{image}", "images.read"),
    ("PUT", "/{image}", "images.write"),
    ("DELETE", "/{image}", "images.write"),
    ("PUT", "/{image}/metadata", "images.write"),
    ("GET", "/{image}/history", "history.read"),
];

#[tokio::test]
async fn every_route_is_closed_to_strangers_and_to_keys_without_its_scope() {
    let app = TestApp::spawn().await;
    let image = app.uploaded(pictures::png(1)).await;
    let (_, stranger) = app.open_account();
    let keys =
        ["images.read", "images.write", "history.read"].map(|scope| (scope, app.issue_key(scope)));
    for (method, path, scope) in ROUTES {
        let path = path.replace("{image}", image["imageID"].as_str().unwrap());
        let url = format!("{}/accounts/{}/images{path}", app.url, app.account);
        let method: Method = method.parse().unwrap();
        let ask = |key: Option<&(String, String)>| {
            let request = app.client.request(method.clone(), &url).json("");
            let request = match key {
                Some((id, secret)) => request.basic_auth(id, Some(secret)),
                None => request,
            };
            async move { request.send().await.unwrap() }
        };
        assert_eq!(
            ask(Some(&stranger)).await.status(),
            StatusCode::NOT_FOUND,
            "{method} {path}"
        );
        let nobody = ask(None).await;
        assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        assert!(nobody.headers().contains_key("www-authenticate"));
        let wrong = ("plk_aaaaaaaaaaaaaaaa".to_owned(), "pls_x".to_owned());
        assert_eq!(ask(Some(&wrong)).await.status(), StatusCode::UNAUTHORIZED);
        for (own, key) in &keys {
            if *own != scope {
                assert_eq!(
                    ask(Some(key)).await.status(),
                    StatusCode::FORBIDDEN,
                    "{own} {method} {path}"
                );
            }
        }
    }
    assert_eq!(app.list().await, [image], "nothing was changed");
}

#[tokio::test]
async fn the_other_dialects_are_closed_to_strangers_as_well() {
    let app = TestApp::spawn().await;
    let image = app.uploaded(pictures::png(1)).await;
    let image = image["imageID"].as_str().unwrap();
    let (_, (key, secret)) = app.open_account();
    for (method, path) in [
        ("GET", "/files/{}/"),
        ("DELETE", "/files/{}/storage/"),
        ("GET", "/files/{}/metadata/"),
        ("GET", "/files/{}/metadata/k/"),
        ("DELETE", "/files/{}/metadata/k/"),
        ("GET", "/v2.1/images/{}"),
        ("GET", "/v2.1/images/{}/metadata"),
        ("GET", "/images/{}/metadata"),
        ("DELETE", "/v2/images/{}/metadata/k"),
    ] {
        let url = format!("{}{}", app.url, path.replace("{}", image));
        let ask = || app.client.request(method.parse().unwrap(), &url);
        assert_eq!(ask().send().await.unwrap().status(), 401, "{method} {path}");
        let request = ask()
            .header("authorization", format!("Uploadcare.Simple {key}:{secret}"))
            .header("x-auth-token", format!("{key}:{secret}"));
        assert_eq!(
            request.send().await.unwrap().status(),
            404,
            "{method} {path}"
        );
    }
    let tenant = format!("{}/v2.1/{}/images/{image}/metadata", app.url, app.account);
    let request = app
        .client
        .get(tenant)
        .header("x-auth-token", format!("{key}:{secret}"));
    assert_eq!(request.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_revoked_key_and_its_tokens_stop_at_once_in_every_dialect() {
    let app = TestApp::spawn().await;
    let (key, secret) = app.issue_key("images.read");
    let bearer = app.client.post(format!("{}/oauth2/token", app.url)).json(
        &json!({"grant_type": "client_credentials", "client_id": key,
            "client_secret": secret, "scope": "images.read"}),
    );
    let bearer: Value = bearer.send().await.unwrap().json().await.unwrap();
    let bearer = bearer["access_token"].as_str().unwrap();
    let keystone = app
        .client
        .post(format!("{}/v3/auth/tokens", app.url))
        .json(&json!({"auth": {"identity": {"methods": ["password"],
            "password": {"user": {"id": key, "password": secret}}}}}));
    let keystone = keystone.send().await.unwrap().headers()["x-subject-token"].clone();

    let get = |path: &str| app.client.get(format!("{}{path}", app.url));
    let images = format!("/accounts/{}/images", app.account);
    let simple = format!("Uploadcare.Simple {key}:{secret}");
    let dialects = || {
        [
            get(&images).basic_auth(&key, Some(&secret)),
            get(&images).bearer_auth(bearer),
            get("/files/").header("authorization", &simple),
            get("/v2.1/images").header("x-auth-token", &keystone),
            get("/v2.1/images").header("x-auth-token", format!("{key}:{secret}")),
        ]
    };
    for dialect in dialects() {
        assert_eq!(dialect.send().await.unwrap().status(), StatusCode::OK);
    }
    let revoked = app.command(&["key", "revoke", &app.account, &key]);
    assert!(revoked.status.success());
    for dialect in dialects() {
        assert_eq!(
            dialect.send().await.unwrap().status(),
            StatusCode::UNAUTHORIZED
        );
    }
    let listed = app.command(&["key", "list", &app.account]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains(&format!("{key}  revoked")));
}

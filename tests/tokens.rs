//! Tokens as clients obtain, refresh and revoke them over HTTP.

use photolog_tests::TestApp;
use photolog_tests::scaled::Scaled;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

const FORM: &str = "application/x-www-form-urlencoded";

/// A client of the token endpoints of a node.
struct Client<'a> {
    http: &'a reqwest::Client,
    url: &'a str,
    account: &'a str,
    key: &'a str,
    secret: &'a str,
}

impl<'a> Client<'a> {
    fn of(app: &'a TestApp) -> Self {
        Self {
            http: &app.client,
            url: &app.url,
            account: &app.account,
            key: &app.key.0,
            secret: &app.key.1,
        }
    }

    fn of_node(scaled: &'a Scaled, node: usize) -> Self {
        Self {
            http: &scaled.client,
            url: &scaled.nodes[node].url,
            account: &scaled.account,
            key: &scaled.key.0,
            secret: &scaled.key.1,
        }
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url))
    }

    /// Sends id and secret in a Basic header.
    async fn ask(&self, path: &str, body: Value) -> Response {
        let request = self.post(path).basic_auth(self.key, Some(self.secret));
        request.json(&body).send().await.unwrap()
    }

    async fn log_in(&self, scope: &str) -> Value {
        let body = json!({ "grant_type": "client_credentials", "scope": scope });
        let answer = self.ask("/oauth2/token", body).await;
        assert_eq!(answer.status(), StatusCode::OK, "{scope}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        answer.json().await.unwrap()
    }

    async fn refresh(&self, tokens: &Value) -> Response {
        let token = &tokens["refresh_token"];
        let body = json!({ "grant_type": "refresh_token", "refresh_token": token });
        self.ask("/oauth2/token", body).await
    }

    async fn refreshed(&self, tokens: &Value) -> Value {
        let answer = self.refresh(tokens).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }

    async fn revoke(&self, token: &Value) {
        let answer = self.ask("/oauth2/revoke", json!({ "token": token })).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(answer.bytes().await.unwrap().len(), 0);
    }

    /// The status of a list with this token.
    async fn list(&self, token: &Value) -> u16 {
        let url = format!("{}/accounts/{}/images", self.url, self.account);
        let request = self.http.get(url).bearer_auth(token.as_str().unwrap());
        request.send().await.unwrap().status().as_u16()
    }

    /// A Keystone log-in: its status, the token, and the token's description.
    async fn keystone(&self, identity: Value) -> (StatusCode, Value, Value) {
        let body = json!({ "auth": { "identity": identity } });
        let request = self.post("/v3/auth/tokens").json(&body);
        let answer = request.send().await.unwrap();
        let token = answer.headers().get("x-subject-token");
        let token = token.map(|token| json!(token.to_str().unwrap()));
        let status = answer.status();
        let said: Value = answer.json().await.unwrap();
        (status, token.unwrap_or_default(), said["token"].clone())
    }

    fn password(&self) -> Value {
        let user = json!({ "id": self.key, "password": self.secret });
        json!({ "methods": ["password"], "password": { "user": user } })
    }
}

async fn status_and_body(answer: Response) -> (u16, Value) {
    (
        answer.status().as_u16(),
        answer.json().await.unwrap_or_default(),
    )
}

#[tokio::test]
async fn forms_and_json_are_told_apart_whatever_the_media_type_says() {
    let app = TestApp::spawn().await;
    let client = Client::of(&app);
    let (key, secret) = &app.key;
    let form = format!(
        "grant_type=client_credentials&client_id={key}&client_secret={secret}&scope=images.read"
    );
    let json = json!({ "grant_type": "client_credentials", "client_id": key,
        "client_secret": secret, "scope": "images.read", "client_type": "service" });
    let json = json.to_string();
    for (media_type, body) in [
        (FORM, &form),
        ("application/x-www-form-urlencoded; charset=UTF-8", &form),
        ("Application/X-WWW-Form-URLEncoded", &form),
        ("application/json", &json),
        ("application/json; charset=utf-8", &json),
        (FORM, &json),
    ] {
        let request = client.post("/oauth2/token").body(body.clone());
        let answer = request.header("content-type", media_type).send().await;
        let (status, tokens) = status_and_body(answer.unwrap()).await;
        assert_eq!((status, &tokens["scope"]), (200, &json!("images.read")));
        assert_eq!(client.list(&tokens["access_token"]).await, 200);
        for path in ["/oauth2/token", "/oauth2/revoke"] {
            let long = format!("{body}{}", " ".repeat(16 * 1024));
            let request = client.post(path).header("content-type", media_type);
            assert_eq!(request.body(long).send().await.unwrap().status(), 413);
        }
    }
    for path in ["/oauth2/token", "/oauth2/revoke"] {
        for (media_type, body, status) in [
            ("text/plain", form.as_str(), 415),
            ("multipart/form-data; boundary=x", "--x--", 415),
            ("application/json", form.as_str(), 400),
            (FORM, "grant_type=refresh_token&token=a&token=b", 400),
            (FORM, "grant_type=refresh_token&t%6fken=a&token=a", 400),
            (
                FORM,
                "other=1&other=1&token=x&grant_type=refresh_token",
                400,
            ),
            (FORM, r#"{"token": "a", "token": "a"}"#, 400),
            ("application/json", r#"["client_credentials"]"#, 400),
            ("application/json", r#"{"token": 1, "grant_type": 1}"#, 400),
        ] {
            let request = client.post(path).basic_auth(key, Some(secret));
            let request = request
                .header("content-type", media_type)
                .body(body.to_owned());
            let (given, answer) = status_and_body(request.send().await.unwrap()).await;
            assert_eq!(given, status, "{path} {media_type} {body}");
            assert!(answer["error"].is_string(), "{answer}");
        }
    }
}

#[tokio::test]
async fn scopes_are_the_vendors_or_ours_and_come_back_as_they_were_asked() {
    let app = TestApp::spawn().await;
    let client = Client::of(&app);
    let own = |name: &str| format!("/accounts/{}/{name}", app.account);
    let (other, _) = app.open_account();
    let history = format!("{}/accounts/{}/events", app.url, app.account);
    let missing = "00000000-0000-4000-8000-000000000000";
    let missing = format!("{}/accounts/{}/images/{missing}", app.url, app.account);
    for (asked, given, read, write, audit) in [
        ("images.read".to_owned(), None, 200, 403, 403),
        ("/accounts.read".to_owned(), None, 200, 403, 200),
        ("/accounts.write".to_owned(), None, 200, 404, 403),
        (own("images.read"), None, 200, 403, 200),
        (own("images.write"), None, 200, 404, 403),
        (own("files.write"), None, 200, 404, 403),
        (
            format!("{} {} ping", own("images.write"), own("profile.read")),
            Some(own("images.write")),
            200,
            404,
            403,
        ),
        (own("profile.read"), Some(String::new()), 403, 403, 403),
        (
            String::new(),
            Some("images.read images.write history.read".to_owned()),
            200,
            404,
            200,
        ),
    ] {
        let tokens = client.log_in(&asked).await;
        let expected = given.as_ref().unwrap_or(&asked);
        assert_eq!(tokens["scope"], json!(expected), "{asked}");
        let token = tokens["access_token"].as_str().unwrap();
        let disable = app.client.delete(&missing).bearer_auth(token);
        let audited = app.client.get(&history).bearer_auth(token);
        assert_eq!(client.list(&tokens["access_token"]).await, read, "{asked}");
        assert_eq!(disable.send().await.unwrap().status(), write, "{asked}");
        assert_eq!(audited.send().await.unwrap().status(), audit, "{asked}");
        // Refreshing keeps the scope.
        assert_eq!(client.refreshed(&tokens).await["scope"], tokens["scope"]);
    }
    for asked in [
        format!("images.read /accounts/{other}/images.read"),
        format!("/accounts/{other}/profile.read"),
        "/accounts/x/images.read".to_owned(),
    ] {
        let body = json!({ "grant_type": "client_credentials", "scope": asked });
        let (status, body) = status_and_body(client.ask("/oauth2/token", body).await).await;
        assert_eq!(status, 422, "{asked}");
        assert!(body["scope"].is_string(), "{body}");
    }

    let (key, secret) = app.issue_key("images.read");
    let reader = Client {
        key: &key,
        secret: &secret,
        ..Client::of(&app)
    };
    let tokens = reader.log_in(&own("images.write")).await;
    assert_eq!(tokens["scope"], json!(own("images.read")));
}

#[tokio::test]
async fn only_id_and_secret_buy_tokens() {
    let app = TestApp::spawn().await;
    let client = Client::of(&app);
    let tokens = client.log_in("images.read").await;
    let (access, refresh) = (&tokens["access_token"], &tokens["refresh_token"]);
    let (key, secret) = (client.key, client.secret);
    let (other_account, (other, other_secret)) = app.open_account();
    assert_ne!(other_account, app.account);
    let login = json!({ "grant_type": "client_credentials" });
    let again = json!({ "grant_type": "refresh_token", "refresh_token": refresh });
    let with = |body: &Value, more: Value| {
        let mut body = body.clone();
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let send = async |request: RequestBuilder, body: &Value| {
        status_and_body(request.json(body).send().await.unwrap())
            .await
            .0
    };
    let token = || client.post("/oauth2/token");
    for grant in [&login, &again] {
        // No credentials; an access token; a wrong secret; half of a client.
        assert_eq!(send(token(), grant).await, 401);
        let bearer = token().bearer_auth(access.as_str().unwrap());
        assert_eq!(send(bearer, grant).await, 401);
        assert_eq!(send(token().basic_auth(key, Some("no")), grant).await, 401);
        for half in [
            json!({ "client_id": key }),
            json!({ "client_secret": secret }),
        ] {
            assert_eq!(send(token(), &with(grant, half)).await, 401);
        }
        let two = with(
            grant,
            json!({ "client_id": other, "client_secret": other_secret }),
        );
        assert_eq!(send(token().basic_auth(key, Some(secret)), &two).await, 400);
    }
    // Another client cannot use the refresh token, and its own client still can.
    assert_eq!(
        send(token().basic_auth(&other, Some(&other_secret)), &again).await,
        422
    );
    let body = with(&login, json!({ "client_id": key, "client_secret": secret }));
    assert_eq!(send(token(), &body).await, 200);
    let named = with(&login, json!({ "client_id": key }));
    assert_eq!(
        send(token().basic_auth(key, Some(secret)), &named).await,
        200
    );
    let both = with(&again, json!({ "client_id": key, "client_secret": secret }));
    assert_eq!(
        send(token().basic_auth(key, Some(secret)), &both).await,
        200
    );
    for (body, status) in [
        (json!({ "grant_type": "password" }), 400),
        (json!({}), 400),
        (json!({ "grant_type": "refresh_token" }), 422),
        (
            json!({ "grant_type": "refresh_token", "refresh_token": "plt_x.y" }),
            422,
        ),
        (
            json!({ "grant_type": "refresh_token", "refresh_token": access }),
            422,
        ),
    ] {
        assert_eq!(
            send(token().basic_auth(key, Some(secret)), &body).await,
            status,
            "{body}"
        );
    }
    // A refresh token does not authorise requests.
    assert_eq!(client.list(refresh).await, 401);
}

#[tokio::test]
async fn a_refresh_token_is_good_for_one_refresh_and_its_reuse_ends_all() {
    let app = TestApp::spawn().await;
    let client = Client::of(&app);
    let first = client.log_in("/accounts.read").await;
    let second = client.refreshed(&first).await;
    // The response may have been lost: repeating the request works for a while.
    let repeated = client.refreshed(&first).await;
    for tokens in [&first, &second, &repeated] {
        assert_eq!(client.list(&tokens["access_token"]).await, 200);
    }
    // A narrower scope may be requested, a wider one is not granted; the next refresh has the whole
    // scope again.
    let narrow = json!({ "grant_type": "refresh_token", "scope": "images.read images.write",
        "refresh_token": repeated["refresh_token"] });
    let narrow: Value = client
        .ask("/oauth2/token", narrow)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(narrow["scope"], "images.read");
    let third = client.refreshed(&narrow).await;
    assert_eq!(third["scope"], "/accounts.read");

    let another = client.log_in("images.read").await;
    let reused = status_and_body(client.refresh(&first).await).await;
    assert_eq!(reused.0, 422);
    assert!(reused.1["refresh_token"].is_string());
    for tokens in [&first, &second, &repeated, &narrow, &third] {
        assert_eq!(client.list(&tokens["access_token"]).await, 401);
        assert_eq!(client.refresh(tokens).await.status(), 422);
    }
    assert_eq!(client.list(&another["access_token"]).await, 200);
}

#[tokio::test]
async fn a_revoked_token_ends_its_log_in_and_no_other() {
    let app = TestApp::spawn().await;
    let client = Client::of(&app);
    let kept = client.log_in("images.read").await;
    for token in ["access_token", "refresh_token"] {
        let first = client.log_in("images.read").await;
        let second = client.refreshed(&first).await;
        client.revoke(&first[token]).await;
        for tokens in [&first, &second] {
            assert_eq!(client.list(&tokens["access_token"]).await, 401);
            assert_eq!(client.refresh(tokens).await.status(), 422);
        }
        client.revoke(&first[token]).await;
    }
    // A text that is not a token, or another client's token, is not an error and changes nothing.
    client.revoke(&json!("unknown")).await;
    let (_, (key, secret)) = app.open_account();
    let other = Client {
        key: &key,
        secret: &secret,
        ..Client::of(&app)
    };
    other.revoke(&kept["access_token"]).await;
    other.revoke(&kept["refresh_token"]).await;
    assert_eq!(client.list(&kept["access_token"]).await, 200);

    let (status, body) = status_and_body(client.ask("/oauth2/revoke", json!({})).await).await;
    assert_eq!(status, 422);
    assert!(body["token"].is_string(), "{body}");
    let token = kept["access_token"].as_str().unwrap();
    let anonymous = json!({ "token": token });
    for request in [
        client.post("/oauth2/revoke"),
        client.post("/oauth2/revoke").bearer_auth(token),
        client
            .post("/oauth2/revoke")
            .basic_auth(client.key, Some("no")),
    ] {
        let answer = request.json(&anonymous).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    // As documented: a form, with the client in it and a wrong hint.
    let form = format!(
        "token={token}&token_type_hint=refresh_token&client_id={}&client_secret={}",
        client.key, client.secret
    );
    let request = client.post("/oauth2/revoke").header("content-type", FORM);
    assert_eq!(request.body(form).send().await.unwrap().status(), 204);
    assert_eq!(client.list(&kept["access_token"]).await, 401);
}

#[tokio::test]
async fn a_keystone_token_buys_another_but_no_more_time() {
    let app = TestApp::spawn().await;
    let client = Client::of(&app);
    let (status, first, said) = client.keystone(client.password()).await;
    assert_eq!(status, StatusCode::CREATED);
    let by_token = |token: &Value| json!({ "methods": ["token"], "token": { "id": token } });
    let (status, second, again) = client.keystone(by_token(&first)).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(again["expires_at"], said["expires_at"]);
    let (_, third, again) = client.keystone(by_token(&second)).await;
    assert_eq!(again["expires_at"], said["expires_at"]);

    // A token obtained with a token of few rights has as few.
    let tokens = client.log_in("history.read").await;
    let (_, narrow, _) = client.keystone(by_token(&tokens["access_token"])).await;
    assert_eq!(client.list(&narrow).await, 403);
    let (status, _, _) = client.keystone(by_token(&tokens["refresh_token"])).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    for token in [&first, &second, &third] {
        assert_eq!(client.list(token).await, 200);
    }
    client.revoke(&second).await;
    for token in [&first, &second, &third] {
        assert_eq!(client.list(token).await, 401);
        let (status, _, _) = client.keystone(by_token(token)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_agree_on_which_tokens_count() {
    let scaled = Scaled::start().await;
    let (a, b) = (Client::of_node(&scaled, 0), Client::of_node(&scaled, 1));
    let first = a.log_in("images.read").await;
    assert_eq!(b.list(&first["access_token"]).await, 200);
    // A lost response, requested again from another node.
    let second = a.refreshed(&first).await;
    let third = b.refreshed(&b.refreshed(&first).await).await;
    assert_eq!(a.list(&third["access_token"]).await, 200);
    assert_eq!(a.refresh(&first).await.status(), 422);
    for client in [&a, &b] {
        for tokens in [&first, &second, &third] {
            assert_eq!(client.list(&tokens["access_token"]).await, 401);
            assert_eq!(client.refresh(tokens).await.status(), 422);
        }
    }
    let revoked = a.log_in("images.read").await;
    assert_eq!(b.list(&revoked["access_token"]).await, 200);
    a.revoke(&revoked["refresh_token"]).await;
    assert_eq!(b.list(&revoked["access_token"]).await, 401);
    let keystone = b.keystone(b.password()).await.1;
    assert_eq!(a.list(&keystone).await, 200);
    a.revoke(&keystone).await;
    assert_eq!(b.list(&keystone).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_ends_every_token_on_every_node_at_once() {
    let scaled = Scaled::start().await;
    let (a, b) = (Client::of_node(&scaled, 0), Client::of_node(&scaled, 1));
    let tokens = a.log_in("images.read").await;
    let keystone = a.keystone(a.password()).await.1;
    for token in [&tokens["access_token"], &keystone] {
        assert_eq!(b.list(token).await, 200);
    }
    let rotated = scaled.command(&["key", "rotate-token-secret"]);
    assert!(rotated.status.success(), "{rotated:?}");
    for client in [&a, &b] {
        for token in [&tokens["access_token"], &keystone] {
            assert_eq!(client.list(token).await, 401);
        }
        assert_eq!(client.refresh(&tokens).await.status(), 422);
    }
    // One node sees the secret by a log-in, the other by a token of it.
    let tokens = a.log_in("images.read").await;
    assert_eq!(b.list(&tokens["access_token"]).await, 200);
    assert_eq!(
        a.list(&b.refreshed(&tokens).await["access_token"]).await,
        200
    );
}

#[tokio::test]
async fn log_ins_count_against_the_rate_of_their_key() {
    let app = TestApp::with([("PHOTOLOG_RATE_LIMIT", "5")]).await;
    let client = Client::of(&app);
    let login = json!({ "grant_type": "client_credentials" });
    let revoke = json!({ "token": "unknown" });
    let keystone = json!({ "auth": { "identity": client.password() } });
    for (path, body, member) in [
        ("/oauth2/token", login, "/error"),
        ("/oauth2/revoke", revoke, "/error"),
        ("/v3/auth/tokens", keystone, "/overLimit/message"),
    ] {
        let refused = loop {
            let answers = (0..16).map(|_| client.ask(path, body.clone()));
            let mut answers = futures::future::join_all(answers).await.into_iter();
            if let Some(refused) = answers.find(|answer| answer.status() == 429) {
                break refused;
            }
        };
        assert_eq!(refused.headers()["retry-after"], "1");
        let body: Value = refused.json().await.unwrap();
        assert!(body.pointer(member).is_some_and(Value::is_string), "{body}");
    }
}

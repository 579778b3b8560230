//! Read models at a million events: how fast they are rebuilt, against the same in one SQL
//! statement; and how fast a list's first page is, against that of a small account.

use std::time::Instant;

use photolog_tests::TestApp;
use photolog_tests::figure::{Figure, Target, median};
use photolog_tests::postgres::Cluster;
use sqlx::{Executor, PgConnection};

use crate::seed;

const MANY: i64 = 1_000_000;
const FEW: i64 = 1_000;
const ROUNDS: usize = 3;
const LISTS: usize = 501;

/// The rows of a rebuild, from streams of one event each.
const BARE: &str = "
DROP TABLE IF EXISTS bare_view;
CREATE TABLE bare_view (LIKE image_view INCLUDING ALL);
INSERT INTO bare_view (image, account, public_id, created_position, sequence, state)
SELECT aggregate_id, payload ->> 'account', payload ->> 'public_id', global_position, sequence,
       json_build_object('account', payload -> 'account', 'public_id', payload -> 'public_id',
         'content', payload -> 'content', 'master', payload -> 'master',
         'metadata', json_build_object(), 'disabled_at', NULL,
         'created_at', payload -> 'at', 'updated_at', payload -> 'at')
FROM event_log JOIN events USING (aggregate_type, aggregate_id, sequence)
WHERE aggregate_type = 'Image' ORDER BY global_position;";

pub(crate) async fn measure() -> Vec<Figure> {
    let cluster = Cluster::start_durable();
    let (app, mut database) = seed::server(&cluster).await;
    let (small, small_key) = app.open_account();
    seed::uploads(&mut database, &small, FEW).await;
    seed::uploads(&mut database, &app.account, MANY).await;
    seed::shown(&mut database).await;

    let (mut many, mut few) = (Vec::new(), Vec::new());
    for _ in 0..LISTS {
        many.push(list_milliseconds(&app, &app.account, &app.key).await);
        few.push(list_milliseconds(&app, &small, &small_key).await);
    }
    let lists = Figure {
        name: "first page of a list, 1,000,000 images : 1,000 images",
        unit: "ms",
        measured: median(many),
        limit: median(few),
        target: Target::AtMost(1.2),
    };

    let (mut rebuilt, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        rebuilt.push(MANY as f64 / rebuild_seconds(&app));
        bare.push(MANY as f64 / bare_seconds(&mut database).await);
    }
    let rebuild = Figure {
        name: "rebuild of a million events : INSERT ... SELECT",
        unit: "events/s",
        measured: median(rebuilt),
        limit: median(bare),
        target: Target::AtLeast(0.5),
    };
    vec![rebuild, lists]
}

async fn list_milliseconds(app: &TestApp, account: &str, key: &(String, String)) -> f64 {
    let url = format!("{}/accounts/{account}/images?count=20", app.url);
    let request = app.client.get(url).basic_auth(&key.0, Some(&key.1));
    let began = Instant::now();
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.bytes().await.expect("the whole answer");
    began.elapsed().as_secs_f64() * 1_000.0
}

fn rebuild_seconds(app: &TestApp) -> f64 {
    let began = Instant::now();
    let output = app.command(&["rebuild", "image_view"]);
    assert!(output.status.success(), "{output:?}");
    began.elapsed().as_secs_f64()
}

async fn bare_seconds(database: &mut PgConnection) -> f64 {
    let began = Instant::now();
    database.execute(BARE).await.expect("the same in SQL");
    began.elapsed().as_secs_f64()
}

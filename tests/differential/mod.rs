//! Random commands through randomly chosen dialects, against a small model of the rules.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | runs histories of steps, shrinks one that fails |
//! | [`step`] | the possible requests, and how they are generated |
//! | [`model`] | the expected outcome: the rules once more, in a hundred lines |
//! | [`dialects`] | how a step is sent over each dialect's wire format |
//! | [`answer`] | the response that each dialect must give |
//! | [`finish`] | what must agree at the end of a history |

mod answer;
mod dialects;
mod finish;
mod model;
mod step;

use photolog_tests::nats::Nats;
use photolog_tests::{TestApp, postgres};
use proptest::collection::vec;
use proptest::test_runner::{Config, TestError, TestRunner};
use tokio::runtime::Runtime;

use dialects::Tenants;
use model::Model;
use step::Step;

const HISTORIES: u32 = 40;
const MOST_STEPS: usize = 150;

#[test]
fn every_dialect_follows_the_same_rules_over_sqlite() {
    follow_random_histories(async |nats| TestApp::with([("PHOTOLOG_NATS_URL", nats)]).await);
}

#[test]
fn every_dialect_follows_the_same_rules_over_postgres() {
    follow_random_histories(async |nats| {
        let url = postgres::new_database().await;
        TestApp::with([
            ("PHOTOLOG_DATABASE_URL", &*url),
            ("PHOTOLOG_NATS_URL", nats),
        ])
        .await
    });
}

/// Runs histories against a server, whatever its event store.
fn follow_random_histories(start: impl AsyncFnOnce(&str) -> TestApp) {
    let runtime = Runtime::new().unwrap();
    let nats = Nats::start();
    let app = runtime.block_on(start(&nats.url()));
    let mut runner = TestRunner::new(Config {
        cases: HISTORIES,
        max_shrink_iters: 500,
        failure_persistence: None,
        ..Config::default()
    });
    let histories = vec(step::any_step(), 1..=MOST_STEPS);
    let outcome = runner.run(&histories, |steps| {
        runtime.block_on(follow(&app, &nats, &steps));
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, steps)) => {
            let lines: Vec<_> = steps.iter().map(|step| format!("  {step:?}")).collect();
            panic!("{why}\nafter these steps:\n{}", lines.join("\n"));
        }
        Err(TestError::Abort(why)) => panic!("no history: {why}"),
    }
    let verified = app.command(&["verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

/// Runs one history in an account of its own. Panics at the first response that the model does not
/// expect.
async fn follow(app: &TestApp, nats: &Nats, steps: &[Step]) {
    let tenants = Tenants::open(app);
    let mut model = Model::default();
    for step in steps {
        tenants.take(step, &mut model).await;
    }
    finish::everything_agrees(&tenants, &model, nats).await;
}

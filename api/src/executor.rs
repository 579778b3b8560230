//! Runs commands: loads the stream, checks the writer's preconditions, decides, appends, and waits
//! until lists show the change.

use std::time::Duration;

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use photolog_domain::{
    AccountId, Dated, DialectName, EventMetadata, Image, ImageCommand, ImageError, ImageId,
    ImageState,
};
use photolog_store::{
    Appended, Conditions, Idempotency, Loaded, Store, StoreError, StoredAggregate,
};
use photolog_telemetry::metric;
use tracing::Instrument;
use uuid::Uuid;

use crate::app::{App, SharedApp};
use crate::auth::Caller;
use crate::clock::now;
use crate::error::ApiError;
use crate::http::conditional::IfMatch;
use crate::http::poll_watch::watched;
use crate::http::request::Held;
use crate::operator::Operator;
use crate::past_image::fold_while;

/// Maximum attempts at a command that keeps losing races, before the client must retry.
const ATTEMPTS: u32 = 20;

/// A command on a stream, and its preconditions.
#[derive(Clone, Debug)]
pub struct CommandRequest<C> {
    /// The account that sends it; an image of another account is "not found".
    pub account: AccountId,
    /// The image, or the account itself.
    pub stream: Uuid,
    /// What to do.
    pub command: C,
    /// The image versions that the writer accepts.
    pub if_match: IfMatch,
    /// Preconditions that span several streams.
    pub conditions: Conditions,
    /// The origin of the command.
    pub context: CommandContext,
}

/// The origin of a command, as recorded in the metadata of every event.
#[derive(Clone, Debug)]
pub struct CommandContext {
    /// The key id, or the [`Operator`].
    pub actor: String,
    /// The dialect of the request.
    pub dialect: DialectName,
    /// The request's id.
    pub request_id: String,
    /// Correlates several requests: `X-Correlation-Id`, or the trace id of a `traceparent`, or the
    /// request's own id.
    pub correlation_id: String,
    /// The reason that the client gave.
    pub reason: Option<String>,
    /// The caller, whose credentials must still be valid; `None` for the operator.
    pub caller: Option<Caller>,
    /// The request's places, because the command may outlive the request.
    pub places: Option<Held>,
}

impl CommandContext {
    /// The operator at the command line.
    pub fn operator(operator: &Operator) -> Self {
        let request_id = Uuid::now_v7().to_string();
        Self {
            actor: operator.to_string(),
            dialect: DialectName::CLI,
            correlation_id: request_id.clone(),
            request_id,
            reason: None,
            caller: None,
            places: None,
        }
    }
}

/// An image after a command.
#[derive(Clone, Debug)]
pub struct ImageOutcome {
    /// The image.
    pub image: ImageId,
    /// Its state now.
    pub state: ImageState,
    /// Its stream's sequence now.
    pub sequence: u64,
    /// Whether lists show the change already.
    pub visible: bool,
}

/// Executes a command on an image, and waits until lists show it.
///
/// The work runs in a spawned task, so that the steps after a commit run even if the client
/// disconnects. A repeated idempotency key returns the outcome of its first request.
///
/// # Errors
/// When the aggregate's rules or the conditions reject the command, or the store fails.
pub async fn execute_on_image(
    app: &SharedApp,
    request: CommandRequest<ImageCommand>,
) -> Result<ImageOutcome, ApiError> {
    let app = app.clone();
    let work = async move {
        if let Some(caller) = &request.context.caller {
            app.auth.check_again(caller).await?;
        }
        let outcome = match execute::<Image, _>(&app.store, &request).await {
            Ok(outcome) => outcome,
            Err(error) => {
                // A concurrent duplicate of this request may have committed first.
                let earlier = earlier_outcome(&app, request.conditions.idempotency.as_ref());
                return earlier.await?.ok_or(error);
            }
        };
        let visible = match &outcome.appended {
            Some(appended) => is_visible(&app, appended).await,
            None => true,
        };
        let state = outcome.aggregate.state().ok_or(ImageError::NotFound)?;
        Ok(ImageOutcome {
            image: ImageId::new(request.stream),
            state: state.clone(),
            sequence: outcome.sequence,
            visible,
        })
    };
    tokio::spawn(watched("command", work).in_current_span())
        .await
        .map_err(ApiError::internal)?
}

/// The earlier outcome of a request with this idempotency key: the image right after it.
///
/// # Errors
/// `Conflict` when the key was used for another request.
pub async fn earlier_outcome(
    app: &App,
    idempotency: Option<&Idempotency>,
) -> Result<Option<ImageOutcome>, ApiError> {
    let Some(idempotency) = idempotency else {
        return Ok(None);
    };
    let account = idempotency.account;
    let record = app.store.idempotency_record(account, &idempotency.key);
    let Some(record) = record.await? else {
        return Ok(None);
    };
    if record.fingerprint != idempotency.fingerprint {
        return Err(StoreError::IdempotencyKeyUsed(record).into());
    }
    let image = record.image;
    let then = fold_while(app, account, image, |event| {
        event.sequence <= record.sequence
    });
    Ok(then.await?.map(|(sequence, state)| ImageOutcome {
        image,
        state,
        sequence,
        visible: true,
    }))
}

async fn is_visible(app: &App, appended: &Appended) -> bool {
    app.store
        .wait_until_visible(appended, app.limits.visibility())
        .await
        .unwrap_or_else(|problem| {
            // The write itself is committed; only its visibility in lists is unknown.
            tracing::warn!(%problem, "visibility of a write is unknown");
            false
        })
}

/// An aggregate after a command.
#[derive(Debug)]
pub struct Outcome<A> {
    /// The state now.
    pub aggregate: A,
    /// The stream's sequence now.
    pub sequence: u64,
    /// What was appended; `None` when nothing changed.
    pub appended: Option<Appended>,
}

/// Executes a command on a stream: loads, decides and appends, retries after a lost race, and
/// counts the outcome.
///
/// # Errors
/// When the aggregate's rules or the conditions reject the command, or the store fails.
pub async fn execute<A, C>(
    store: &Store,
    request: &CommandRequest<C>,
) -> Result<Outcome<A>, ApiError>
where
    A: StoredAggregate + Aggregate<Command = Dated<C>>,
    A::Error: Into<ApiError>,
    C: Clone,
{
    let stream = request.stream;
    let mut remembered = store.remembered::<A>(stream);
    let mut attempt = 1;
    let outcome = async {
        loop {
            let may_be_old = remembered.is_some();
            let loaded = match remembered.take() {
                Some(remembered) => remembered,
                None => store.load::<A>(stream).await?,
            };
            let decision = match decide(loaded, request).await {
                // An append detects a stale stream; a refusal or a no-op does not.
                Err(_) if may_be_old => continue,
                Ok(decision) if may_be_old && decision.events.is_empty() => continue,
                decision => decision?,
            };
            let mut now = decision.loaded;
            if decision.events.is_empty() {
                return Ok(Outcome {
                    aggregate: now.aggregate,
                    sequence: now.sequence,
                    appended: None,
                });
            }
            let conditions = &request.conditions;
            let appended = store.append::<A>(stream, now.sequence, decision.events, conditions);
            match appended.await {
                Ok(appended) => {
                    now.sequence = appended.sequence;
                    store.remember(stream, &now);
                    return Ok(Outcome {
                        aggregate: now.aggregate,
                        sequence: now.sequence,
                        appended: Some(appended),
                    });
                }
                Err(StoreError::Conflict) if may_be_old => {}
                Err(StoreError::Conflict) if attempt < ATTEMPTS => {
                    metrics::counter!(metric::CONFLICTS).increment(1);
                    tokio::time::sleep(pause_after(attempt)).await;
                    attempt += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let outcome: Result<Outcome<A>, ApiError> = outcome.await;
    let word = match &outcome {
        Ok(Outcome { appended, .. }) if appended.is_some() => "appended",
        Ok(_) => "unchanged",
        Err(error) if error.is_ours() => "failed",
        Err(_) => "refused",
    };
    metrics::counter!(metric::COMMANDS, "aggregate" => A::TYPE, "outcome" => word).increment(1);
    outcome
}

/// Grows with each lost race, with jitter so that competing writers do not collide again.
fn pause_after(attempt: u32) -> Duration {
    let chance = u64::from(Uuid::now_v7().as_bytes()[15]);
    Duration::from_millis(u64::from(attempt) * (1 + chance % 4))
}

/// The result of a command, valid if the stream has not changed since it was loaded.
struct Decision<A: Aggregate> {
    /// The stream with the events applied, but still at the sequence expected by the append.
    loaded: Loaded<A>,
    events: Vec<(A::Event, EventMetadata)>,
}

async fn decide<A, C>(
    loaded: Loaded<A>,
    request: &CommandRequest<C>,
) -> Result<Decision<A>, ApiError>
where
    A: StoredAggregate + Aggregate<Command = Dated<C>>,
    A::Error: Into<ApiError>,
    C: Clone,
{
    match loaded.aggregate.owner() {
        Some(owner) if owner != request.account => return Err(ImageError::NotFound.into()),
        Some(_) => request.if_match.check(loaded.sequence)?,
        None => {}
    }
    // Clocks of nodes differ; a later event must not have an earlier time.
    let at = loaded.last_at.map_or_else(now, |last| now().max(last));
    let mut aggregate = loaded.aggregate;
    let sink = EventSink::default();
    let dated = Dated {
        at,
        command: request.command.clone(),
    };
    let handled = aggregate.handle(dated, &(), &sink).await;
    handled.map_err(Into::into)?;
    let context = &request.context;
    let causation_id = Uuid::now_v7();
    let events = sink.collect().await.into_iter().map(|event| {
        let metadata = EventMetadata {
            event_id: Uuid::now_v7(),
            occurred_at: at,
            actor: context.actor.clone(),
            dialect: context.dialect.clone(),
            request_id: context.request_id.clone(),
            correlation_id: context.correlation_id.clone(),
            causation_id,
            reason: context.reason.clone(),
        };
        (event, metadata)
    });
    Ok(Decision {
        loaded: Loaded {
            aggregate,
            sequence: loaded.sequence,
            last_at: Some(at),
        },
        events: events.collect(),
    })
}

#[cfg(test)]
mod tests {
    use photolog_domain::{Account, AccountCommand, AccountEvent, Timestamp};
    use photolog_store::{MasterKeyFile, StoreConfig};

    use super::*;

    #[tokio::test]
    async fn no_event_is_dated_before_the_previous_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photolog.sqlite");
        let key = MasterKeyFile::in_data_folder(folder.path());
        let store = Store::open(&StoreConfig::Sqlite { path }, key)
            .await
            .unwrap();
        // Written by a node whose clock is an hour ahead.
        let ahead = Timestamp::from_unix_millis(now().unix_millis() + 3_600_000).unwrap();
        let opened = AccountEvent::AccountOpened {
            at: ahead,
            name: "a shop".to_owned(),
            image_limit: None,
        };
        let context = CommandContext::operator(&Operator::default());
        let metadata = EventMetadata {
            event_id: Uuid::now_v7(),
            occurred_at: ahead,
            actor: context.actor.clone(),
            dialect: context.dialect.clone(),
            request_id: context.request_id.clone(),
            correlation_id: context.correlation_id.clone(),
            causation_id: Uuid::now_v7(),
            reason: None,
        };
        let account = AccountId::new(Uuid::now_v7());
        let events = vec![(opened, metadata)];
        let (stream, conditions) = (account.uuid(), Conditions::default());
        let appended = store.append::<Account>(stream, 0, events, &conditions);
        appended.await.unwrap();
        for limit in [1, 2] {
            let request = CommandRequest {
                account,
                stream,
                command: AccountCommand::SetImageLimit(Some(limit)),
                if_match: IfMatch::Any,
                conditions: Conditions::default(),
                context: context.clone(),
            };
            execute::<Account, _>(&store, &request)
                .await
                .map_err(|error| error.message)
                .unwrap();
        }
        let log = store.read_log(0, 10).await.unwrap();
        let times = log.iter().map(|entry| entry.metadata.occurred_at);
        assert_eq!(times.collect::<Vec<_>>(), [ahead; 3]);
    }
}

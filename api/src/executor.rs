//! Runs a command: load the stream, check the expected version, decide, append, wait until
//! the lists show it.
//!
//! The work is spawned, so that a client that hangs up cannot cut a commit from its consequences.

use std::time::Duration;

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use photolog_domain::{
    AccountId, Dated, Dialect, EventMetadata, Image, ImageCommand, ImageError, ImageId, ImageState,
};
use photolog_store::{Appended, Conditions, Loaded, Store, StoreError, StoredAggregate};
use photolog_telemetry::{metric, trace};
use tracing::Instrument;
use uuid::Uuid;

use crate::app::{App, SharedApp};
use crate::auth::Caller;
use crate::clock::now;
use crate::error::ApiError;
use crate::http::Request;
use crate::http::conditional::IfMatch;
use crate::http::poll_watch::watched;
use crate::http::request::Held;
use crate::operator::Operator;

/// How often a lost race is run again before the client is told to come back.
const ATTEMPTS: u32 = 20;

/// Who asks, and why: what goes into the metadata of every event.
#[derive(Clone, Debug)]
pub struct CommandContext {
    /// Key id, or the [`Operator`].
    pub actor: String,
    /// The dialect.
    pub dialect: Dialect,
    /// The request's id.
    pub request_id: String,
    /// What ties several requests together: `X-Correlation-Id`, else the trace of a
    /// `traceparent`, else the request's own id.
    pub correlation_id: String,
    /// Why, in the client's words.
    pub reason: Option<String>,
    /// Whose credentials must still hold; `None` for the operator.
    pub caller: Option<Caller>,
    /// The request's places: the command may outlive it.
    pub places: Option<Held>,
}

impl CommandContext {
    const MAX_REASON_CHARACTERS: usize = 500;
    const MAX_CORRELATION_CHARACTERS: usize = 128;

    /// Reads the context out of a request.
    ///
    /// # Errors
    /// When a header is longer than allowed or not text.
    pub fn of(request: &Request) -> Result<Self, ApiError> {
        let text = |name: &'static str, limit: usize| match request.headers.get(name) {
            None => Ok(None),
            Some(value) => std::str::from_utf8(value.as_bytes())
                .ok()
                .filter(|text| text.chars().count() <= limit)
                .map(|text| Some(text.to_owned()))
                .ok_or_else(|| {
                    ApiError::malformed(format!(
                        "{name} must be text of at most {limit} characters"
                    ))
                }),
        };
        let request_id = request.id.to_string();
        Ok(Self {
            actor: request.caller()?.key_id.to_string(),
            dialect: request.dialect,
            correlation_id: text("x-correlation-id", Self::MAX_CORRELATION_CHARACTERS)?
                .or_else(|| trace::trace_id(&request.headers))
                .unwrap_or_else(|| request_id.clone()),
            request_id,
            reason: text("x-photolog-reason", Self::MAX_REASON_CHARACTERS)?,
            caller: request.caller.clone(),
            places: request.places.clone(),
        })
    }

    /// The operator at the command line.
    pub fn operator(operator: &Operator) -> Self {
        let request_id = Uuid::now_v7().to_string();
        Self {
            actor: operator.to_string(),
            dialect: Dialect::Cli,
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
pub struct Written {
    /// The image.
    pub image: ImageId,
    /// Its state now.
    pub state: ImageState,
    /// Its stream's sequence now.
    pub sequence: u64,
    /// Whether lists show the change already.
    pub visible: bool,
}

/// Runs a command on an image of `account`.
///
/// # Errors
/// Whatever the rules, the conditions or the store say. An image of another account is "not found".
pub async fn execute(
    app: &SharedApp,
    account: AccountId,
    image: ImageId,
    command: ImageCommand,
    if_match: IfMatch,
    conditions: Conditions,
    context: CommandContext,
) -> Result<Written, ApiError> {
    let app = app.clone();
    let work = async move {
        if let Some(caller) = &context.caller {
            app.auth.check_again(caller).await?;
        }
        let admit = |loaded: &Loaded<Image>| match loaded.aggregate.state() {
            Some(state) if state.account != account => Err(ImageError::NotFound.into()),
            Some(_) => if_match.check(loaded.sequence),
            None => Ok(()),
        };
        let stream = image.uuid();
        let done = run(&app.store, stream, &command, admit, &conditions, &context).await?;
        let visible = match &done.appended {
            Some(appended) => wait(&app, appended).await,
            None => true,
        };
        let state = done.aggregate.state().ok_or(ImageError::NotFound)?.clone();
        Ok(Written {
            image,
            state,
            sequence: done.sequence,
            visible,
        })
    };
    tokio::spawn(watched("command", work).in_current_span())
        .await
        .map_err(ApiError::internal)?
}

/// Runs a command of a request on an image, under the request's `If-Match`.
///
/// # Errors
/// As [`execute`].
pub async fn write(
    app: &SharedApp,
    request: &Request,
    image: ImageId,
    command: ImageCommand,
) -> Result<Written, ApiError> {
    execute(
        app,
        request.caller()?.account,
        image,
        command,
        IfMatch::of(&request.headers),
        Conditions::default(),
        CommandContext::of(request)?,
    )
    .await
}

/// An image of the caller's account as it is now: its stream's sequence and its state.
///
/// # Errors
/// `NotFound` when it is not there, or another's; `Unavailable` when only a newer program knows how it is.
pub async fn present(
    app: &App,
    request: &Request,
    image: ImageId,
) -> Result<(u64, ImageState), ApiError> {
    let loaded: Loaded<Image> = app.store.load(image.uuid()).await?;
    let account = request.caller()?.account;
    let state = loaded.aggregate.into_state();
    let state = state.filter(|state| state.account == account);
    let state = state.ok_or(ImageError::NotFound)?;
    state.refuse_newer()?;
    Ok((loaded.sequence, state))
}

async fn wait(app: &SharedApp, appended: &Appended) -> bool {
    app.store
        .wait_until_visible(appended, app.limits.visibility())
        .await
        .unwrap_or_else(|problem| {
            // The write itself is safe; only the promise about lists cannot be kept.
            tracing::warn!(%problem, "visibility of a write is unknown");
            false
        })
}

/// An aggregate after a command.
pub struct Done<A> {
    /// The state now.
    pub aggregate: A,
    /// The stream's sequence now.
    pub sequence: u64,
    /// What was appended; `None` when nothing changed.
    pub appended: Option<Appended>,
}

/// Loads, admits, decides and appends, again after a lost race.
///
/// # Errors
/// Whatever `admit`, the aggregate's rules, the conditions or the store say.
pub async fn run<A, C>(
    store: &Store,
    stream: Uuid,
    command: &C,
    admit: impl Fn(&Loaded<A>) -> Result<(), ApiError>,
    conditions: &Conditions,
    context: &CommandContext,
) -> Result<Done<A>, ApiError>
where
    A: StoredAggregate + Aggregate<Command = Dated<C>>,
    A::Error: Into<ApiError>,
    C: Clone,
{
    let done = decide_and_append(store, stream, command, admit, conditions, context).await;
    let outcome = match &done {
        Ok(done) if done.appended.is_some() => "appended",
        Ok(_) => "unchanged",
        Err(error) if error.is_ours() => "failed",
        Err(_) => "refused",
    };
    metrics::counter!(metric::COMMANDS, "aggregate" => A::TYPE, "outcome" => outcome).increment(1);
    done
}

async fn decide_and_append<A, C>(
    store: &Store,
    stream: Uuid,
    command: &C,
    admit: impl Fn(&Loaded<A>) -> Result<(), ApiError>,
    conditions: &Conditions,
    context: &CommandContext,
) -> Result<Done<A>, ApiError>
where
    A: StoredAggregate + Aggregate<Command = Dated<C>>,
    A::Error: Into<ApiError>,
    C: Clone,
{
    // What is remembered may be old. An append says so; a refusal or "nothing to do" would not.
    if let Some(remembered) = store.remembered(stream)
        && admit(&remembered).is_ok()
        && let Ok(decision) = decide(remembered, command, context).await
        && !decision.events.is_empty()
    {
        match append(store, stream, decision, conditions).await {
            Err(StoreError::Conflict) => {}
            done => return Ok(done?),
        }
    }
    let mut attempt = 1;
    loop {
        let loaded = store.load::<A>(stream).await?;
        admit(&loaded)?;
        let decision = decide(loaded, command, context).await?;
        match append(store, stream, decision, conditions).await {
            Err(StoreError::Conflict) if attempt < ATTEMPTS => {
                metrics::counter!(metric::CONFLICTS).increment(1);
                // Grows with each loss and differs between racers, who would else collide again.
                let chance = u64::from(Uuid::now_v7().as_bytes()[15]);
                let pause = u64::from(attempt) * (1 + chance % 4);
                tokio::time::sleep(Duration::from_millis(pause)).await;
                attempt += 1;
            }
            done => return Ok(done?),
        }
    }
}

/// What a command leads to, if the stream stands where it was loaded.
struct Decision<A: Aggregate> {
    /// With the events applied.
    aggregate: A,
    /// The sequence the stream must have.
    expected: u64,
    events: Vec<(A::Event, EventMetadata)>,
}

async fn decide<A, C>(
    loaded: Loaded<A>,
    command: &C,
    context: &CommandContext,
) -> Result<Decision<A>, ApiError>
where
    A: StoredAggregate + Aggregate<Command = Dated<C>>,
    A::Error: Into<ApiError>,
    C: Clone,
{
    // Clocks of nodes differ; what happened later must not seem to be earlier.
    let at = loaded.last_at.map_or_else(now, |last| now().max(last));
    let mut aggregate = loaded.aggregate;
    let sink = EventSink::default();
    let dated = Dated {
        at,
        command: command.clone(),
    };
    let handled = aggregate.handle(dated, &(), &sink).await;
    handled.map_err(Into::into)?;
    let causation_id = Uuid::now_v7();
    let events = sink.collect().await.into_iter().map(|event| {
        let metadata = EventMetadata {
            event_id: Uuid::now_v7(),
            occurred_at: at,
            actor: context.actor.clone(),
            dialect: context.dialect.into(),
            request_id: context.request_id.clone(),
            correlation_id: context.correlation_id.clone(),
            causation_id,
            reason: context.reason.clone(),
        };
        (event, metadata)
    });
    Ok(Decision {
        aggregate,
        expected: loaded.sequence,
        events: events.collect(),
    })
}

async fn append<A: StoredAggregate>(
    store: &Store,
    stream: Uuid,
    decision: Decision<A>,
    conditions: &Conditions,
) -> Result<Done<A>, StoreError> {
    let Decision {
        aggregate,
        expected,
        events,
    } = decision;
    if events.is_empty() {
        return Ok(Done {
            aggregate,
            sequence: expected,
            appended: None,
        });
    }
    let last_at = events.last().map(|(_, metadata)| metadata.occurred_at);
    let appended = store
        .append::<A>(stream, expected, events, conditions)
        .await?;
    let now = Loaded {
        aggregate,
        sequence: appended.sequence,
        last_at,
    };
    store.remember(stream, &now);
    Ok(Done {
        aggregate: now.aggregate,
        sequence: now.sequence,
        appended: Some(appended),
    })
}

#[cfg(test)]
mod tests {
    use photolog_domain::{Account, AccountCommand, AccountEvent, Timestamp};
    use photolog_store::{MasterKeyFile, StoreConfig};

    use super::*;

    #[tokio::test]
    async fn no_event_is_told_to_be_earlier_than_the_one_before() {
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
            dialect: context.dialect.into(),
            request_id: context.request_id.clone(),
            correlation_id: context.correlation_id.clone(),
            causation_id: Uuid::now_v7(),
            reason: None,
        };
        let (account, conditions) = (Uuid::now_v7(), Conditions::default());
        let events = vec![(opened, metadata)];
        let appended = store.append::<Account>(account, 0, events, &conditions);
        appended.await.unwrap();
        for limit in [1, 2] {
            let command = AccountCommand::SetImageLimit(Some(limit));
            run::<Account, _>(&store, account, &command, |_| Ok(()), &conditions, &context)
                .await
                .map_err(|error| error.message)
                .unwrap();
        }
        let log = store.read_log(0, 10).await.unwrap();
        let times = log.iter().map(|entry| entry.metadata.occurred_at);
        assert_eq!(times.collect::<Vec<_>>(), [ahead; 3]);
    }
}

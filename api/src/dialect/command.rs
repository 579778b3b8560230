//! Turns a request of any dialect into a command on an image, and loads that image.

use photolog_domain::{Image, ImageCommand, ImageError, ImageId, ImageState};
use photolog_store::{Conditions, Loaded};
use photolog_telemetry::trace;

use crate::app::{App, SharedApp};
use crate::error::ApiError;
use crate::executor::{CommandContext, CommandRequest, ImageOutcome, execute_on_image};
use crate::http::Request;
use crate::http::conditional::IfMatch;

const MAX_REASON_CHARACTERS: usize = 500;
const MAX_CORRELATION_CHARACTERS: usize = 128;

/// Executes a request's command on an image: as the caller, under the request's `If-Match`, with
/// the reason that the request gives.
///
/// # Errors
/// As [`execute_on_image`]; also when a header is too long or is not text.
pub async fn execute_request(
    app: &SharedApp,
    request: &Request,
    image: ImageId,
    command: ImageCommand,
) -> Result<ImageOutcome, ApiError> {
    let request = CommandRequest {
        account: request.caller()?.account,
        stream: image.uuid(),
        command,
        if_match: IfMatch::of(&request.headers),
        conditions: Conditions::default(),
        context: context(request)?,
    };
    execute_on_image(app, request).await
}

/// The current state of an image of the caller's account, and its stream's sequence.
///
/// # Errors
/// `NotFound` when it does not exist or belongs to another account; `Unavailable` when it has
/// events that only a newer version can read.
pub async fn current_image(
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

/// The caller of a request, and the reason that it gives.
///
/// # Errors
/// When a header is too long or is not text.
pub fn context(request: &Request) -> Result<CommandContext, ApiError> {
    let text = |name: &'static str, limit: usize| match request.headers.get(name) {
        None => Ok(None),
        Some(value) => std::str::from_utf8(value.as_bytes())
            .ok()
            .filter(|text| text.chars().count() <= limit)
            .map(|text| Some(text.to_owned()))
            .ok_or_else(|| {
                ApiError::malformed(format!("{name} must be text of at most {limit} characters"))
            }),
    };
    let request_id = request.id.to_string();
    Ok(CommandContext {
        actor: request.caller()?.key_id.to_string(),
        dialect: request.dialect.clone(),
        correlation_id: text("x-correlation-id", MAX_CORRELATION_CHARACTERS)?
            .or_else(|| trace::trace_id(&request.headers))
            .unwrap_or_else(|| request_id.clone()),
        request_id,
        reason: text("x-photolog-reason", MAX_REASON_CHARACTERS)?,
        caller: request.caller.clone(),
        places: request.places.clone(),
    })
}

/// A request's idempotency key, under any of the names that clients use for it.
///
/// # Errors
/// When it is empty, longer than 255 bytes, or not text.
pub fn idempotency_key(request: &Request) -> Result<Option<String>, ApiError> {
    let given = ["idempotency-key", "x-idempotency-key"]
        .into_iter()
        .find(|name| request.headers.contains_key(*name));
    let Some(name) = given else {
        return Ok(None);
    };
    request
        .header(name)
        .filter(|key| (1..=255).contains(&key.len()))
        .map(|key| Some(key.to_owned()))
        .ok_or_else(|| ApiError::malformed(format!("{name} must have 1 to 255 characters")))
}

//! `/accounts/{account}/images`: list (eventually consistent), upload, show, replace, disable (all
//! strongly consistent).

use http::StatusCode;
use photolog_domain::{
    AccountId, AltTextChange, ContentHash, Image, ImageCommand, ImageError, ImageId, Timestamp,
};
use photolog_store::{
    Conditions, Idempotency, ImageFilter, ImageList, ListStart, Loaded, SortOrder, Spool,
    StoreError,
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::app::{App, SharedApp};
use crate::auth::secret::new_public_id;
use crate::clock::now;
use crate::dialect::answer::Answer;
use crate::dialect::command::{self, current_image, execute_request, idempotency_key};
use crate::dialect::moov::upload::ImageForm;
use crate::dialect::moov::wire::{Duplicate, ImageMetadata};
use crate::dialect::page_memory;
use crate::error::{ApiError, Kind};
use crate::executor::{CommandRequest, ImageOutcome, earlier_outcome, execute_on_image};
use crate::http::compute::compute;
use crate::http::conditional::IfMatch;
use crate::http::memory::Holder;
use crate::http::response::{empty, json};
use crate::http::{Request, Response};
use crate::past_image::fold_while;

const DEFAULT_COUNT: u64 = 20;
const MAX_COUNT: u64 = 1_000;

/// `GET /accounts/{account}/images`: newest first, including disabled images. Eventually
/// consistent, but a write waits until it is visible here.
pub async fn list(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let account = request.caller()?.account;
    let mut list = ImageList {
        account,
        which: ImageFilter::All,
        order: SortOrder::NewestFirst,
        start: ListStart::First,
        skip: request.query.number("skip", 0)?,
        count: request.query.number("count", DEFAULT_COUNT)?.min(MAX_COUNT),
    };
    let _turn = app
        .reads
        .turn(Holder::Account(account), page_memory(list.count))
        .await?;
    let mut images = Vec::new();
    loop {
        let page = app.store.list_images(&list).await?;
        list.count -= page.rows.len() as u64;
        let last = page.rows.last().map(|row| row.image);
        let links = app.clone();
        let rows = compute(move || {
            let rows = page.rows.iter();
            rows.map(|row| ImageMetadata::new(&links, row.image, &row.state))
                .collect::<Vec<_>>()
        });
        images.extend(rows.await?);
        // Clients treat a short page as the last one, so this list must not end early.
        let Some(last) = last.filter(|_| page.is_cut) else {
            break;
        };
        list.start = ListStart::After(last);
        list.skip = 0;
    }
    let answer = compute(move || json(StatusCode::OK, &images));
    request.count(answer.await?).await
}

/// `POST /accounts/{account}/images`
pub async fn upload(app: SharedApp, mut request: Request) -> Result<Response, ApiError> {
    let account = request.caller()?.account;
    let context = command::context(&request)?;
    let key = idempotency_key(&request)?;
    let form = ImageForm::read(&app, &mut request).await?;
    let alt_text = match form.alt_text {
        AltTextChange::Set(text) => Some(text),
        AltTextChange::Keep | AltTextChange::Clear => None,
    };
    let idempotency = key.map(|key| Idempotency {
        account,
        key,
        fingerprint: fingerprint(
            &form.image.digest(),
            alt_text.as_ref().map(|text| text.as_str()),
        ),
    });
    if let Some(earlier) = earlier_outcome(&app, idempotency.as_ref()).await? {
        return Ok(answer(&app, StatusCode::CREATED, &earlier));
    }
    if let Err(error) = refuse_duplicate(&app, account, None, &form.image).await {
        return refuse_upload(&app, error).await;
    }
    let ingested = app.pictures.ingest(account, form.image).await?;
    let outcome = execute_on_image(
        &app,
        CommandRequest {
            account,
            stream: Uuid::now_v7(),
            command: ImageCommand::Upload {
                account,
                public_id: new_public_id().map_err(ApiError::internal)?,
                content: ingested.content,
                master: ingested.master,
                alt_text,
            },
            if_match: IfMatch::Any,
            conditions: Conditions {
                image_limit: Some(app.limits.images_per_account),
                idempotency,
                ..Conditions::default()
            },
            context,
        },
    )
    .await;
    // Confirmed even after a failure, because an append whose result is unknown may have succeeded.
    app.pictures.confirm(ingested.blobs).await?;
    match outcome {
        Ok(outcome) => Ok(answer(&app, StatusCode::CREATED, &outcome)),
        Err(error) => refuse_upload(&app, error).await,
    }
}

/// Rejects bytes that another image of the account has, before the cost of decoding them. The
/// append checks again in its transaction.
async fn refuse_duplicate(
    app: &App,
    account: AccountId,
    image: Option<ImageId>,
    upload: &Spool,
) -> Result<(), ApiError> {
    match app.store.content_holder(account, &upload.digest()).await? {
        Some(holder) if Some(holder) != image => {
            Err(StoreError::DuplicateContent { holder }.into())
        }
        _ => Ok(()),
    }
}

async fn refuse_upload(app: &App, error: ApiError) -> Result<Response, ApiError> {
    let Kind::Duplicate { holder } = error.kind else {
        return Err(error);
    };
    let loaded: Loaded<Image> = app.store.load(holder.uuid()).await?;
    match loaded.aggregate.state() {
        Some(state) => Ok(json(
            StatusCode::CONFLICT,
            &Duplicate {
                error: error.message,
                existing: ImageMetadata::new(app, holder, state),
            },
        )),
        None => Err(error),
    }
}

/// `GET /accounts/{account}/images/{image}`; with `version=N` or `as_of=TIME`, the image as it was
/// then.
pub async fn show(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let account = request.caller()?.account;
    let (sequence, state) = match (request.query.get("version"), request.query.get("as_of")) {
        (None, None) => current_image(&app, &request, image).await?,
        (Some(version), None) => {
            let version: u64 = version
                .parse()
                .map_err(|_| ApiError::malformed("version must be a number"))?;
            fold_while(&app, account, image, |event| event.sequence <= version)
                .await?
                .filter(|(sequence, _)| *sequence == version)
                .ok_or_else(|| ApiError::not_found("the image has no such version"))?
        }
        (None, Some(time)) => {
            let time: Timestamp = time
                .parse()
                .map_err(|problem| ApiError::malformed(format!("as_of: {problem}")))?;
            fold_while(&app, account, image, |event| {
                event.metadata.occurred_at <= time
            })
            .await?
            .ok_or_else(|| ApiError::not_found("the image did not exist then"))?
        }
        (Some(_), Some(_)) => {
            return Err(ApiError::malformed("give either version or as_of"));
        }
    };
    let response = json(StatusCode::OK, &ImageMetadata::new(&app, image, &state));
    Ok(response.with_version(sequence))
}

/// `PUT /accounts/{account}/images/{image}`
pub async fn replace(app: SharedApp, mut request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let (sequence, state) = current_image(&app, &request, image).await?;
    if state.disabled_at.is_some() {
        return Err(ImageError::Disabled.into());
    }
    let form = ImageForm::read(&app, &mut request).await?;
    IfMatch::of(&request.headers).check(sequence)?;
    // The image's own rules are checked before the check for duplicates among other images, as in
    // the append.
    let loaded: Loaded<Image> = app.store.load(image.uuid()).await?;
    let mut content = state.content.clone();
    content.digest = form.image.digest();
    let wanted = ImageCommand::Replace {
        content,
        master: state.master.clone(),
        alt_text: form.alt_text.clone(),
    };
    loaded.aggregate.decide(wanted, now())?;
    refuse_duplicate(&app, state.account, Some(image), &form.image).await?;
    let (content, master, blobs) = if form.image.digest() == state.content.digest {
        (state.content, state.master, None)
    } else {
        let ingested = app.pictures.ingest(state.account, form.image).await?;
        (ingested.content, ingested.master, Some(ingested.blobs))
    };
    let command = ImageCommand::Replace {
        content,
        master,
        alt_text: form.alt_text,
    };
    let outcome = execute_request(&app, &request, image, command).await;
    app.pictures.confirm(blobs.into_iter().flatten()).await?;
    Ok(answer(&app, StatusCode::OK, &outcome?))
}

/// `DELETE /accounts/{account}/images/{image}`: disables the image; its public link keeps working.
pub async fn disable(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let image: ImageId = request.id_of("image")?;
    let outcome = execute_request(&app, &request, image, ImageCommand::Disable).await?;
    let response = empty(StatusCode::NO_CONTENT);
    Ok(response.with_outcome(&outcome))
}

/// The response that shows the image after a write.
pub(super) fn answer(app: &App, status: StatusCode, outcome: &ImageOutcome) -> Response {
    let response = json(
        status,
        &ImageMetadata::new(app, outcome.image, &outcome.state),
    );
    response.with_outcome(outcome)
}

/// A digest of the request's content, used to detect an idempotency key that is reused for another
/// request.
fn fingerprint(content: &ContentHash, alt_text: Option<&str>) -> ContentHash {
    let mut hash = Sha256::new();
    hash.update(content.as_bytes());
    hash.update([u8::from(alt_text.is_some())]);
    hash.update(alt_text.unwrap_or_default());
    ContentHash::new(hash.finalize().into())
}

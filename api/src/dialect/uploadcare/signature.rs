//! The two ways in which a request proves possession of its key: the secret itself, or an HMAC over
//! the request.
//!
//! <https://uploadcare.com/docs/api/rest/authentication/>

use hmac::{Hmac, Mac};
use md5::{Digest as _, Md5};
use photolog_domain::KeyId;
use sha1::Sha1;
use time::format_description::well_known::Rfc2822;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::http::Request;
use crate::http::memory::Holder;
use crate::http::places::Place;

/// The maximum difference between the date of a signed request and our clock.
const WINDOW_SECONDS: i64 = 15 * 60;
/// No request in this dialect has a larger body.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Reads `Authorization: Uploadcare.Simple key:secret` or `Uploadcare key:signature`.
///
/// A signature covers the body. Until the signature is checked, the body is from an unauthenticated
/// client, so it is read under a permit for those clients and not under `checking`, which other
/// requests wait for.
///
/// # Errors
/// `Unauthenticated`, or `Forbidden` when the account is not open.
pub async fn authenticate(
    app: &App,
    request: &mut Request,
    checking: Place,
) -> Result<Caller, ApiError> {
    let missing = || refused("Authentication credentials were not provided.").because("missing");
    let wrong = || refused("Incorrect authentication credentials.");
    let authorization = request
        .header("authorization")
        .ok_or_else(missing)?
        .to_owned();
    let (scheme, credentials) = authorization.split_once(' ').ok_or_else(missing)?;
    let (key_id, proof) = credentials.trim().split_once(':').ok_or_else(wrong)?;
    match scheme {
        "Uploadcare.Simple" => app
            .auth
            .by_secret(key_id, proof)
            .await
            .map_err(|error| with_text(error, wrong())),
        "Uploadcare" => {
            // The key is checked before the body, so a client without a key cannot make the server
            // read one.
            let key_id: KeyId = key_id.parse().map_err(|_| wrong())?;
            let unknown = || wrong().because("unknown_key");
            let key = app.store.key(&key_id).await?.ok_or_else(unknown)?;
            let verifiers = key.verifiers.as_ref().ok_or_else(unknown)?;
            drop(checking);
            let stranger = Holder::client(request.client);
            request.body.charge(app.bodies.share(stranger));
            let place = app.places.open.enter(request.client);
            let signed = place.hold(signed_text(request)).await?;
            if !verifies(&verifiers.signing_sha1, &signed, proof) {
                return Err(wrong().because("signature"));
            }
            if key.signing_key_logged {
                return Err(refused(
                    "Signatures of this key are not accepted any more, because its signing key \
                     stands in the event log: reissue this key. Uploadcare.Simple works with it.",
                )
                .because("signing_key_logged"));
            }
            Caller::of_key(key)
        }
        _ => Err(missing()),
    }
}

fn refused(message: &str) -> ApiError {
    let mut error = ApiError::unauthenticated();
    message.clone_into(&mut error.message);
    error
}

/// The vendor's message for wrong credentials; any other failure keeps its own.
fn with_text(error: ApiError, wrong: ApiError) -> ApiError {
    if error.kind == wrong.kind {
        wrong.because(error.reason())
    } else {
        error
    }
}

/// The text that a client signs: five lines, four of them taken verbatim from the request.
async fn signed_text(request: &mut Request) -> Result<String, ApiError> {
    let date = request
        .header("x-uploadcare-date")
        .or_else(|| request.header("date"))
        .ok_or_else(|| refused("The Date header is missing.").because("date"))?
        .to_owned();
    let moment = parse_date(&date)
        .ok_or_else(|| refused("The Date header is not an RFC 2822 date.").because("date"))?;
    let off = (OffsetDateTime::now_utc() - moment).whole_seconds().abs();
    if off > WINDOW_SECONDS {
        return Err(refused("The Date header is more than 15 minutes off.").because("date"));
    }
    let body = request.body.collect(MAX_BODY_BYTES).await?;
    let digest = hex::encode(Md5::digest(&body));
    request.body.restore(body);
    let content_type = request.header("content-type").unwrap_or_default();
    Ok(format!(
        "{}\n{digest}\n{content_type}\n{date}\n{}",
        request.method, request.target
    ))
}

pub(crate) fn verifies(signing_sha1: &[u8], text: &str, signature: &str) -> bool {
    let Ok(signature) = hex::decode(signature) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(signing_sha1) else {
        return false;
    };
    mac.update(text.as_bytes());
    mac.verify_slice(&signature).is_ok()
}

/// RFC 2822, and the variant that one of the vendor's clients sends, with a comma after the year.
pub(crate) fn parse_date(text: &str) -> Option<OffsetDateTime> {
    let with_comma = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year], [hour]:[minute]:[second] GMT"
    );
    OffsetDateTime::parse(&text.replace("GMT", "+0000"), &Rfc2822)
        .ok()
        .or_else(|| {
            PrimitiveDateTime::parse(text, &with_comma)
                .ok()
                .map(PrimitiveDateTime::assume_utc)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_both_clients_are_read() {
        let both = [
            "Sat, 21 Nov 2026 04:36:26 GMT",
            "Sat, 21 Nov 2026, 04:36:26 GMT",
        ];
        for text in both {
            let moment = parse_date(text).unwrap();
            assert_eq!(moment.unix_timestamp(), 1_795_235_786, "{text}");
        }
        for text in [
            "",
            "now",
            "2026-11-21T04:36:26Z",
            "Sat, 99 Nov 2026 04:36:26 GMT",
        ] {
            assert!(parse_date(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_signature_by_the_secret_verifies_against_its_kept_hash() {
        let secret = format!("pls_{}", "ab".repeat(32));
        let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(b"text");
        let signature = hex::encode(mac.finalize().into_bytes());
        let kept = Sha1::digest(&secret);
        assert!(verifies(&kept, "text", &signature));
        assert!(!verifies(&kept, "other text", &signature));
        assert!(!verifies(&kept, "text", "zz"));
    }
}

//! The OpenAPI description of Moov's dialect: images, tokens, and the public pictures.

use serde_json::{Value, json};

use crate::dialect::operation::{Operation, schema};

/// The description of a route.
pub fn describe(method: &str, pattern: &str) -> Option<Operation> {
    let operation = match (method, pattern) {
        ("GET", "/images/{image}") => public_picture(),
        ("GET", "/accounts/{account}/images") => {
            Operation::new("Images, newest first, disabled ones included")
                .query("skip", "How many to leave out.", number(0))
                .query("count", "How many; at most 1,000 are given.", number(20))
                .answer(200, "A page", json!({ "type": "array", "items": schema("MoovImage") }))
        }
        ("POST", "/accounts/{account}/images") => Operation::new("Upload a picture")
            .header(
                "Idempotency-Key",
                "A repetition with the same key gets the first answer, and makes no second image.",
                json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]*$" }),
            )
            .body_as("multipart/form-data", form())
            .answer(201, "The new image", schema("MoovImage"))
            .answer(409, "The account has the same picture", schema("MoovDuplicate"))
            .answer(422, "A part is wrong", schema("MoovImageRequestError")),
        ("GET", "/accounts/{account}/images/{image}") => {
            Operation::new("One image, now or as it was")
                .query("version", "The version (`ETag`) to show.", number(0))
                .query("as_of", "The time to show it at.", time())
                .answer(200, "The image", schema("MoovImage"))
        }
        ("PUT", "/accounts/{account}/images/{image}") => {
            Operation::new("Replace the picture behind the same link")
                .image_write()
                .body_as("multipart/form-data", form())
                .answer(200, "The image", schema("MoovImage"))
                .answer(422, "A part is wrong", schema("MoovImageRequestError"))
        }
        ("DELETE", "/accounts/{account}/images/{image}") => {
            Operation::new("Take an image out of use; its link goes on working")
                .image_write()
                .empty(204, "It is out of use")
        }
        ("PUT", "/accounts/{account}/images/{image}/metadata") => {
            Operation::new("Replace the alternative text; without one it is cleared")
                .image_write()
                .body(schema("MoovMetadata"))
                .answer(200, "The image", schema("MoovImage"))
                .answer(422, "The text is wrong", schema("MoovMetadataError"))
        }
        ("POST", "/oauth2/token") => Operation::new("Tokens for a key's id and secret")
            .guarded_by("basic")
            .body(schema("MoovTokenRequest"))
            .or_form()
            .answer(200, "Tokens", schema("MoovTokens"))
            .answer(422, "A member is wrong", schema("MoovTokenRequestError")),
        ("POST", "/oauth2/revoke") => Operation::new("End a log-in by one of its tokens")
            .guarded_by("basic")
            .body(schema("MoovRevokeRequest"))
            .or_form()
            .empty(204, "The token counts no longer, or is unknown")
            .answer(422, "A member is wrong", schema("MoovRevokeRequestError")),
        _ => return None,
    };
    Some(operation)
}

fn public_picture() -> Operation {
    let picture = json!({ "schema": { "type": "string", "contentMediaType": "image/*" } });
    Operation::new("The picture behind a public link")
        .query(
            "size",
            "Fitted into this, never enlarged or cropped; a zero side follows the other.",
            json!({ "type": "string", "pattern": "^[0-9]{1,5}x[0-9]{1,5}$", "default": "400x400" }),
        )
        .header(
            "If-None-Match",
            "The `ETag` of an earlier answer.",
            json!({ "type": "string" }),
        )
        .other_answer(
            200,
            json!({
                "description": "The picture, in a format that `Accept` takes",
                "content": { "image/jpeg": picture, "image/png": picture, "image/webp": picture },
            }),
        )
        .empty(304, "It is the one the client knows")
}

fn number(default: u64) -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 0, "default": default })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn form() -> Value {
    json!({
        "schema": {
            "type": "object",
            "required": ["image"],
            "properties": {
                "image": { "type": "string", "contentMediaType": "application/octet-stream",
                    "description": "PNG, JPEG or WebP of at most 16 MiB; the bytes decide which." },
                "metadata": schema("MoovMetadata"),
            },
        },
        "encoding": { "metadata": { "contentType": "application/json" } },
    })
}

/// The schemas of its bodies.
pub fn schemas() -> Value {
    let text = json!({ "type": "string" });
    let alt_text =
        json!({ "type": ["string", "null"], "maxLength": 125, "pattern": "^[^\\u0000]*$" });
    let image = json!({
        "imageID": { "type": "string", "format": "uuid" },
        "publicID": { "type": "string", "pattern": "^[A-Za-z0-9_-]{21}$" },
        "altText": { "type": "string", "minLength": 1, "maxLength": 125 },
        "link": { "type": "string", "format": "uri" },
        "createdOn": time(),
        "updatedOn": time(),
        "disabledOn": time(),
    });
    let required = ["imageID", "publicID", "link", "createdOn", "updatedOn"];
    json!({
        "MoovImage": { "type": "object", "required": required, "properties": image },
        "MoovDuplicate": {
            "type": "object",
            "required": ["error"],
            "properties": { "error": text },
            "anyOf": [schema("MoovImage"), schema("MoovError")],
            "description": "Beside `error` the image that holds the same bytes.",
        },
        "MoovMetadata": { "type": "object", "properties": { "altText": alt_text } },
        "MoovError": { "type": "object", "required": ["error"], "properties": { "error": text } },
        "MoovImageRequestError": {
            "type": "object",
            "minProperties": 1,
            "properties": {
                "image": text,
                "metadata": { "type": "object", "properties": { "altText": text } },
            },
        },
        "MoovMetadataError": { "type": "object", "required": ["altText"], "properties": { "altText": text } },
        "MoovTokenRequest": {
            "type": "object",
            "required": ["grant_type"],
            "oneOf": [
                { "properties": { "grant_type": { "const": "client_credentials" } } },
                { "properties": { "grant_type": { "const": "refresh_token" } }, "required": ["refresh_token"] },
            ],
            "properties": {
                "grant_type": { "enum": ["client_credentials", "refresh_token"] },
                "client_id": { "type": ["string", "null"] },
                "client_secret": { "type": ["string", "null"] },
                "scope": { "type": ["string", "null"], "examples": ["images.read images.write", "/accounts.read"],
                    "description": "Ours, or the vendor's; without it, all that the key may do." },
                "refresh_token": { "type": ["string", "null"] },
            },
        },
        "MoovTokens": {
            "type": "object",
            "required": ["token_type", "access_token", "refresh_token", "expires_in", "scope"],
            "properties": {
                "token_type": { "const": "Bearer" },
                "access_token": text,
                "refresh_token": text,
                "expires_in": { "type": "integer", "description": "Seconds." },
                "scope": { "type": "string", "description": "What was given, in the form in which it was asked for." },
            },
        },
        "MoovRevokeRequest": {
            "type": "object",
            "required": ["token"],
            "properties": {
                "token": { "type": "string", "description": "An access or a refresh token." },
                "token_type_hint": { "type": ["string", "null"] },
                "client_id": { "type": ["string", "null"] },
                "client_secret": { "type": ["string", "null"] },
            },
        },
        "MoovRevokeRequestError": { "type": "object", "required": ["token"], "properties": { "token": text } },
        "MoovTokenRequestError": {
            "type": "object",
            "minProperties": 1,
            "properties": { "scope": text, "refresh_token": text },
        },
    })
}

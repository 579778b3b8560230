//! The OpenAPI description of OpenStack's dialect: image metadata, images, and identity.

use serde_json::{Value, json};

use crate::dialect::operation::{Operation, schema};

/// The description of a route.
pub fn describe(method: &str, pattern: &str) -> Option<Operation> {
    let operation = match (method, pattern) {
        ("GET", "/v2.1/images/{image}/metadata") => {
            Operation::new("All metadata").answer(200, "All", schema("OpenStackMetadata"))
        }
        ("POST", "/v2.1/images/{image}/metadata") => {
            Operation::new("Set these, keep the others")
                .image_write()
                .body(schema("OpenStackMetadataRequest"))
                .answer(200, "All there is now", schema("OpenStackMetadata"))
        }
        ("PUT", "/v2.1/images/{image}/metadata") => {
            Operation::new("Replace all; an empty object clears")
                .image_write()
                .body(schema("OpenStackMetadataRequest"))
                .answer(200, "All there is now", schema("OpenStackMetadata"))
        }
        ("GET", "/v2.1/images/{image}/metadata/{key}") => {
            Operation::new("One value").answer(200, "The value", schema("OpenStackMeta"))
        }
        ("PUT", "/v2.1/images/{image}/metadata/{key}") => {
            Operation::new("Set one value; the body's one member is the path's key")
                .image_write()
                .body(schema("OpenStackMetaRequest"))
                .answer(200, "The value", schema("OpenStackMeta"))
        }
        ("DELETE", "/v2.1/images/{image}/metadata/{key}") => Operation::new("Delete one key")
            .image_write()
            .empty(204, "It is gone"),
        ("GET", "/v2.1/images") => page("Enabled images, newest first: names and links"),
        ("GET", "/v2.1/images/detail") => page("Enabled images, newest first: everything"),
        ("GET", "/v2.1/images/{image}") => Operation::new("One image").answer(
            200,
            "The image",
            json!({ "type": "object", "required": ["image"],
                "properties": { "image": schema("OpenStackImage") } }),
        ),
        ("GET", "/v2.1") => version("The compute API version"),
        ("GET", "/v3") => version("The identity API version"),
        ("GET", "/") => Operation::new("Every version there is; in a browser, the first page").other_answer(
            200,
            json!({ "description": "Versions, or the page for who names `text/html` in `Accept`",
                "content": {
                    "application/json": { "schema": { "type": "object", "required": ["versions"],
                        "properties": { "versions": { "type": "array", "items": schema("OpenStackVersion") } } } },
                    "text/html": {},
                } }),
        ),
        ("POST", "/v3/auth/tokens") => Operation::new("Log in: a key is a user, its account the project")
            .body(schema("KeystoneRequest"))
            .other_answer(
                201,
                json!({
                    "description": "A token, in the header `X-Subject-Token`, and the catalogue",
                    "headers": { "X-Subject-Token": { "required": true, "schema": { "type": "string" } } },
                    "content": { "application/json": { "schema": schema("KeystoneToken") } },
                }),
            ),
        _ => return None,
    };
    Some(operation)
}

fn page(summary: &'static str) -> Operation {
    Operation::new(summary)
        .query(
            "limit",
            "How many; 0 and more than 1,000 are 1,000.",
            json!({ "type": "integer", "format": "int64", "minimum": 0 }),
        )
        .query(
            "marker",
            "The last image of the page before.",
            json!({ "type": "string", "format": "uuid" }),
        )
        .answer(
            200,
            "A page",
            json!({
                "type": "object",
                "required": ["images"],
                "properties": {
                    "images": { "type": "array", "items": schema("OpenStackImage") },
                    "images_links": { "type": "array", "items": schema("OpenStackLink") },
                },
            }),
        )
}

fn version(summary: &'static str) -> Operation {
    let body = json!({ "type": "object", "required": ["version"],
        "properties": { "version": schema("OpenStackVersion") } });
    Operation::new(summary).answer(200, "The version", body)
}

/// The schemas of its bodies.
pub fn schemas() -> Value {
    let text = json!({ "type": "string" });
    let time = json!({ "type": "string", "format": "date-time" });
    let links = json!({ "type": "array", "items": schema("OpenStackLink") });
    let wrapped = |name: &str, entries: &str| {
        json!({ "type": "object", "required": [name], "additionalProperties": false,
            "properties": { name: schema(entries) } })
    };
    let entries = |longest: u32| {
        json!({
            "type": "object",
            "propertyNames": schema("OpenStackKey"),
            "properties": { "altText": { "type": "string", "minLength": 1, "maxLength": 125 } },
            "additionalProperties": { "type": "string", "maxLength": longest, "pattern": "^[^\\u0000]*$" },
        })
    };
    json!({
        "OpenStackKey": { "type": "string", "pattern": "^(?!\\.{1,2}$)[A-Za-z0-9_.:\\- ]{1,255}$" },
        "OpenStackEntries": entries(512),
        "OpenStackEntriesRequest": {
            "allOf": [entries(255)],
            "maxProperties": 128,
        },
        "OpenStackMetadata": wrapped("metadata", "OpenStackEntries"),
        "OpenStackMetadataRequest": wrapped("metadata", "OpenStackEntriesRequest"),
        "OpenStackMeta": wrapped("meta", "OpenStackEntries"),
        "OpenStackMetaRequest": wrapped("meta", "OpenStackEntriesRequest"),
        "OpenStackLink": { "type": "object", "required": ["rel", "href"],
            "properties": { "rel": text, "href": { "type": "string", "format": "uri" } } },
        "OpenStackImage": {
            "type": "object",
            "required": ["id", "name", "links"],
            "properties": {
                "id": { "type": "string", "format": "uuid" },
                "name": text,
                "status": { "enum": ["ACTIVE", "DELETED"] },
                "created": time,
                "updated": time,
                "metadata": schema("OpenStackEntries"),
                "links": links,
            },
        },
        "OpenStackVersion": { "type": "object", "required": ["id", "status", "links"],
            "properties": { "id": text, "status": text, "links": links } },
        "OpenStackFault": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {
                "type": "object",
                "required": ["code", "message"],
                "properties": { "code": { "type": "integer" }, "message": text },
            },
        },
        "KeystoneRequest": {
            "type": "object",
            "required": ["auth"],
            "properties": { "auth": {
                "type": "object",
                "required": ["identity"],
                "properties": { "identity": keystone_identity(), "scope": { "type": "object" } },
            } },
        },
        "KeystoneToken": { "type": "object", "required": ["token"],
            "properties": { "token": {
                "type": "object",
                "required": ["methods", "user", "project", "issued_at", "expires_at", "catalog"],
                "properties": { "issued_at": time, "expires_at": time, "catalog": { "type": "array" } },
            } } },
    })
}

fn keystone_identity() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "required": ["methods"],
        "properties": {
            "methods": { "type": "array", "items": text },
            "password": { "type": "object", "required": ["user"], "properties": { "user": {
                "type": "object",
                "required": ["password"],
                "properties": { "id": text, "name": text, "password": text },
            } } },
            "token": { "type": "object", "required": ["id"], "properties": { "id": text } },
            "application_credential": { "type": "object", "required": ["id", "secret"],
                "properties": { "id": text, "secret": text } },
        },
        "anyOf": [
            { "required": ["password"] },
            { "required": ["token"] },
            { "required": ["application_credential"] },
        ],
    })
}

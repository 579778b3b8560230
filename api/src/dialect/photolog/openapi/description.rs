//! The OpenAPI description of our own dialect: the audit, the edges, the operator.

use photolog_domain::ImageEvent;
use serde_json::{Value, json};

use crate::dialect::operation::{Operation, schema};

/// The description of a route.
pub fn describe(method: &str, pattern: &str) -> Option<Operation> {
    let operation = match (method, pattern) {
        ("GET", "/accounts/{account}/images/{image}/history") => history(),
        ("GET", "/accounts/{account}/events") => feed(),
        ("GET", "/edge/pointers/{image}") => {
            Operation::new("What an edge needs to know about a link")
                .guarded_by("edge")
                .answer(200, "The master it shows now", schema("EdgePointer"))
                .empty(304, "It is the one the edge knows")
        }
        ("GET", "/edge/masters/{digest}") => Operation::new("A master's bytes, for an edge")
            .guarded_by("edge")
            .other_answer(
                200,
                json!({ "description": "The picture", "content": { "image/*": {} } }),
            ),
        ("GET", "/healthz") => Operation::new("Whether the process serves").answer(
            200,
            "It does",
            json!({ "type": "object", "required": ["status"],
                "properties": { "status": { "const": "ok" } } }),
        ),
        ("GET", "/readyz") => Operation::new("Whether this node should get requests")
            .query(
                "for",
                "`reads` (default) or `writes`: then faults that every node shares are 503 too.",
                json!({ "enum": ["reads", "writes"] }),
            )
            .answer(200, "It should", schema("Readiness"))
            .answer(503, "It should not", schema("Readiness")),
        ("GET", "/openapi.json") => Operation::new("This description").answer(
            200,
            "OpenAPI 3.1",
            json!({ "type": "object", "required": ["openapi", "paths"] }),
        ),
        ("GET", "/docs") => Operation::new("A page to read this description and try it")
            .other_answer(
                200,
                json!({ "description": "The page", "content": { "text/html": {} } }),
            ),
        ("GET", "/sample.jpg") => Operation::new("A picture to try an upload with").other_answer(
            200,
            json!({ "description": "The picture", "content": { "image/jpeg": {} } }),
        ),
        _ => return None,
    };
    Some(operation)
}

fn feed() -> Operation {
    Operation::new("Every event of an account's images, in the log's order, in pages or live")
        .query(
            "image",
            "Only events of this image.",
            json!({ "type": "string", "format": "uuid" }),
        )
        .query(
            "type",
            "Only events of this type; may be repeated.",
            json!({ "type": "array", "items": { "enum": ImageEvent::TYPES } }),
        )
        .query(
            "cursor",
            "The position to go on after: `next` of the page before.",
            json!({ "type": "integer", "format": "int64" }),
        )
        .query(
            "limit",
            "How many; at most 1,000.",
            json!({ "type": "integer", "format": "int64", "minimum": 1, "default": 100 }),
        )
        .other_answer(
            200,
            json!({
                "description": "CloudEvents: a page, or server-sent events when `Accept` is \
                    `text/event-stream`; these resume by `Last-Event-ID`.",
                "content": {
                    "application/json": { "schema": schema("Feed") },
                    "text/event-stream": {},
                },
            }),
        )
}

fn history() -> Operation {
    let time = json!({ "type": "string", "format": "date-time" });
    Operation::new("Every event of an image with before and after, oldest first")
        .query(
            "type",
            "Only events of this type; may be repeated.",
            json!({ "type": "array", "items": { "enum": ImageEvent::TYPES } }),
        )
        .query("from", "Not before.", time.clone())
        .query("to", "Before.", time)
        .query(
            "limit",
            "How many; at most 1,000 as JSON.",
            json!({ "type": "integer", "format": "int64", "minimum": 1 }),
        )
        .query(
            "cursor",
            "`next` of the page before.",
            json!({ "type": "integer", "format": "int64", "minimum": 0 }),
        )
        .query(
            "format",
            "Instead of `Accept`.",
            json!({ "enum": ["json", "ndjson", "csv"] }),
        )
        .other_answer(
            200,
            json!({
                "description": "The events",
                "content": {
                    "application/json": { "schema": schema("History") },
                    "application/x-ndjson": {},
                    "text/csv": {},
                },
            }),
        )
}

/// The schemas of its bodies.
pub fn schemas() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "History": {
            "type": "object",
            "required": ["events"],
            "properties": {
                "events": { "type": "array", "items": schema("HistoryEntry") },
                "next": text,
            },
        },
        "Feed": {
            "type": "object",
            "required": ["events"],
            "properties": {
                "events": { "type": "array", "items": schema("CloudEvent") },
                "next": text,
            },
        },
        "CloudEvent": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
            "properties": {
                "specversion": { "const": "1.0" },
                "id": { "type": "string", "format": "uuid" },
                "source": text,
                "type": text,
                "subject": text,
                "time": { "type": "string", "format": "date-time" },
                "datacontenttype": text,
                "data": { "type": "object" },
            },
        },
        "Readiness": {
            "type": "object",
            "required": ["status", "projectionLag", "reasons"],
            "properties": {
                "status": { "enum": ["ready", "degraded", "unavailable"] },
                "projectionLag": {
                    "type": ["integer", "null"],
                    "description": "Events that lists lack; null when the database does not answer.",
                },
                "reasons": { "type": "array", "items": text, "description": "What is wrong." },
            },
        },
        "HistoryEntry": {
            "type": "object",
            "required": ["sequence", "type", "at", "actor", "dialect", "requestID", "eventID", "before", "after"],
            "properties": {
                "sequence": { "type": "integer", "description": "The image's version after it." },
                "position": { "type": "integer", "description": "Its place in the log." },
                "type": { "type": "string", "description": "One of the events of docs/events.md, or one that only a newer version of Photolog knows." },
                "at": { "type": "string", "format": "date-time" },
                "actor": { "type": "string", "description": "A key id; `operator` or `operator:LABEL` for the command line." },
                "actorName": { "type": "string", "maxLength": 200, "description": "What the key is called, when it has a name." },
                "dialect": text,
                "reason": text,
                "requestID": text,
                "correlationID": text,
                "causationID": text,
                "eventID": text,
                "before": { "description": "What stood there; `null` where there was nothing." },
                "after": {},
                "data": { "type": "object", "description": "An event that only a newer version knows, as it is stored." },
            },
        },
        "EdgePointer": {
            "type": "object",
            "required": ["digest", "mediaType", "width", "height", "hasAlpha"],
            "properties": {
                "digest": text,
                "mediaType": text,
                "width": { "type": "integer" },
                "height": { "type": "integer" },
                "hasAlpha": { "type": "boolean" },
            },
        },
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": text,
                "title": text,
                "status": { "type": "integer" },
                "detail": text,
            },
        },
    })
}

//! The OpenAPI description of Uploadcare's dialect: files and their metadata.

use serde_json::{Value, json};

use crate::dialect::operation::{Operation, schema};

/// The description of a route.
pub fn describe(method: &str, pattern: &str) -> Option<Operation> {
    let operation = match (method, pattern) {
        ("GET", "/files") => list(),
        ("GET", "/files/{image}") => {
            Operation::new("A file's information").answer(200, "The file", schema("UploadcareFile"))
        }
        ("DELETE", "/files/{image}/storage") => {
            Operation::new("Take a file out of use; its link goes on working")
                .image_write()
                .answer(200, "The file", schema("UploadcareFile"))
        }
        ("GET", "/files/{image}/metadata") => Operation::new("All metadata of a file").answer(
            200,
            "Keys and values",
            schema("UploadcareMetadata"),
        ),
        ("GET", "/files/{image}/metadata/{key}") => {
            Operation::new("One value").answer(200, "The value", schema("UploadcareValue"))
        }
        ("PUT", "/files/{image}/metadata/{key}") => Operation::new("Set one value")
            .image_write()
            .body(schema("UploadcareValue"))
            .answer(200, "The value", schema("UploadcareValue")),
        ("DELETE", "/files/{image}/metadata/{key}") => Operation::new("Delete one key")
            .image_write()
            .empty(204, "It is gone"),
        _ => return None,
    };
    Some(operation)
}

fn list() -> Operation {
    let flag = json!({ "type": "boolean" });
    Operation::new("Files")
        .query(
            "limit",
            "How many on a page.",
            json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 }),
        )
        .query(
            "offset",
            "How many to leave out; as in the links of an answer.",
            json!({ "type": "integer", "format": "int64", "minimum": 0, "default": 0 }),
        )
        .query(
            "ordering",
            "Oldest or newest first.",
            json!({ "enum": ["datetime_uploaded", "-datetime_uploaded"] }),
        )
        .query(
            "removed",
            "Only those out of use, or only the others.",
            flag.clone(),
        )
        .query("stored", "Every file here is stored.", flag)
        .query(
            "from",
            "Where to start, by time of upload.",
            json!({ "type": "string", "format": "date-time" }),
        )
        .answer(200, "A page", schema("UploadcareList"))
}

/// The schemas of its bodies.
pub fn schemas() -> Value {
    let time = json!({ "type": ["string", "null"], "format": "date-time" });
    let link = json!({ "type": ["string", "null"], "format": "uri" });
    json!({
        "UploadcareKey": { "type": "string", "pattern": "^(?!\\.{1,2}$)[-_.:A-Za-z0-9]{1,64}$" },
        "UploadcareValue": { "type": "string", "maxLength": 512, "pattern": "^[^\\u0000]*$" },
        "UploadcareMetadata": {
            "type": "object",
            "propertyNames": schema("UploadcareKey"),
            "additionalProperties": schema("UploadcareValue"),
        },
        "UploadcareError": {
            "type": "object",
            "required": ["detail"],
            "properties": { "detail": { "type": "string" } },
        },
        "UploadcareList": {
            "type": "object",
            "required": ["next", "previous", "total", "per_page", "results"],
            "properties": {
                "next": link,
                "previous": link,
                "total": { "type": "integer" },
                "per_page": { "type": "integer" },
                "results": { "type": "array", "items": schema("UploadcareFile") },
            },
        },
        "UploadcareFile": {
            "type": "object",
            "required": ["uuid", "datetime_uploaded", "mime_type", "size", "url", "metadata"],
            "properties": {
                "uuid": { "type": "string", "format": "uuid" },
                "datetime_removed": time,
                "datetime_stored": time,
                "datetime_uploaded": time,
                "is_image": { "const": true },
                "is_ready": { "const": true },
                "mime_type": { "enum": ["image/png", "image/jpeg", "image/webp"] },
                "original_file_url": { "type": "string", "format": "uri",
                    "description": "The public link." },
                "original_filename": { "type": "string" },
                "size": { "type": "integer", "description": "Bytes." },
                "url": { "type": "string", "format": "uri" },
                "variations": { "type": "null" },
                "content_info": { "type": "object" },
                "metadata": schema("UploadcareMetadata"),
            },
        },
    })
}

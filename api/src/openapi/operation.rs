//! What is said of one route, and how it is written.

use photolog_domain::Dialect;
use serde_json::{Value, json};

use crate::dialect::uploadcare;
use crate::route::Route;

/// A description. What follows from the route itself is not in it.
pub(super) struct Operation {
    summary: &'static str,
    security: Option<Value>,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Vec<(u16, Value)>,
}

impl Operation {
    /// One line for people.
    pub(super) fn new(summary: &'static str) -> Self {
        Self {
            summary,
            security: None,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
        }
    }

    /// Credentials that the route's handler checks itself.
    pub(super) fn guarded_by(mut self, scheme: &'static str) -> Self {
        self.security = Some(json!([{ scheme: [] }]));
        self
    }

    /// A value in the query.
    pub(super) fn query(mut self, name: &str, description: &str, schema: Value) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "query", "description": description, "schema": schema,
        }));
        self
    }

    /// A header of the request.
    pub(super) fn header(mut self, name: &str, description: &str, schema: Value) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "header", "description": description, "schema": schema,
        }));
        self
    }

    /// The headers of every write to an image.
    pub(super) fn image_write(self) -> Self {
        self.header(
            "If-Match",
            "The `ETag` of an earlier answer; 412 when the image has changed since.",
            json!({ "type": "string", "examples": ["*"] }),
        )
        .header(
            "X-Photolog-Reason",
            "Why; goes into the history.",
            json!({ "type": "string", "maxLength": 500 }),
        )
    }

    /// A body in JSON.
    pub(super) fn body(self, schema: Value) -> Self {
        self.body_as("application/json", json!({ "schema": schema }))
    }

    /// A body in another media type.
    pub(super) fn body_as(mut self, media_type: &'static str, content: Value) -> Self {
        self.body = Some(json!({ "required": true, "content": { media_type: content } }));
        self
    }

    /// The same body as a form.
    pub(super) fn or_form(mut self) -> Self {
        if let Some(body) = &mut self.body {
            let content = body["content"]["application/json"].clone();
            body["content"]["application/x-www-form-urlencoded"] = content;
        }
        self
    }

    /// An answer in the dialect's JSON.
    pub(super) fn answer(self, status: u16, description: &str, schema: Value) -> Self {
        let answer = json!({ "description": description, "content": { "": { "schema": schema } } });
        self.other_answer(status, answer)
    }

    /// An answer without a body.
    pub(super) fn empty(self, status: u16, description: &str) -> Self {
        self.other_answer(status, json!({ "description": description }))
    }

    /// An answer that is said in full.
    pub(super) fn other_answer(mut self, status: u16, answer: Value) -> Self {
        self.answers.push((status, answer));
        self
    }

    /// The operation object.
    pub(super) fn write(self, route: &Route) -> Value {
        let named = route.pattern.split('/').filter_map(|part| {
            let name = part.strip_prefix('{')?.strip_suffix('}')?;
            Some(path_parameter(route, name))
        });
        let mut responses = json!({ "default": failure(route.dialect) });
        for (status, mut answer) in self.answers {
            // The dialect's own media type takes the empty name's place.
            if let Some(content) = answer.pointer_mut("/content/") {
                let content = content.take();
                answer["content"] = json!({ media_type(route.dialect): content });
            }
            responses[status.to_string()] = answer;
        }
        let mut operation = json!({
            "operationId": operation_id(route),
            "tags": [tag(route.dialect)],
            "summary": self.summary,
            "parameters": named.chain(self.parameters).collect::<Vec<_>>(),
            "responses": responses,
            "security": self.security.unwrap_or_else(|| security(route)),
        });
        if let Some(scope) = route.scope() {
            operation["description"] = json!(format!("Needs the scope `{scope}`."));
        }
        if let Some(body) = self.body {
            operation["requestBody"] = body;
        }
        operation
    }
}

/// A reference to a type.
pub(super) fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn path_parameter(route: &Route, name: &str) -> Value {
    let schema = match name {
        "key" if route.dialect == Dialect::Uploadcare => schema("UploadcareKey"),
        "key" => schema("OpenStackKey"),
        "digest" => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
        "image" if !route.pattern.contains("/{account}/") && route.scope().is_none() => {
            json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{21}$" })
        }
        _ => json!({ "type": "string", "format": "uuid" }),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

/// `GET /files/{image}/metadata` is `getFilesImageMetadata`.
fn operation_id(route: &Route) -> String {
    let words = route
        .pattern
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let mut id = route.method.as_str().to_ascii_lowercase();
    for word in words {
        let (first, rest) = word.split_at(1);
        id.push_str(&first.to_ascii_uppercase());
        id.push_str(rest);
    }
    id
}

fn tag(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Moov => "moov",
        Dialect::Uploadcare => "uploadcare",
        Dialect::OpenStack => "openstack",
        Dialect::Photolog | Dialect::Cli => "photolog",
    }
}

fn security(route: &Route) -> Value {
    match (route.scope(), route.dialect) {
        (None, _) => json!([]),
        (Some(_), Dialect::Uploadcare) => json!([{ "uploadcare": [] }]),
        (Some(_), Dialect::OpenStack) => json!([{ "keystone": [] }]),
        (Some(_), Dialect::Moov | Dialect::Photolog | Dialect::Cli) => {
            json!([{ "basic": [] }, { "bearer": [] }])
        }
    }
}

fn media_type(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Uploadcare => uploadcare::MEDIA_TYPE,
        _ => "application/json",
    }
}

/// Every failure of a dialect has the same shape.
fn failure(dialect: Dialect) -> Value {
    let (media_type, name) = match dialect {
        Dialect::Moov => ("application/json", "MoovError"),
        Dialect::Uploadcare => (uploadcare::MEDIA_TYPE, "UploadcareError"),
        Dialect::OpenStack => ("application/json", "OpenStackFault"),
        Dialect::Photolog | Dialect::Cli => ("application/problem+json", "Problem"),
    };
    json!({
        "description": "Any failure; 429 and 503 carry `Retry-After`, 405 `Allow`.",
        "content": { media_type: { "schema": schema(name) } },
    })
}

//! How a dialect and its routes are described in OpenAPI.

use serde_json::{Value, json};

use crate::route::Route;

/// What the routes of a dialect have in common.
pub struct Description {
    /// Its OpenAPI tag.
    pub tag: &'static str,
    /// One sentence on what it is.
    pub about: &'static str,
    /// Whether the vendor ends each path with a slash.
    pub ends_with_slash: bool,
    /// The media type of its responses.
    pub media_type: &'static str,
    /// The media type of its failures.
    pub failure_media_type: &'static str,
    /// The schema of its failures.
    pub failure: &'static str,
    /// The security schemes that authenticate a request, by name.
    pub credentials: &'static [&'static str],
    /// The security schemes that it defines.
    pub security_schemes: Value,
    /// The schemas that it defines.
    pub schemas: Value,
    /// Path parameters that are not ids: name and schema.
    pub parameters: Vec<(&'static str, Value)>,
}

/// The handwritten part of a route's description. Whatever follows from the route itself is not
/// repeated here.
pub struct Operation {
    summary: &'static str,
    security: Option<Value>,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Vec<(u16, Value)>,
}

impl Operation {
    /// Starts with a one-line summary.
    pub fn new(summary: &'static str) -> Self {
        Self {
            summary,
            security: None,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
        }
    }

    /// Sets the security scheme of a route whose handler checks the credentials itself.
    pub fn guarded_by(mut self, scheme: &'static str) -> Self {
        self.security = Some(json!([{ scheme: [] }]));
        self
    }

    /// Adds a query parameter.
    pub fn query(mut self, name: &str, description: &str, schema: Value) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "query", "description": description, "schema": schema,
        }));
        self
    }

    /// Adds a request header.
    pub fn header(mut self, name: &str, description: &str, schema: Value) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "header", "description": description, "schema": schema,
        }));
        self
    }

    /// Adds the headers that every write to an image accepts.
    pub fn image_write(self) -> Self {
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

    /// Sets a JSON body.
    pub fn body(self, schema: Value) -> Self {
        self.body_as("application/json", json!({ "schema": schema }))
    }

    /// Sets a body in another media type.
    pub fn body_as(mut self, media_type: &'static str, content: Value) -> Self {
        self.body = Some(json!({ "required": true, "content": { media_type: content } }));
        self
    }

    /// Also allows the same body as a form.
    pub fn or_form(mut self) -> Self {
        if let Some(body) = &mut self.body {
            let content = body["content"]["application/json"].clone();
            body["content"]["application/x-www-form-urlencoded"] = content;
        }
        self
    }

    /// Adds a response in the dialect's JSON.
    pub fn answer(self, status: u16, description: &str, schema: Value) -> Self {
        let answer = json!({ "description": description, "content": { "": { "schema": schema } } });
        self.other_answer(status, answer)
    }

    /// Adds a response without a body.
    pub fn empty(self, status: u16, description: &str) -> Self {
        self.other_answer(status, json!({ "description": description }))
    }

    /// Adds a response given in full.
    pub fn other_answer(mut self, status: u16, answer: Value) -> Self {
        self.answers.push((status, answer));
        self
    }

    /// The OpenAPI operation object of a route.
    pub fn write(self, route: &Route, dialect: &Description) -> Value {
        let named = route.pattern.split('/').filter_map(|part| {
            let name = part.strip_prefix('{')?.strip_suffix('}')?;
            Some(path_parameter(route, dialect, name))
        });
        let mut responses = json!({ "default": failure(dialect) });
        for (status, mut answer) in self.answers {
            // The dialect's own media type replaces the empty name.
            if let Some(content) = answer.pointer_mut("/content/") {
                let content = content.take();
                answer["content"] = json!({ dialect.media_type: content });
            }
            responses[status.to_string()] = answer;
        }
        let mut operation = json!({
            "operationId": operation_id(route),
            "tags": [dialect.tag],
            "summary": self.summary,
            "parameters": named.chain(self.parameters).collect::<Vec<_>>(),
            "responses": responses,
            "security": self.security.unwrap_or_else(|| security(route, dialect)),
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

/// A reference to a schema.
pub fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn path_parameter(route: &Route, dialect: &Description, name: &str) -> Value {
    let own = dialect.parameters.iter().find(|(own, _)| *own == name);
    let is_public = !route.pattern.contains("/{account}/") && route.scope().is_none();
    let schema = match own {
        Some((_, schema)) => schema.clone(),
        None if name == "image" && is_public => {
            json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{21}$" })
        }
        None => json!({ "type": "string", "format": "uuid" }),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

/// `GET /files/{image}/metadata` becomes `getFilesImageMetadata`.
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

fn security(route: &Route, dialect: &Description) -> Value {
    let names = dialect.credentials.iter();
    match route.scope() {
        None => json!([]),
        Some(_) => names.map(|name| json!({ *name: [] })).collect(),
    }
}

/// The response that describes every failure of a dialect; they all have the same shape.
fn failure(dialect: &Description) -> Value {
    json!({
        "description": "Any failure; 429 and 503 carry `Retry-After`, 405 `Allow`.",
        "content": { dialect.failure_media_type: { "schema": schema(dialect.failure) } },
    })
}

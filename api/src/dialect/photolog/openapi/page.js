"use strict";

/** An element with properties and children. */
function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const credentials = document.getElementById("credentials");
const said = (name) => credentials.elements[name].value.trim();

/** The headers by which each dialect knows its caller. */
function authorization(operation) {
  const scheme = Object.keys(operation.security[0] ?? {})[0];
  const [key, secret] = [said("key"), said("secret")];
  if (!scheme || !secret) return {};
  switch (scheme) {
    case "basic": return { Authorization: "Basic " + btoa(`${key}:${secret}`) };
    case "uploadcare": return { Authorization: `Uploadcare.Simple ${key}:${secret}` };
    case "keystone": return { "X-Auth-Token": `${key}:${secret}` };
    default: return { Authorization: `Bearer ${secret}` };
  }
}

/** A small value that fits a schema, to start a body from. */
function example(api, schema) {
  if (schema.$ref) return example(api, api.components.schemas[schema.$ref.split("/").pop()]);
  if (schema.allOf) return example(api, schema.allOf[0]);
  if (schema.examples) return schema.examples[0];
  if (schema.enum) return schema.enum[0];
  const type = [schema.type].flat()[0];
  if (type === "array") return [];
  if (type === "object") {
    const members = Object.entries(schema.properties ?? {});
    return Object.fromEntries(members.map(([name, inner]) => [name, example(api, inner)]));
  }
  return type === "integer" ? 1 : "text";
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl(method, url, headers, body) {
  const words = ["curl", "-X", method, quoted(url)];
  for (const [name, value] of Object.entries(headers)) {
    words.push("-H", quoted(`${name}: ${name in { Authorization: 1, "X-Auth-Token": 1 } ? "…" : value}`));
  }
  if (body instanceof FormData) {
    for (const [name, value] of body) {
      words.push("-F", quoted(value instanceof File ? `${name}=@${value.name}` : `${name}=${value}`));
    }
  } else if (body !== undefined) {
    words.push("-d", quoted(body));
  }
  return words.join(" ");
}

async function show(output, answer) {
  const type = answer.headers.get("content-type") ?? "";
  const head = [`${answer.status} ${answer.statusText}`, ...[...answer.headers].map(([name, value]) => `${name}: ${value}`)];
  output.append(make("pre", { textContent: head.join("\n") }));
  if (type.startsWith("image/")) {
    output.append(make("img", { src: URL.createObjectURL(await answer.blob()), alt: "The answer" }));
    return;
  }
  let text = await answer.text();
  if (type.includes("json")) {
    try {
      text = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      // Shown as it came: an export has one JSON value a line.
    }
  }
  if (text) output.append(make("pre", { textContent: text }));
}

/** The fields of a body: a file and texts for a form, else its JSON. */
function bodyFields(api, operation) {
  const content = operation.requestBody?.content ?? {};
  const form = content["multipart/form-data"];
  if (form) {
    const fields = Object.keys(form.schema.properties).map((name) =>
      make("input", { name, type: name === "image" ? "file" : "text" }));
    const read = () => {
      const body = new FormData();
      for (const field of fields) {
        const value = field.type === "file" ? field.files[0] : field.value;
        if (value) body.append(field.name, value);
      }
      return { body, headers: {} };
    };
    return { labels: fields.map((field) => make("label", {}, field.name, field)), read };
  }
  const json = content["application/json"];
  if (!json) return { labels: [], read: () => ({ headers: {} }) };
  const area = make("textarea", { value: JSON.stringify(example(api, json.schema), null, 2) });
  const label = make("label", { className: "wide" }, "Body", area);
  return { labels: [label], read: () => ({ body: area.value, headers: { "Content-Type": "application/json" } }) };
}

function card(api, path, method, operation) {
  const fields = operation.parameters.map((parameter) => {
    const input = make("input", { title: parameter.description ?? "", required: parameter.in === "path" });
    if (parameter.schema.default !== undefined) input.placeholder = parameter.schema.default;
    return { parameter, input };
  });
  const body = bodyFields(api, operation);
  const output = make("div", { ariaLive: "polite" });
  const labels = fields.map(({ parameter, input }) => make("label", {}, `${parameter.name} (${parameter.in})`, input));
  const form = make("form", {}, ...labels, ...body.labels, make("button", { textContent: "Send" }));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { body: content, headers } = body.read();
    Object.assign(headers, authorization(operation));
    if (operation.tags.includes("uploadcare")) headers.Accept = "application/vnd.uploadcare-v0.7+json";
    const query = new URLSearchParams();
    let target = path;
    for (const { parameter, input } of fields) {
      if (!input.value) continue;
      if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      if (parameter.in === "query") query.append(parameter.name, input.value);
      if (parameter.in === "header") headers[parameter.name] = input.value;
    }
    const url = location.origin + target + (query.size ? `?${query}` : "");
    output.replaceChildren(make("pre", { textContent: curl(method, url, headers, content) }));
    try {
      await show(output, await fetch(url, { method, headers, body: content }));
    } catch (problem) {
      output.append(make("pre", { textContent: String(problem) }));
    }
  });
  const summary = make("summary", {}, make("b", { textContent: method }), make("code", { textContent: path }), ` ${operation.summary}`);
  const details = make("details", {}, summary, make("p", { textContent: operation.description ?? "" }), form, output);
  details.addEventListener("toggle", () => {
    const account = fields.find(({ parameter }) => parameter.name === "account");
    if (account && !account.input.value) account.input.value = said("account");
  });
  return details;
}

function write(api) {
  document.getElementById("about").replaceChildren(`${api.info.summary} Version ${api.info.version}. `,
    make("a", { href: "/openapi.json", textContent: "openapi.json" }));
  const main = document.getElementById("operations");
  for (const tag of api.tags) {
    main.append(make("h2", { textContent: tag.name }), make("p", { textContent: tag.description }));
    for (const [path, item] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        if (operation.tags.includes(tag.name)) main.append(card(api, path, method.toUpperCase(), operation));
      }
    }
  }
  credentials.elements.filter.addEventListener("input", () => {
    for (const details of main.querySelectorAll("details")) {
      details.hidden = !details.querySelector("summary").textContent.toLowerCase().includes(said("filter").toLowerCase());
    }
  });
}

fetch("/openapi.json").then((answer) => answer.json()).then(write).catch((problem) => {
  document.getElementById("about").textContent = String(problem);
});

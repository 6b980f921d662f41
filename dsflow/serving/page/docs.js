// Shows openapi.json, and sends requests to this server alone. Texts are set as text, never as HTML.
"use strict";

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function resolve(description, schema) {
  const found = schema && schema.$ref && schema.$ref.match(/^#\/components\/schemas\/(.+)$/);
  return found ? description.components.schemas[found[1]] : schema;
}

function typeOf(schema) {
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(", ");
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  return [].concat(schema.type || "any").join(" or ") + (schema.format ? ` (${schema.format})` : "");
}

function fields(schema) {
  const needed = new Set(schema.required || []);
  const rows = Object.entries(schema.properties || {}).map(([name, each]) => element("tr", {},
    element("td", {}, element("code", {}, name)), element("td", {}, typeOf(each)),
    element("td", {}, needed.has(name) ? "needed" : ""), element("td", {}, each.description || "")));
  return rows.length ? element("table", {}, element("tbody", {}, ...rows)) : "";
}

async function send(method, path, body, shown) {
  const headers = {};
  const token = document.getElementById("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== null) headers["Content-Type"] = "application/json";
  shown.className = "answer";
  shown.textContent = "…";
  try {
    const started = performance.now();
    const answer = await fetch(path, {method, headers, body: body === null ? undefined : body});
    const text = await answer.text();
    let told = text;
    try { told = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: shown as it is */ }
    shown.dataset.status = String(answer.status);
    shown.textContent = `${answer.status} in ${(performance.now() - started).toFixed(0)} ms\n${told}`;
    if (!answer.ok) shown.classList.add("failed");
  } catch (error) {
    shown.textContent = String(error);
    shown.classList.add("failed");
  }
}

function operation(description, path, method, about) {
  const content = about.requestBody && about.requestBody.content["application/json"];
  const examples = content ? Object.entries(content.examples || {}) : [];
  const parts = [element("p", {}, about.description || "")];
  let input = null;
  if (content) {
    const row = resolve(description, {$ref: "#/components/schemas/Row"});
    if (path.includes("/predict") && row) parts.push(fields(row));
    else parts.push(fields(resolve(description, content.schema)));
    input = element("textarea", {spellcheck: "false", "aria-label": `Body of ${method} ${path}`});
    input.value = examples.length ? JSON.stringify(examples[0][1].value, null, 2) : "{}";
    if (examples.length > 1) {
      const choice = element("select", {"aria-label": "Example"},
        ...examples.map(([name, each]) => element("option", {value: name}, each.summary || name)));
      choice.addEventListener("change", () => {
        input.value = JSON.stringify(Object.fromEntries(examples)[choice.value].value, null, 2);
      });
      parts.push(choice);
    }
    parts.push(input);
  }
  const answer = element("pre", {class: "answer"});
  const button = element("button", {type: "button"}, "Send");
  button.addEventListener("click", () => send(method, path.slice(1), input && input.value, answer));
  parts.push(button, answer);
  const box = element("details", {id: about.operationId},
    element("summary", {}, element("span", {class: "method"}, method), element("code", {}, path),
      " — ", about.summary || ""), ...parts);
  box.open = about.operationId === "predict";
  return box;
}

async function show() {
  const place = document.getElementById("operations");
  try {
    const answer = await fetch("openapi.json");
    const description = await answer.json();
    document.getElementById("title").textContent = description.info.title;
    document.getElementById("about").textContent = description.info.description || "";
    place.replaceChildren(...Object.entries(description.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, about]) => operation(description, path, method.toUpperCase(), about))));
  } catch (error) {
    place.replaceChildren(element("p", {class: "failed"}, `openapi.json cannot be read: ${error}`));
  }
}

show();

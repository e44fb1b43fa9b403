// The little that every page needs: elements without markup in strings (what rows say is never markup), numbers and times in words.

/** Makes an element: h("a.link", { href }, "text", child). Functions in attributes are listeners. */
export function h(what, attributes, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(element, child);
    else if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

/** Makes an SVG element. */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export async function getJson(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  return read(answer);
}

export async function postJson(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  return read(answer);
}

async function read(answer) {
  const text = await answer.text();
  if (answer.ok) return text ? parse(text) : null;
  let why = text || `${answer.status} ${answer.statusText}`;
  if (answer.headers.get("Content-Type")?.includes("json")) why = JSON.parse(text).error ?? why;
  throw new Error(why);
}

/** A number as it was written, where a JavaScript number would be another. */
export class Exact {
  constructor(source) {
    this.source = source;
  }
  toJSON() {
    return this.source;
  }
  toString() {
    return this.source;
  }
}

/** Reads JSON; whole numbers beyond 2^53 and long decimals stay what they are. */
export function parse(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && context?.source && String(value) !== context.source && context.source.length > 15 ? new Exact(context.source) : value,
  );
}

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const number = (value) => grouped.format(value ?? 0);

/** A rate per second, short. */
export function rate(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  return value >= 100 ? grouped.format(value) : value >= 10 ? value.toFixed(0) : value.toFixed(1);
}

/** Seconds in words, short. */
export function seconds(value) {
  if (value === null || value === undefined) return "unknown";
  const s = Math.max(0, value);
  if (s < 0.0005) return "0 ms";
  if (s < 1) return `${Math.max(1, Math.round(s * 1000))} ms`;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

export const bytes = (value) =>
  value < 1024 ? `${value} B` : value < 1048576 ? `${(value / 1024).toFixed(1)} KiB` : `${(value / 1048576).toFixed(1)} MiB`;

/** A time of day with milliseconds; the whole of it as a title. The date is shown where it is not today. */
export function time(iso, full = false) {
  const date = new Date(iso);
  const two = (n) => String(n).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const millis = String(date.getMilliseconds()).padStart(3, "0");
  const far = full || day !== today();
  return h(
    "time",
    { datetime: iso, title: `${iso} (event time)` },
    far && h("span.day", null, `${day} `),
    clock,
    h("span.millis", null, `.${millis}`),
  );
}

function today() {
  const now = new Date();
  return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}-${String(now.getDate()).padStart(2, "0")}`;
}

/** A JSON value, coloured, on one line or many. */
export function json(value, pretty = false) {
  return h(pretty ? "pre.json" : "code.json", null, parts(value, pretty ? 0 : -1));
}

function parts(value, depth) {
  if (value === null) return [h("span.j-null", null, "null")];
  if (typeof value === "string") return [h("span.j-text", null, JSON.stringify(value))];
  if (typeof value !== "object" || value instanceof Exact) return [h("span.j-number", null, String(value))];
  const entries = Array.isArray(value) ? value.map((item) => [null, item]) : Object.entries(value);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  if (!entries.length) return [open + close];
  const inner = depth < 0 ? -1 : depth + 1;
  const line = depth < 0 ? "" : `\n${"  ".repeat(inner)}`;
  const out = [open];
  entries.forEach(([name, item], index) => {
    out.push(index ? (depth < 0 ? ", " : ",") : "", line);
    if (name !== null) out.push(h("span.j-name", null, name), ": ");
    out.push(...parts(item, inner));
  });
  out.push(depth < 0 ? close : `\n${"  ".repeat(depth)}${close}`);
  return out;
}

/** An event without its discriminator, which stands beside it already. */
export function body(value) {
  if (!value || typeof value !== "object") return value ?? null;
  const { $type, ...rest } = value;
  return rest;
}

/** What a record says; of an entity that was erased nobody knows any more. */
export function said(record, pretty = false) {
  return record.erased ? h("em.muted", null, "erased") : json(body(record.value), pretty);
}

/** A line of the last values. */
export function sparkline(values, label) {
  const width = 96;
  const height = 22;
  const top = Math.max(1, ...values);
  const step = width / Math.max(1, values.length - 1);
  const points = values.map((value, i) => `${(i * step).toFixed(1)},${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`);
  const line = svg("polyline", { points: points.join(" "), fill: "none", stroke: "currentColor", "stroke-width": "1.4" });
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "spark", role: "img", "aria-label": label }, line);
}

export function empty(text, ...more) {
  return h("p.empty", null, text, ...more);
}

export const entityUrl = (aggregate, id) => `entity/${encodeURIComponent(aggregate)}/${id.split("/").map(encodeURIComponent).join("/")}`;

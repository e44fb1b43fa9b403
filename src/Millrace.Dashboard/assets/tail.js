import { empty, entityUrl, h, number, parse, said, time } from "./dom.js";

// Follows a log: the server filters, the page keeps the last few hundred, and says what it did not show.

const most = 400;

export const events = (main, context, _, query) => tail(main, context, query, {
  url: "api/events",
  groups: (topology) => topology.aggregates.map((aggregate) => aggregate.name),
  group: "aggregate",
  types: (topology, of) => topology.aggregates.filter((a) => !of || a.name === of).flatMap((a) => a.events),
  link: (_, record) => entityUrl(record.of, record.key),
  none: "No event yet. Change a row, and it is here.",
});

export const intents = (main, context, _, query) => tail(main, context, query, {
  url: "api/intents",
  groups: (topology) => topology.reactions.map((reaction) => reaction.name),
  group: "reaction",
  types: () => [],
  link: (topology, record) => {
    const reaction = topology?.reactions.find((other) => other.name === record.of);
    return reaction?.perEntity ? entityUrl(reaction.aggregate, record.key) : null;
  },
  none: "No reaction has wanted anything yet.",
});

function tail(main, context, query, kind) {
  const state = { of: query.get("of") ?? "", type: query.get("type") ?? "", key: query.get("key") ?? "" };
  const list = h("ol.tail", { "aria-live": "off" });
  const said = h("span.said", { role: "status" });
  const nothing = empty(kind.none);
  let source = null;
  let paused = false;
  let behind = [];
  let count = 0;
  let missed = 0;

  const group = h("select", { "aria-label": kind.group, change: () => set({ of: group.value, type: "" }) });
  const type = h("select", { "aria-label": "type", change: () => set({ type: type.value }) });
  const key = h("input", { type: "search", placeholder: "key", "aria-label": "key", value: state.key, change: () => set({ key: key.value.trim() }) });
  const pause = h("button", { type: "button", "aria-pressed": "false", click: () => toggle() }, "Pause");
  const clear = h("button.quiet", { type: "button", click: () => list.replaceChildren() }, "Clear");
  main.append(h("form.bar", { submit: (e) => e.preventDefault() }, group, type, key, pause, clear, said), list, nothing);

  function options() {
    const topology = context.status?.topology;
    if (!topology) return;
    fill(group, `every ${kind.group}`, kind.groups(topology), state.of);
    const types = kind.types(topology, state.of);
    type.hidden = !types.length;
    fill(type, "every type", types, state.type);
  }

  function set(changes) {
    Object.assign(state, changes);
    context.query(state);
    options();
    open();
  }

  function open() {
    source?.close();
    list.replaceChildren();
    behind = [];
    count = missed = 0;
    nothing.hidden = false;
    const search = new URLSearchParams(Object.entries(state).filter(([, value]) => value));
    source = new EventSource(`${kind.url}?last=100&${search}`);
    source.addEventListener("connected", () => {
      // After a break the server begins again with what was last.
      list.replaceChildren();
      say();
    });
    source.addEventListener("record", (message) => show(parse(message.data)));
    source.addEventListener("missed", (message) => {
      missed += Number(message.data);
      say();
    });
    source.onerror = () => say("The connection broke; trying again…");
  }

  function show(record) {
    count++;
    if (paused) {
      behind.push(record);
      if (behind.length > most) behind.shift();
    } else insert(record);
    say();
  }

  function insert(record) {
    nothing.hidden = true;
    list.prepend(row(record, kind.link(context.status?.topology, record)));
    while (list.children.length > most) list.lastChild.remove();
  }

  function toggle() {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    pause.setAttribute("aria-pressed", paused);
    if (!paused) behind.splice(0).forEach(insert);
    say();
  }

  function say(text) {
    said.textContent =
      text ?? [`${number(count)} seen`, paused && `${number(behind.length)} waiting`, missed && `${number(missed)} too fast to show`].filter(Boolean).join(", ");
  }

  const keys = (e) => {
    if (e.key === " " && !/^(INPUT|SELECT|BUTTON|SUMMARY|A)$/.test(e.target.tagName)) {
      e.preventDefault();
      toggle();
    }
  };
  document.addEventListener("keydown", keys);
  // What a record links to is known with the first status; without one, records are shown all the same.
  let opened = false;
  const begin = () => {
    if (!opened) open();
    opened = true;
  };
  let known = false;
  context.onStatus(() => {
    if (!known) options();
    known = true;
    begin();
  });
  const waited = setTimeout(begin, 1500);
  return () => {
    clearTimeout(waited);
    source?.close();
    document.removeEventListener("keydown", keys);
  };
}

export function fill(select, all, values, chosen) {
  select.replaceChildren(h("option", { value: "" }, all), ...values.map((value) => h("option", { value, selected: value === chosen }, value)));
  select.value = chosen;
}

function row(record, href) {
  const more = h("div.more", { hidden: true });
  const open = () => {
    more.hidden = !more.hidden;
    if (!more.hidden && !more.firstChild) more.append(details(record));
  };
  return h(
    "li",
    null,
    h(
      "div.line",
      { click: (e) => !e.target.closest("a") && !String(getSelection()) && open() },
      time(record.time),
      h("span.type", null, record.type ?? "?"),
      href ? h("a.key", { href }, `${record.of} ${record.key}`) : h("span.key", null, `${record.of} ${record.key}`),
      record.snapshot && h("span.tag", null, "snapshot"),
      h("span.body", null, said(record)),
      h("button.quiet.open", { type: "button", "aria-label": "details", click: (e) => (e.stopPropagation(), open()) }, "⋯"),
    ),
    more,
  );
}

export function details(record) {
  const line = (what, value) => value !== undefined && [h("dt", null, what), h("dd", null, String(value))];
  return h(
    "div.details",
    null,
    said(record, true),
    h(
      "dl",
      null,
      line("id", record.id),
      line("caused by", record.causation),
      line("began with", record.correlation),
      line("sequence", record.sequence),
      line("log", `${record.topic}[${record.partition}] at ${record.offset}`),
      line("time", record.time),
    ),
  );
}

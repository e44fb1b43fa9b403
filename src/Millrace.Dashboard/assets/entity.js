import { empty, entityUrl, getJson, h, json, number, said, seconds, time } from "./dom.js";
import { details } from "./tail.js";

// One entity's story on one time axis: transaction, command and decision, events, what followed. Newest last, as it happened.

export function entity(main, context, path, query) {
  const [aggregate, ...rest] = path;
  const id = rest.join("/");
  const which = h("select", { "aria-label": "aggregate" });
  const key = h("input", { type: "search", placeholder: "key, for example 42", "aria-label": "key", value: id, required: true });
  const search = h(
    "form.bar",
    { submit: (e) => (e.preventDefault(), context.go(entityUrl(which.value, key.value.trim()))) },
    which,
    key,
    h("button", null, "Show"),
  );
  const story = h("div.story", null);
  main.append(search, story);
  let filled = false;
  context.onStatus(({ topology }) => {
    if (filled) return;
    filled = true;
    which.replaceChildren(...topology.aggregates.map((a) => h("option", { value: a.name, selected: a.name === aggregate }, a.name)));
  });
  if (!aggregate || !id) {
    story.append(empty("Which entity? Its key is the root row's, such as 42; parts of a composite key are joined by a comma."));
    key.focus();
    return;
  }

  let shown = "";
  let stopped = false;
  let timer = 0;
  const before = query.get("before");
  async function refresh() {
    if (!document.hidden) {
      try {
        const found = await getJson(`api/${entityUrl(aggregate, id)}${before ? `?before=${encodeURIComponent(before)}` : ""}`);
        const text = JSON.stringify([found, !!context.status]);
        // Redrawn only where something is new, so that what is open stays open.
        if (text !== shown && !stopped) {
          shown = text;
          story.replaceChildren(...draw(found, before, context.status?.topology));
        }
      } catch (error) {
        story.replaceChildren(empty(error.message));
      }
    }
    if (!stopped && !before) timer = setTimeout(refresh, 2000);
  }
  refresh();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

function draw(story, before, topology) {
  const parts = [
    h(
      "header.entity",
      null,
      h("h1", null, `${story.aggregate} ${story.entity}`),
      h("p", null, `partition ${story.partition}`, story.views.map((view) => [" · ", h("a", { href: `views/${encodeURIComponent(view)}?key=${encodeURIComponent(story.entity)}` }, view)])),
      h("p", null, h("a", { href: `events?of=${encodeURIComponent(story.aggregate)}&key=${encodeURIComponent(story.entity)}` }, "follow its events")),
    ),
  ];
  if (story.held) {
    parts.push(h("p.notice.bad", null, h("b", null, story.held.parked ? "Parked. " : "Waiting. "), story.held.reason, " ", h("a", { href: "held" }, `${number(story.held.waiting)} waiting behind; what to do`)));
  }
  if (story.cut) parts.push(h("p.notice", null, "The log is long: what is further back was not looked through."));
  if (!story.commands.length) {
    parts.push(empty(before ? "Nothing before this." : "Nothing is known of this entity: no command has come for it."));
    return parts;
  }
  if (story.earlier !== undefined) parts.push(h("p", null, h("a", { href: `${entityUrl(story.aggregate, story.entity)}?before=${story.earlier}` }, "↑ what was before")));
  standings(story, topology);
  parts.push(
    h(
      "div.axis",
      { role: "table" },
      h("div.axis-head", { role: "row" }, ["", "Transaction", "Command and decision", "Events", "What followed"].map((name) => h("span", { role: "columnheader" }, name))),
      story.commands.map((command, i) => row(command, story.commands[i - 1], story)),
      !before && story.timers.length ? timersRow(story.timers) : null,
    ),
  );
  return parts;
}

// Where each command stands that has no event: the one the entity is held at, those behind it, and rows that came before their root.
function standings(story, topology) {
  const root = topology?.aggregates.find((a) => a.name === story.aggregate)?.tables[0];
  const at = story.held ? story.commands.findIndex((command) => command.record.id === story.held.commandId) : -1;
  const isRoot = (change) => change.table === root;
  const comes = story.commands.some((command) => command.changes.some(isRoot));
  let rooted = !root || story.earlier !== undefined;
  story.commands.forEach((command, i) => {
    rooted ||= command.changes.some(isRoot);
    if (command.pending) command.standing = "not decided yet";
    else if (at >= 0 && i === at) command.standing = story.held.parked ? "parked here" : "waiting here";
    else if (at >= 0 && i > at) command.standing = "waits behind it";
    else if (!rooted && !command.native) command.standing = comes ? `waited for its row of ${root}` : `waits for its row of ${root}`;
  });
}

function row(command, previous, story) {
  const { record } = command;
  const gap = previous ? (Date.parse(record.time) - Date.parse(previous.record.time)) / 1000 : null;
  return h(
    "section.axis-row",
    { role: "row", id: `c${record.offset}` },
    h("div.when", { role: "cell" }, time(record.time, true), gap > 0 && h("small", null, `+${seconds(gap)}`), h("a.anchor", { href: `${location.pathname}#c${record.offset}`, "aria-label": "link to this" }, "#")),
    h("div", { role: "cell" }, command.native ? h("p.muted", null, "none: sent by a client") : transaction(command)),
    h("div", { role: "cell" }, decision(command)),
    h("div", { role: "cell" }, command.events.length ? command.events.map((e) => item(e)) : h("p.muted", null, command.standing ?? "no event")),
    h("div", { role: "cell" }, followed(command, story)),
  );
}

function transaction({ record, changes }) {
  return [
    h("p.id", { title: "the source transaction" }, record.correlation ?? record.id, record.snapshot && h("span.tag", null, "snapshot")),
    changes.map((change) =>
      h(
        "div.change",
        null,
        h("p", null, h("b", null, record.snapshot && change.what === "inserted" ? "shown" : change.what), ` ${change.table} ${change.key}`),
        change.columns.length > 0 &&
          h(
            "table.columns",
            null,
            change.columns.map((column) =>
              h(
                "tr",
                null,
                h("th", null, column.name),
                column.old !== undefined && h("td.old", null, short(column.old)),
                column.old !== undefined && column.new !== undefined && h("td.arrow", null, "→"),
                column.new !== undefined && h("td.new", { colspan: column.old === undefined ? 3 : 1 }, short(column.new)),
              ),
            ),
          ),
        change.unchanged > 0 && h("small.muted", null, `${change.unchanged} columns as before`),
      ),
    ),
  ];
}

function short(raw) {
  // A text without the escapes of its source.
  const text = raw.startsWith('"') ? JSON.stringify(JSON.parse(raw)) : raw;
  return h("code", { title: text }, text.length > 80 ? `${text.slice(0, 77)}…` : text);
}

function decision(command) {
  const { record } = command;
  const verdict = command.rejected
    ? h("p.verdict.bad", null, "rejected: ", command.rejected)
    : command.standing
      ? h("p.verdict.waiting", null, command.standing)
      : h("p.verdict.good", null, command.events.length ? `accepted, ${number(command.events.length)} event${command.events.length > 1 ? "s" : ""}` : "accepted, nothing new");
  return [
    command.native ? h("p", null, h("span.type", null, record.type)) : h("p.muted", null, record.erased ? "rows changed: erased" : "rows changed"),
    command.native && h("p.body", null, said(record)),
    verdict,
    fold(record),
  ];
}

function item(record, by) {
  return h("div.item", null, h("p", null, h("span.type", null, record.type), by && h("small", null, ` by ${by}`)), h("p.body", null, said(record)), fold(record));
}

// Views see every event of the entity; an intent says whether a timer brought it, and how much later.
function followed(command, story) {
  if (!command.events.length) return h("p.muted", null, "–");
  return [
    story.views.length > 0 && h("p.after", null, "into ", story.views.map((view, i) => [i ? ", " : "", h("a", { href: `views/${encodeURIComponent(view)}?key=${encodeURIComponent(story.entity)}` }, view)])),
    command.intents.map((intent) => {
      const later = (Date.parse(intent.time) - Date.parse(command.record.time)) / 1000;
      const timer = /@([^/@]+)$/.exec(intent.id ?? "")?.[1];
      return [item(intent, intent.of), h("p.after", null, timer ? `timer ${timer} fired ` : "", later > 0.001 ? `${seconds(later)} later, ` : "", time(intent.time))];
    }),
  ];
}

function fold(record) {
  const where = h("details", null, h("summary", null, `at ${number(record.offset)}`));
  where.addEventListener("toggle", () => where.open && where.children.length === 1 && where.append(details(record)));
  return where;
}

function timersRow(timers) {
  return h(
    "section.axis-row.future",
    { role: "row" },
    h("div.when", { role: "cell" }, "to come"),
    h("div", { role: "cell" }),
    h("div", { role: "cell" }),
    h("div", { role: "cell" }),
    h("div", { role: "cell" }, timers.map((timer) => h("div.item", null, h("p", null, h("span.type", null, `timer ${timer.name}`), h("small", null, ` of ${timer.reaction}`)), h("p", null, "due ", time(timer.due, true), `, then ${timer.intent}`)))),
  );
}

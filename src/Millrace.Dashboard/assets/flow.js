import { bytes, empty, h, number, rate, seconds, sparkline } from "./dom.js";

// Five lanes, as the water flows. Each stage is painted by its own state: a stalled one stands out, whatever stands to its right.

const late = 60; // seconds without a heartbeat

export function flow(main, context) {
  const lanes = h("div.lanes", null);
  main.append(lanes);
  if (!context.status) lanes.append(empty("Waiting for the first status…"));
  context.onStatus((answer) => lanes.replaceChildren(...draw(answer, context.history)));
}

function draw({ topology, status }, history) {
  const loops = new Map();
  for (const loop of status.loops) {
    const age = (Date.parse(status.at) - Date.parse(loop.heartbeat)) / 1000;
    const seen = loops.get(loop.name) ?? { age: 0, fault: null, partitions: [] };
    seen.age = Math.max(seen.age, age);
    seen.fault ??= loop.fault;
    if (loop.fault || age > late) seen.partitions.push(loop.partition);
    loops.set(loop.name, seen);
  }
  const loopOf = (kind, name) => [...loops].find(([group]) => group.includes(`.${name}.${kind}.`))?.[1];
  const head = headOf(status);
  return [
    lane("Source", "rows", status.sources.map((source) => sourceCard(source, history, loops.get(`${topology.name}.source.${source.name}`)))),
    lane("Commands", "records", topology.aggregates.map((aggregate) => commandCard(aggregate, status, history))),
    lane("Aggregates", "decisions", topology.aggregates.map((aggregate) => aggregateCard(aggregate, status, history, head, loopOf("decide", aggregate.name)))),
    lane("Events", "records", topology.aggregates.map((aggregate) => eventCard(aggregate, status, history))),
    lane("Views & reactions", "what follows", [
      ...topology.views.map((view) => viewCard(view, status, history, head, loopOf("view", view.name))),
      ...topology.reactions.map((reaction) => reactionCard(reaction, status, history, head, loopOf("reaction", reaction.name))),
    ]),
  ];
}

function lane(title, unit, cards) {
  return h("section.lane", { "aria-label": title }, h("h2", null, title, h("small", null, unit)), cards.length ? cards : empty("None."));
}

// The time the sources have handed over everything up to, and how far that is behind the servers.
function headOf(status) {
  const known = status.sources.map((source) => source.status).filter((source) => source?.watermark);
  if (!known.length) return null;
  return { watermark: Math.min(...known.map((s) => s.watermark)), lag: Math.max(...known.map((s) => s.lagMicroseconds ?? 0)) / 1e6 };
}

// A stage's lag in seconds: the source's own, and where records wait, as far as its time is behind what was handed over.
function lagSeconds(head, records, time) {
  if (!head) return null;
  return records > 0 && time > 0 ? head.lag + Math.max(0, head.watermark - time) / 1e6 : head.lag;
}

function card({ title, href, state, lag, lagUnit, trend, lines, values, spark, more, fault }) {
  const name = href ? h("a", { href }, title) : title;
  return h(
    `article.stage.${state}`,
    { "aria-label": `${title}: ${state}` },
    h("h3", null, name, state === "stalled" && h("span.flag", null, "stalled"), state === "failed" && h("span.flag", null, "failed")),
    lag !== undefined &&
      h("p.lag", null, h("b", null, lag), h("span", null, lagUnit ?? ""), trend ? h("span.trend", { title: trend > 0 ? "growing" : "shrinking" }, trend > 0 ? "↑" : "↓") : null),
    values && h("p.rate", null, h("b", null, rate(values.at(-1) === undefined ? null : spark)), h("span", null, " /s"), sparkline(values, "rate of the last minute")),
    h("dl", null, lines.filter(Boolean).map(([what, value, link]) => [h("dt", null, what), h("dd", { title: typeof value === "string" ? value : null }, link ? h("a", { href: link }, value) : value)])),
    more,
    fault && h("p.fault", null, fault),
  );
}

function sourceCard(source, history, loop) {
  const now = source.status;
  const rows = (status) => status.sources.find((other) => other.name === source.name)?.status?.rows;
  const silent = loop?.age > late;
  const failed = source.fault || !now?.connected || silent;
  return card({
    title: source.name,
    state: failed ? "failed" : now.lagMicroseconds > 5e6 ? "busy" : "good",
    lag: now?.lagMicroseconds === undefined ? "?" : seconds(now.lagMicroseconds / 1e6),
    lagUnit: "behind the server's head",
    trend: history.trend((status) => (status.sources.find((other) => other.name === source.name)?.status?.lagMicroseconds ?? 0) / 1e6),
    values: history.rates(rows),
    spark: history.rate(rows),
    lines: [
      ["position", now?.position ?? "–"],
      now?.head && now.head !== now.position && ["head", now.head],
      now?.lagBytes ? ["log to read", bytes(now.lagBytes)] : null,
      ["rows read", number(now?.rows)],
    ],
    more: (now?.snapshots ?? []).map((snapshot) =>
      h(
        "div.snapshot",
        null,
        h("span", null, `snapshot of ${snapshot.table}`),
        h("progress", { max: Math.max(snapshot.estimatedRows, snapshot.rows, 1), value: snapshot.rows }),
        h("small", null, `${number(snapshot.rows)} of about ${number(snapshot.estimatedRows)}${snapshot.remaining ? `, ${remaining(snapshot.remaining)} left` : ""}`),
      ),
    ),
    fault: source.fault ?? now?.problem ?? (silent ? `It has not said how it stands for ${seconds(loop.age)}.` : null),
  });
}

// A TimeSpan as JSON has it: [d.]hh:mm:ss[.fffffff].
function remaining(span) {
  const [, days, hours, minutes, secs] = /^(?:(\d+)\.)?(\d+):(\d+):(\d+)/.exec(span) ?? [];
  return secs === undefined ? span : seconds(Number(days ?? 0) * 86400 + Number(hours) * 3600 + Number(minutes) * 60 + Number(secs));
}

const partitionsOf = (status, aggregate) => status.partitions.filter((partition) => partition.aggregate === aggregate.name);
const sum = (items, of) => items.reduce((total, item) => total + of(item), 0);

function commandCard(aggregate, status, history) {
  const end = (of) => sum(partitionsOf(of, aggregate), (p) => p.commandEnd);
  const partitions = partitionsOf(status, aggregate);
  const waiting = sum(partitions, (p) => p.waitingRows);
  const dropped = sum(partitions, (p) => p.droppedRows);
  return card({
    title: aggregate.name,
    state: "good",
    values: history.rates(end),
    spark: history.rate(end),
    lines: [
      ["in the log", number(end(status))],
      ["from", aggregate.tables.join(", ")],
      waiting ? ["rows waiting for their root", number(waiting), "held"] : null,
      dropped ? ["rows dropped without a root", number(dropped)] : null,
    ],
  });
}

function aggregateCard(aggregate, status, history, head, loop) {
  const partitions = partitionsOf(status, aggregate);
  const lag = (of) => sum(partitionsOf(of, aggregate), (p) => p.lag);
  const decided = (of) => sum(partitionsOf(of, aggregate), (p) => p.decided);
  const behind = partitions.filter((p) => p.lag > 0);
  const heldCount = sum(partitions, (p) => p.held);
  const worst = Math.max(1, ...partitions.map((p) => p.lag));
  return card({
    title: aggregate.name,
    state: stateOf(loop, history.stalled(decided, lag), lag(status)),
    lag: number(lag(status)),
    lagUnit: `commands, ${seconds(lagSeconds(head, lag(status), Math.min(...behind.map((p) => p.time))))}`,
    trend: history.trend(lag),
    values: history.rates(decided),
    spark: history.rate(decided),
    lines: [
      ["events", number(sum(partitions, (p) => p.events))],
      ["dropped as equal", number(sum(partitions, (p) => p.equal))],
      sum(partitions, (p) => p.rejected) ? ["rejected", number(sum(partitions, (p) => p.rejected))] : null,
      heldCount ? ["held", number(heldCount), "held"] : null,
      status.epochs.length > 1 ? ["partitions", status.epochs.map(number).join(", then ")] : null,
      partitions.some((p) => p.moving) ? ["wait for their entities", number(sum(partitions, (p) => (p.moving ? 1 : 0)))] : null,
    ],
    more: h(
      "div.partitions",
      { role: "img", "aria-label": "lag of each partition" },
      partitions.map((p) =>
        h(
          `span${loop?.partitions.includes(p.partition) ? ".bad" : p.lag ? ".some" : ""}`,
          { title: `partition ${p.partition}: ${number(p.decided)} of ${number(p.commandEnd)} decided${p.moving ? ", waits for its entities" : ""}` },
          h("i", { style: null, "data-level": p.lag ? Math.max(1, Math.ceil((p.lag / worst) * 5)) : 0 }),
        ),
      ),
    ),
    fault: loop?.fault,
  });
}

function eventCard(aggregate, status, history) {
  const end = (of) => sum(partitionsOf(of, aggregate), (p) => p.eventEnd);
  return card({
    title: aggregate.name,
    href: `events?of=${encodeURIComponent(aggregate.name)}`,
    state: "good",
    values: history.rates(end),
    spark: history.rate(end),
    lines: [
      ["in the log", number(end(status))],
      ["kinds", number(aggregate.events.length)],
    ],
  });
}

function viewCard(view, status, history, head, loop) {
  const of = (s) => s.views.find((other) => other.name === view.name);
  const now = of(status);
  return card({
    title: view.name,
    href: `views/${encodeURIComponent(view.name)}`,
    state: stateOf(loop, history.stalled((s) => of(s)?.applied ?? 0, (s) => of(s)?.lag ?? 0), now?.lag),
    lag: number(now?.lag),
    lagUnit: `records, ${seconds(lagSeconds(head, now?.lag, now?.time))}`,
    trend: history.trend((s) => of(s)?.lag ?? 0),
    values: history.rates((s) => of(s)?.applied),
    spark: history.rate((s) => of(s)?.applied),
    lines: [["documents", number(now?.documents), `views/${encodeURIComponent(view.name)}`]],
    fault: loop?.fault,
  });
}

function reactionCard(reaction, status, history, head, loop) {
  const of = (s) => s.reactions.find((other) => other.name === reaction.name);
  const now = of(status);
  const executor = status.executors.find((other) => other.reaction === reaction.name);
  return card({
    title: reaction.name,
    href: `intents?of=${encodeURIComponent(reaction.name)}`,
    state: executor?.parked ? "busy" : stateOf(loop, history.stalled((s) => of(s)?.handled ?? 0, (s) => of(s)?.lag ?? 0), now?.lag),
    lag: number(now?.lag),
    lagUnit: `records, ${seconds(lagSeconds(head, now?.lag, now?.time))}`,
    trend: history.trend((s) => of(s)?.lag ?? 0),
    values: history.rates((s) => of(s)?.handled),
    spark: history.rate((s) => of(s)?.handled),
    lines: [
      ["timers armed", number(now?.timersArmed), `timers?reaction=${encodeURIComponent(reaction.name)}`],
      ["timers fired", number(now?.timersFired)],
      ["intents", number(now?.intents), `intents?of=${encodeURIComponent(reaction.name)}`],
      now?.suppressed ? ["held back (history)", number(now.suppressed)] : null,
      executor ? ["carried out", `${number(executor.done)}${executor.lag ? `, ${number(executor.lag)} to do` : ""}`] : null,
      executor?.failed ? ["tries that failed", number(executor.failed)] : null,
      executor?.parked ? ["parked", number(executor.parked), "held"] : null,
    ],
    fault: loop?.fault,
  });
}

function stateOf(loop, stalled, lag) {
  if (loop?.fault || loop?.age > late) return "failed";
  if (stalled) return "stalled";
  return lag > 1000 ? "busy" : "good";
}

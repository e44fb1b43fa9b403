import { empty, entityUrl, getJson, h, seconds, time } from "./dom.js";
import { fill } from "./tail.js";

// What is armed, soonest first. Timers fire in event time: the time the sources have come to, not the wall's.

export function timers(main, context, _, query) {
  let reaction = query.get("reaction") ?? "";
  let stopped = false;
  let timer = 0;
  const which = h("select", {
    "aria-label": "reaction",
    change: () => {
      reaction = which.value;
      context.query({ reaction });
      refresh();
    },
  });
  const list = h("div", null);
  main.append(h("h1", null, "Timers"), h("form.bar", { submit: (e) => e.preventDefault() }, which), list);
  let filled = false;
  context.onStatus(({ topology }) => {
    if (!filled) fill(which, "every reaction", topology.reactions.map((r) => r.name), reaction);
    filled = true;
  });

  async function refresh() {
    clearTimeout(timer);
    if (!document.hidden) {
      try {
        const found = await getJson(`api/timers${reaction ? `?reaction=${encodeURIComponent(reaction)}` : ""}`);
        if (!stopped) list.replaceChildren(found.length ? table(found, context.status) : empty("No timer is armed."));
      } catch (error) {
        list.replaceChildren(empty(error.message));
      }
    }
    if (!stopped) timer = setTimeout(refresh, 2000);
  }
  refresh();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

function table(found, answer) {
  const reactions = new Map(answer?.topology.reactions.map((r) => [r.name, r]) ?? []);
  const marks = answer?.status.sources.map((source) => source.status?.watermark).filter(Boolean) ?? [];
  const now = marks.length ? Math.min(...marks) / 1000 : Date.now();
  return h(
    "table.list",
    null,
    h("thead", null, h("tr", null, ["Due", "", "Reaction", "Key", "Timer", "Then"].map((name) => h("th", null, name)))),
    h(
      "tbody",
      null,
      found.map((timer) => {
        const left = (Date.parse(timer.due) - now) / 1000;
        const of = reactions.get(timer.reaction);
        return h(
          "tr",
          null,
          h("td", null, time(timer.due, true)),
          h("td.muted", null, left > 0 ? `in ${seconds(left)}` : "due"),
          h("td", null, timer.reaction),
          h("td", null, of?.perEntity ? h("a.key", { href: entityUrl(of.aggregate, timer.key) }, timer.key) : timer.key),
          h("td", null, timer.name),
          h("td", null, timer.intent),
        );
      }),
    ),
  );
}

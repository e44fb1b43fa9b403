import { empty, entityUrl, getJson, h, number, postJson, time } from "./dom.js";

// What is held, and the two things an operator can do. Nothing behind is lost; everything behind it waits.

export function held(main, context) {
  const list = h("div", null);
  const roots = h("div", null);
  const said = h("p.notice", { role: "status", hidden: true });
  main.append(
    h("h1", null, "Held"),
    h("p.lead", null, "A parked entity stands at a command its code could not take; a waiting one needs a row that has not arrived. Everybody else goes on."),
    said,
    list,
    h("h2", null, "Rows that wait for their root"),
    roots,
  );
  let stopped = false;
  let timer = 0;
  let shown = "";
  async function refresh() {
    clearTimeout(timer);
    try {
      const [found, waiting] = await Promise.all([getJson("api/held"), getJson("api/waiting")]);
      const text = JSON.stringify([found, waiting, !!context.status]);
      if (text !== shown && !stopped) {
        shown = text;
        list.replaceChildren(found.length ? table(found, context, ask) : empty("Nothing is held."));
        roots.replaceChildren(waiting.length ? rootless(waiting) : empty("None does."));
      }
    } catch (error) {
      list.replaceChildren(empty(error.message));
      roots.replaceChildren();
      shown = "";
    }
    if (!stopped) timer = setTimeout(refresh, 1500);
  }

  function ask(item, skip) {
    const dialog = document.getElementById("dialog");
    const reason = h("input", { name: "reason", required: true, autocomplete: "off", id: "reason" });
    const confirm = h("input", { name: "confirm", required: skip, autocomplete: "off", id: "confirm" });
    const wrong = h("p.fault", { role: "alert" });
    dialog.replaceChildren(
      h("h2", null, skip ? `Skip the command ${item.aggregate} ${item.entity} stands at?` : `Try ${item.aggregate} ${item.entity} again?`),
      h("p", null, skip ? "The command is left out for good; what waits behind it goes on. That is a record in the log." : "The command is decided again, and what waits behind it after it."),
      h("p.muted", null, item.reason),
      h(
        "form",
        {
          method: "dialog",
          submit: async (e) => {
            e.preventDefault();
            try {
              await postJson(`api/held/${skip ? "skip" : "retry"}`, { aggregate: item.aggregate, entity: item.entity, reason: reason.value, confirm: confirm.value });
              dialog.close();
              said.hidden = false;
              said.textContent = `${item.aggregate} ${item.entity}: ${skip ? "skipped" : "tried again"}. If it is listed still in a moment, it failed again.`;
              refresh();
            } catch (error) {
              wrong.textContent = error.message;
            }
          },
        },
        h("label", { for: "reason" }, "Why?"),
        reason,
        skip && [h("label", { for: "confirm" }, "Type ", h("code", null, item.entity), " to confirm"), confirm],
        wrong,
        h("div.actions", null, h("button.quiet", { type: "button", click: () => dialog.close() }, "Cancel"), h(skip ? "button.danger" : "button", null, skip ? "Skip it" : "Try again")),
      ),
    );
    dialog.showModal();
    reason.focus();
  }

  refresh();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

function rootless(waiting) {
  return h(
    "table.list",
    null,
    h("thead", null, h("tr", null, ["Entity", "Rows", "Since", "Why"].map((name) => h("th", null, name)))),
    h(
      "tbody",
      null,
      waiting.map((item) =>
        h(
          "tr",
          null,
          h("td", null, h("a.key", { href: entityUrl(item.aggregate, item.entity) }, `${item.aggregate} ${item.entity}`)),
          h("td.number", null, `${number(item.rows)} of ${item.table}`),
          h("td", null, time(item.since, true)),
          h("td.reason", null, h("span.tag", null, item.orphan ? "no root" : "waiting"), " ", item.reason),
        ),
      ),
    ),
  );
}

function table(found, context, ask) {
  const aggregates = new Set(context.status?.topology.aggregates.map((a) => a.name) ?? []);
  return h(
    "table.list",
    null,
    h("thead", null, h("tr", null, ["Entity", "Why", "Stands at", "Behind it", ""].map((name) => h("th", null, name)))),
    h(
      "tbody",
      null,
      found.map((item) =>
        h(
          "tr",
          null,
          h("td", null, aggregates.has(item.aggregate) ? h("a.key", { href: entityUrl(item.aggregate, item.entity) }, `${item.aggregate} ${item.entity}`) : `${item.aggregate} ${item.entity}`),
          h("td.reason", null, h("span.tag", null, item.parked ? "parked" : "waiting"), " ", item.reason),
          h("td", null, h("code", null, item.commandId)),
          h("td.number", null, number(item.waiting)),
          h("td.actions", null, item.parked && [h("button", { type: "button", click: () => ask(item, false) }, "Retry…"), h("button.danger", { type: "button", click: () => ask(item, true) }, "Skip…")]),
        ),
      ),
    ),
  );
}

import { empty, entityUrl, Exact, getJson, h, json, number, time } from "./dom.js";

// The documents of a view, in the order of a key or an index.

export function views(main, context, path, query) {
  const name = path[0];
  const state = { index: query.get("index") ?? "", descending: query.get("descending") ?? "", key: query.get("key") ?? "", take: query.get("take") ?? "" };
  const side = h("nav.side", { "aria-label": "Views" });
  const content = h("div.documents", null);
  main.append(side, content);
  let drawn = false;
  let timer = 0;
  let stopped = false;
  const bar = h("form.bar", { submit: (e) => e.preventDefault() });
  const list = h("div.scroll", null);

  context.onStatus(({ topology, status }) => {
    side.replaceChildren(
      ...topology.views.map((view) =>
        h(
          "a",
          { href: `views/${encodeURIComponent(view.name)}`, "aria-current": view.name === name ? "page" : null },
          view.name,
          h("small", null, number(status.views.find((v) => v.name === view.name)?.documents)),
        ),
      ),
    );
    if (drawn) return;
    drawn = true;
    const view = topology.views.find((known) => known.name === name);
    if (view) open(view);
    else content.append(empty(topology.views.length ? "Choose a view." : "The application has no view."));
  });

  function open(view) {
    const index = h("select", { "aria-label": "order", change: () => set({ index: index.value }) }, h("option", { value: "" }, "by partition and key"), view.indexes.map((i) => h("option", { value: i }, i.startsWith("by-") ? i : `by ${i}`)));
    index.value = state.index;
    const descending = h("button.quiet", { type: "button", title: "turn the order round", click: () => set({ descending: state.descending ? "" : "true" }) }, "⇅");
    const key = h("input", { type: "search", placeholder: "key", "aria-label": "key", value: state.key, change: () => set({ key: key.value.trim() }) });
    bar.append(index, descending, key);
    content.append(h("h1", null, view.name), h("p.lead", null, `of ${view.aggregate}, ${view.perEntity ? "one document an entity" : "with a key of its own"}`), bar, list);

    function set(changes) {
      Object.assign(state, changes);
      context.query(state);
      refresh();
    }

    async function refresh() {
      clearTimeout(timer);
      if (!document.hidden) {
        try {
          const search = new URLSearchParams(Object.entries(state).filter(([, value]) => value));
          const found = await getJson(`api/views/${encodeURIComponent(view.name)}?${search}`);
          if (!stopped) list.replaceChildren(table(found, view, () => set({ take: String(Math.min(1000, (Number(state.take) || 100) * 2)) })));
        } catch (error) {
          list.replaceChildren(empty(error.message));
        }
      }
      if (!stopped) timer = setTimeout(refresh, 2000);
    }
    refresh();
  }

  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

function table(found, view, more) {
  if (!found.documents.length) return empty("No document.");
  const columns = [...new Set(found.documents.flatMap((one) => (one.document && typeof one.document === "object" ? Object.keys(one.document) : [])))];
  return h(
    "div",
    null,
    h(
      "table.list",
      null,
      h("thead", null, h("tr", null, h("th", null, "key"), columns.map((column) => h("th", null, column)))),
      h(
        "tbody",
        null,
        found.documents.map((one) =>
          h("tr", null, h("td", null, view.perEntity ? h("a.key", { href: entityUrl(view.aggregate, one.key) }, one.key) : one.key), columns.map((column) => h("td", null, cell(one.document[column])))),
        ),
      ),
    ),
    found.more && h("p", null, h("button.quiet", { type: "button", click: more }, "Show more")),
  );
}

function cell(value) {
  if (value === undefined || value === null) return h("span.muted", null, "–");
  if (Array.isArray(value) && value.length > 3) return h("span", { title: JSON.stringify(value) }, `${value.length} entries`);
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value)) return time(value, true);
  return typeof value === "object" && !(value instanceof Exact) ? json(value) : String(value);
}

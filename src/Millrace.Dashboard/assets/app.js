import { getJson, h, number, seconds } from "./dom.js";
import { flow } from "./flow.js";
import { events, intents } from "./tail.js";
import { entity } from "./entity.js";
import { views } from "./views.js";
import { timers } from "./timers.js";
import { held } from "./held.js";
import { replay } from "./replay.js";
import { History } from "./history.js";

const pages = [
  { name: "flow", path: "", title: "Flow", show: flow },
  { name: "events", path: "events", title: "Events", show: events },
  { name: "intents", path: "intents", title: "Intents", show: intents },
  { name: "entity", path: "entity", title: "Entity", show: entity },
  { name: "views", path: "views", title: "Views", show: views },
  { name: "timers", path: "timers", title: "Timers", show: timers },
  { name: "held", path: "held", title: "Held", show: held },
  { name: "replay", path: "replay", title: "Replay", show: replay },
];

const main = document.getElementById("main");
const nav = document.getElementById("nav");
const pulse = document.getElementById("pulse");
const base = new URL(document.baseURI).pathname;
const history = new History();

/** What pages share: the last status, who listens to the next, and where one is. */
const context = {
  status: null,
  history,
  listeners: new Set(),
  onStatus(listener) {
    this.listeners.add(listener);
    if (this.status) listener(this.status);
  },
  /** Puts the page's state into the address, so that it can be shared and gone back to. */
  query(changes) {
    const url = new URL(location.href);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === undefined || value === "") url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    }
    window.history.replaceState(null, "", url);
  },
  go(path) {
    navigate(new URL(path, document.baseURI).href, true);
  },
};

let leave = null;

function route() {
  const rest = decodeURI(location.pathname).slice(base.length).replace(/\/$/, "");
  const [first, ...more] = rest.split("/");
  const page = pages.find((known) => known.path === first) ?? pages[0];
  leave?.();
  context.listeners.clear();
  document.title = `${page.title} · ${context.status?.topology.name ?? "millrace"}`;
  for (const link of nav.querySelectorAll("a")) {
    if (link.dataset.page === page.name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  main.replaceChildren();
  main.className = `page-${page.name}`;
  leave = page.show(main, context, more.map(decodeURIComponent), new URLSearchParams(location.search)) ?? null;
}

function navigate(href, push) {
  if (push && href !== location.href) window.history.pushState(null, "", href);
  route();
  main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

document.addEventListener("click", (click) => {
  const link = click.target.closest("a[href]");
  if (!link || click.defaultPrevented || click.button !== 0 || click.metaKey || click.ctrlKey || click.shiftKey || link.target) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || !url.pathname.startsWith(base) || url.pathname.startsWith(`${base}api/`)) return;
  if (url.hash && url.pathname === location.pathname) return;
  click.preventDefault();
  navigate(link.href, true);
});
window.addEventListener("popstate", () => route());

// Keys: a page by its number, / for the filter, ? for help; the pages have a few of their own.
document.addEventListener("keydown", (key) => {
  if (key.ctrlKey || key.metaKey || key.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(key.target.tagName) || document.querySelector("dialog[open]")) return;
  const page = pages[Number(key.key) - 1];
  if (page) context.go(page.path || "./");
  else if (key.key === "/") {
    const filter = main.querySelector("input");
    if (filter) {
      key.preventDefault();
      filter.focus();
    }
  } else if (key.key === "?") help();
});

function help() {
  const dialog = document.getElementById("dialog");
  const line = (keys, what) => h("tr", null, h("td", null, h("kbd", null, keys)), h("td", null, what));
  dialog.replaceChildren(
    h("h2", null, "Keys"),
    h(
      "table.keys",
      null,
      pages.map((page, i) => line(String(i + 1), page.title)),
      line("/", "go to the filter"),
      line("Space", "pause or go on (events, intents)"),
      line("?", "this"),
    ),
    h("form", { method: "dialog" }, h("button", null, "Close")),
  );
  dialog.showModal();
}

function header(answer) {
  const status = answer.status;
  document.getElementById("application").textContent = answer.topology.name;
  const heldCount = status.partitions.reduce((sum, p) => sum + p.held, 0) + status.executors.reduce((sum, e) => sum + e.parked, 0);
  const badge = nav.querySelector('[data-page="held"] .badge');
  badge.textContent = heldCount ? number(heldCount) : "";
  const broken = status.sources.find((source) => source.fault || !source.status?.connected);
  const lag = Math.max(0, ...status.sources.map((source) => source.status?.lagMicroseconds ?? 0));
  const snapshot = status.sources.some((source) => source.status?.snapshots?.length);
  pulse.className = `pulse ${broken ? "bad" : lag > 5e6 ? "warn" : "good"}`;
  pulse.textContent = broken ? `${broken.name}: not connected` : snapshot ? "taking a snapshot" : `source ${seconds(lag / 1e6)} behind`;
}

async function poll() {
  if (!document.hidden) {
    try {
      const answer = await getJson("api/status");
      context.status = answer;
      history.add(answer.status);
      header(answer);
      for (const listener of context.listeners) listener(answer);
    } catch (error) {
      pulse.className = "pulse bad";
      pulse.textContent = `no answer: ${error.message}`;
    }
  }
  setTimeout(poll, 1000);
}

nav.append(
  ...pages.map((page, i) =>
    h("a", { href: page.path || "./", "data-page": page.name, title: `${page.title} (${i + 1})` }, page.title, page.name === "held" && h("span.badge", null)),
  ),
);
route();
poll();

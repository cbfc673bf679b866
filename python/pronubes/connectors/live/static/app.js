// Puts the parts together: events in, one drawing per frame out.

import { Connection } from "./connection.js";
import { Contracts, Lineage } from "./contracts.js";
import { Detail } from "./detail.js";
import * as format from "./format.js";
import { dress, perFrame, put } from "./dom.js";
import { Panels, Quarantine, Rates } from "./panels.js";
import { Store } from "./store.js";
import { Tree } from "./tree.js";

const RESTRUCTURE_MS = 250;
const SEARCH_MS = 150;
const FIRST_ROWS = 34;
const byId = (id) => document.getElementById(id);

const store = new Store();
const rates = new Rates();
const panels = new Panels(rates);
let clockOffsetMs = 0;
let epoch = null;
let ownSink = null;
let isComplete = false;
let hasUnfolded = false;
let restructureTimer = null;

const now = () => Date.now() + clockOffsetMs;
const tree = new Tree(store, { scroller: byId("tree"), body: byId("tree-body"), now, select: (topic) => choose(topic) });
const detail = new Detail({ store, now, closed: () => remember() });
const quarantine = new Quarantine({ shown: () => {} });
const contracts = new Contracts();
const lineage = new Lineage(() => detail.topic);

const drawValues = perFrame(() => {
  tree.draw();
  detail.draw();
  put(byId("total-topics"), format.count(store.total));
  byId("empty").hidden = store.topics.size > 0;
  const hidden = store.wanted && store.root.hits === 0 && store.topics.size > 0;
  byId("nothing-found").hidden = !hidden;
  put(byId("found"), store.wanted ? `${format.count(store.root.hits)} of ${format.count(store.topics.size)} topics` : "");
  byId("loading").hidden = isComplete || store.topics.size === 0;
  put(byId("loading"), `Loading ${format.count(store.topics.size)} of ${format.count(store.total)} topics …`);
});

const handlers = {
  hello(hello) {
    if (hello.epoch !== epoch) {
      epoch = hello.epoch;
      isComplete = false;
      store.clear();
      rates.clear();
      detail.restart();
      tree.active = null;
      tree.restructure();
    }
    quarantine.clear();
    ownSink = hello.sink;
    clockOffsetMs = hello.now_ms - Date.now();
    put(byId("node"), hello.node);
    document.title = `${hello.node} · pronubes`;
  },

  values(page) {
    const hasGrown = store.take(page);
    if (!page.more && !isComplete) {
      isComplete = true;
      begin();
    }
    if (hasGrown) restructureTimer ??= setTimeout(restructure, isComplete ? RESTRUCTURE_MS : 2 * RESTRUCTURE_MS);
    drawValues();
  },

  status({ status, now_ms: nowMs }) {
    clockOffsetMs = nowMs - Date.now();
    panels.show(status, nowMs);
    const totals = status.totals ?? {};
    put(byId("total-in"), format.rate(rates.of("in", totals.received, nowMs)) || "–");
    put(byId("total-out"), format.rate(rates.of("out", totals.delivered, nowMs)) || "–");
    put(byId("total-buffered"), format.shortCount(totals.buffered));
    put(byId("total-quarantined"), format.shortCount(totals.quarantined));
    byId("total-quarantined").classList.toggle("raised", totals.quarantined > 0);
    put(byId("count-quarantine"), totals.quarantined > 0 ? format.shortCount(totals.quarantined) : "");
    byId("unbalanced").hidden = status.balanced !== false;
    const unseen = status.sinks?.find((sink) => sink.name === ownSink)?.dropped ?? 0;
    byId("unseen").hidden = unseen === 0;
    put(byId("unseen-count"), format.count(unseen));
  },

  quarantine(records) {
    quarantine.add(records);
  },

  state(state, since) {
    const pill = byId("state");
    dress(pill, `state ${state}`);
    put(pill, state === "live" ? "live" : `reconnecting since ${format.time(since)}`);
    document.body.classList.toggle("offline", state !== "live");
  },
};

function restructure() {
  restructureTimer = null;
  tree.restructure();
}

/** Everything has come for the first time: open what fits, and what the address names. */
function begin() {
  if (!hasUnfolded) {
    hasUnfolded = true;
    const topic = new URLSearchParams(location.hash.slice(1)).get("topic");
    const node = topic ? store.reveal(topic) : null;
    if (!node) store.unfold(FIRST_ROWS);
    tree.restructure();
    if (node) tree.goTo(node);
  } else {
    reopen();
  }
  tree.forgetRates();
}

/** After a new beginning of the server: open what was open. */
function reopen() {
  for (const path of openPaths) {
    let node = store.root;
    for (const level of path.split("/")) node = node?.children?.get(level);
    if (node) node.isOpen = true;
  }
  tree.restructure();
}

// Which branches are open, for the next beginning: read when the connection is lost, before the store is cleared.
let openPaths = [];
const clearStore = store.clear.bind(store);
store.clear = () => {
  openPaths = store.rows().filter((node) => node.isOpen).map((node) => node.path);
  clearStore();
};

function choose(topic) {
  if (topic && detail.topic !== topic.name) {
    detail.open(topic.name);
    lineage.clear();
  }
  remember();
}

// Tabs

const tabs = [...document.querySelectorAll('[role="tab"]')];

function showTab(name) {
  for (const tab of tabs) {
    const isChosen = tab.dataset.tab === name;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    byId(`panel-${tab.dataset.tab}`).hidden = !isChosen;
  }
  byId("search").placeholder = tabs.find((tab) => tab.dataset.tab === name).dataset.search;
  if (name === "namespace") drawValues();
  remember();
}

function chosenTab() {
  return tabs.find((tab) => tab.getAttribute("aria-selected") === "true").dataset.tab;
}

function remember() {
  const address = new URLSearchParams();
  if (chosenTab() !== "namespace") address.set("tab", chosenTab());
  if (detail.topic) address.set("topic", detail.topic);
  history.replaceState(null, "", address.size > 0 ? `#${address}` : location.pathname);
}

for (const tab of tabs) {
  tab.addEventListener("click", () => showTab(tab.dataset.tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    showTab(next.dataset.tab);
    next.focus();
  });
}

// Search

let searchTimer = null;
byId("search").addEventListener("input", () => {
  clearTimeout(searchTimer);
  searchTimer = setTimeout(search, SEARCH_MS);
});

function search() {
  const text = byId("search").value;
  store.search(text);
  panels.find(text);
  quarantine.find(text);
  contracts.find(text);
  byId("tree").scrollTop = 0;
  tree.restructure();
  drawValues();
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target === byId("search");
  if (event.key === "/" && !isTyping) {
    byId("search").focus();
    event.preventDefault();
  } else if (event.key === "Escape" && isTyping) {
    byId("search").value = "";
    search();
    byId("tree").focus();
  } else if (event.key === "ArrowDown" && isTyping && tree.rows.length > 0) {
    byId("tree").focus();
    tree.goTo(tree.rows[0]);
    event.preventDefault();
  }
});

setInterval(drawValues, 1000);
const address = new URLSearchParams(location.hash.slice(1));
if (tabs.some((tab) => tab.dataset.tab === address.get("tab"))) {
  showTab(address.get("tab"));
}
new Connection(handlers);

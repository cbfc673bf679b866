// Routes, sinks, connections and the quarantine: the node's ledgers as tables.

import { sparkline } from "./chart.js";
import * as format from "./format.js";
import { badge, dress, keyed, make, put } from "./dom.js";

const HISTORY = 60;
const MOST_ROWS = 300;
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

/** Rates of counters, from one status to the next. */
export class Rates {
  constructor() {
    this.counters = new Map();
  }

  clear() {
    this.counters.clear();
  }

  /** Messages per second of a counter; undefined until it was seen twice. */
  of(key, counter, nowMs) {
    const known = this.counters.get(key);
    if (!known || counter < known.counter) {
      this.counters.set(key, { counter, nowMs, history: [] });
      return undefined;
    }
    if (nowMs > known.nowMs) {
      known.rate = ((counter - known.counter) / (nowMs - known.nowMs)) * 1000;
      known.history.push(known.rate);
      if (known.history.length > HISTORY) known.history.shift();
      known.counter = counter;
      known.nowMs = nowMs;
    }
    return known.rate;
  }

  history(key) {
    return this.counters.get(key)?.history ?? [];
  }
}

/** A table whose columns are [heading, class, text of an item, class of the cell]. */
class Table {
  constructor(element, columns, keyOf) {
    this.columns = columns;
    this.keyOf = keyOf;
    const head = make("thead");
    const row = make("tr");
    for (const [heading, kind] of columns) {
      const cell = make("th", kind, heading);
      cell.scope = "col";
      row.append(cell);
    }
    head.append(row);
    this.body = make("tbody");
    element.append(head, this.body);
  }

  show(items) {
    keyed(this.body, items, this.keyOf, () => this.makeRow(), (row, item) => this.update(row, item));
  }

  makeRow() {
    const row = make("tr");
    for (const [, kind] of this.columns) {
      const cell = make("td", kind);
      if (kind.includes("spark")) {
        const svg = document.createElementNS(SVG, "svg");
        svg.setAttribute("viewBox", "0 0 120 24");
        svg.setAttribute("aria-hidden", "true");
        svg.append(document.createElementNS(SVG, "polyline"));
        cell.append(svg);
      } else if (kind.includes("condition")) {
        cell.append(make("span", "badge none"));
      }
      row.append(cell);
    }
    return row;
  }

  update(row, item) {
    this.columns.forEach(([, kind, text], index) => {
      const cell = row.children[index];
      if (kind.includes("spark")) cell.firstChild.firstChild.setAttribute("points", sparkline(text(item), 120, 24));
      else if (kind.includes("condition")) badge(cell.firstChild, ...text(item));
      else {
        const shown = text(item);
        put(cell, shown);
        if (kind.includes("raising")) dress(cell, shown !== "0" && shown !== "–" ? `${kind} raised` : kind);
      }
    });
  }
}

const number = (key) => (item) => format.count(item[key]);

export class Panels {
  constructor(rates) {
    this.rates = rates;
    this.search = "";
    const perSecond = (kind, key) => (item) => format.rate(this.rates.of(`${kind} ${item.name}`, item[key], this.nowMs));
    const lastMinute = (kind) => (item) => this.rates.history(`${kind} ${item.name}`);
    this.routes = new Table(byId("routes-table"), [
      ["Route", "text name", (route) => route.name],
      ["Matched", "num", number("matched")],
      ["Passed", "num", number("passed")],
      ["Filtered", "num", number("filtered")],
      ["Absorbed", "num wide", number("absorbed")],
      ["In hooks", "num wide", number("in_hooks")],
      ["Quarantined", "num raising", number("quarantined")],
      ["Rejected", "num wide raising", number("rejected")],
      ["Reasons", "text wide soft", reasonsOf],
      ["Msg/s", "num strong", perSecond("route", "matched")],
      ["Last minute", "spark wide", lastMinute("route")],
    ], (route) => route.name);
    this.sinks = new Table(byId("sinks-table"), [
      ["Sink", "text name", (sink) => sink.name],
      ["Kind", "text wide soft", (sink) => sink.kind ?? ""],
      ["State", "condition", sinkState],
      ["Emitted", "num wide", number("emitted")],
      ["Delivered", "num", number("delivered")],
      ["Buffered", "num", number("buffered")],
      ["Memory", "num wide soft", (sink) => format.bytes(sink.queued_bytes)],
      ["Dropped", "num raising", number("dropped")],
      ["Quarantined", "num wide raising", number("quarantined")],
      ["Delivered/s", "num strong", perSecond("sink", "delivered")],
      ["Last minute", "spark wide", lastMinute("sink")],
    ], (sink) => sink.name);
    this.sources = new Table(byId("sources-table"), [
      ["Source", "text name", (source) => source.name],
      ["State", "condition", (source) => (source.is_paused ? ["uncertain", "held back"] : ["good", "reading"])],
      ["Received", "num", number("received")],
      ["Matched", "num", number("matched")],
      ["Unrouted", "num", number("unrouted")],
      ["Rejected", "num raising", number("rejected")],
      ["Unsettled", "num wide", number("unsettled")],
      ["Asked again", "num wide", number("failed")],
      ["Msg/s", "num strong", perSecond("source", "received")],
      ["Last minute", "spark wide", lastMinute("source")],
    ], (source) => source.name);
    this.connections = new Table(byId("connections-table"), [
      ["MQTT connection", "text name", (connection) => connection.name],
      ["Side", "text soft", (connection) => connection.role ?? ""],
      ["State", "condition", (connection) => connectionState(connection.state ?? "")],
      ["Received", "num wide", number("received")],
      ["Published", "num wide", number("published")],
      ["In flight", "num", number("inflight")],
      ["Unacknowledged", "num wide", number("unacknowledged")],
      ["Sent again", "num", number("sent_again")],
      ["Connected", "num", (connection) => `${format.count(connection.connections)} ×`],
    ], (connection) => connection.connection);
  }

  /** Show a status. Rates of all rows are counted, also while their panel is not in sight. */
  show(status, nowMs) {
    this.status = status;
    this.nowMs = nowMs;
    this.list("routes", this.routes, status.routes ?? []);
    this.list("sinks", this.sinks, status.sinks ?? []);
    this.list("sources", this.sources, status.sources ?? []);
    this.list("connections", this.connections, status.connections ?? []);
  }

  list(name, table, items) {
    const words = this.search.toLowerCase().split(/\s+/).filter(Boolean);
    const found = words.length > 0 ? items.filter((item) => words.every((word) => String(item.name).toLowerCase().includes(word))) : items;
    table.show(found.slice(0, MOST_ROWS));
    const note = byId(`${name}-note`);
    if (items.length === 0) put(note, note.dataset.empty);
    else if (found.length === 0) put(note, `None of ${format.count(items.length)} has “${this.search}” in its name.`);
    else if (found.length > MOST_ROWS) put(note, `The first ${MOST_ROWS} of ${format.count(found.length)} are shown; search for a name to see others.`);
    else put(note, "");
    note.hidden = note.textContent === "";
  }

  find(text) {
    this.search = text.trim();
    if (this.status) this.show(this.status, this.nowMs);
  }
}

function reasonsOf(route) {
  const reasons = Object.entries(route.reasons ?? {}).sort((a, b) => b[1] - a[1]);
  return reasons.map(([reason, times]) => `${reason} × ${format.count(times)}`).join(", ");
}

function sinkState(sink) {
  if (sink.is_full) return ["bad", "full"];
  return sink.is_retired ? ["uncertain", "draining"] : ["good", "taking"];
}

function connectionState(state) {
  if (state === "connected") return ["good", state];
  return [state === "connecting" ? "uncertain" : "bad", state];
}

/** The newest quarantined messages. */
export class Quarantine {
  constructor({ shown }) {
    this.records = [];
    this.shown = shown;
    this.search = "";
    this.reason = null;
    this.serial = 0;
  }

  clear() {
    this.records = [];
  }

  add(records) {
    for (const record of records) record.serial = this.serial += 1;
    this.records = [...records, ...this.records].slice(0, 200);
    this.draw();
  }

  find(text) {
    this.search = text.trim().toLowerCase();
    this.draw();
  }

  draw() {
    const wanted = this.search.split(/\s+/).filter(Boolean);
    const found = this.records.filter((record) => {
      if (this.reason && record.reason !== this.reason) return false;
      const text = `${record.topic} ${record.reason} ${record.route ?? ""} ${record.source ?? ""} ${record.detail ?? ""}`.toLowerCase();
      return wanted.every((word) => text.includes(word));
    });
    this.drawReasons();
    keyed(byId("quarantine-list"), found, (record) => record.serial, makeRecord, () => {});
    const note = byId("quarantine-note");
    put(note, this.records.length === 0 ? note.dataset.empty : found.length === 0 ? "None of the newest quarantined messages fits the search." : "");
    note.hidden = note.textContent === "";
    this.shown(this.records.length);
  }

  drawReasons() {
    const counts = new Map();
    for (const { reason } of this.records) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    if (this.reason && !counts.has(this.reason)) this.reason = null;
    const reasons = [...counts].sort((a, b) => b[1] - a[1]);
    keyed(byId("reasons"), reasons, ([reason]) => reason, ([reason]) => {
      const button = make("button", "chip");
      button.type = "button";
      button.addEventListener("click", () => {
        this.reason = this.reason === reason ? null : reason;
        this.draw();
      });
      return button;
    }, (button, [reason, times]) => {
      put(button, `${reason} × ${times}`);
      button.setAttribute("aria-pressed", String(this.reason === reason));
    });
  }
}

function makeRecord(record) {
  const item = make("li", "record");
  const head = make("div", "record-head");
  head.append(make("span", "badge bad", record.reason), make("span", "record-topic", format.escaped(String(record.topic))));
  head.append(make("time", "when", format.moment(record.time_ns / 1e6)));
  const why = make("p", "record-why");
  why.append(make("strong", "", record.text ?? ""), ` ${record.action ?? ""}`);
  item.append(head, why);
  const facts = make("dl", "record-facts");
  const known = [["Detail", record.detail], ["Route", record.route ?? "none"], ["Step", stepOf(record)], ["Source", record.source ?? "unknown"]];
  for (const [name, text] of known.filter(([, text]) => text)) {
    const pair = make("div");
    pair.append(make("dt", "", name), make("dd", "", format.escaped(String(text))));
    facts.append(pair);
  }
  item.append(facts, make("pre", "record-bytes", original(record)));
  return item;
}

function stepOf(record) {
  return typeof record.step === "number" ? String(record.step + 1) : (record.step ?? "before the steps");
}

function original(record) {
  const text = record.payload_base64 !== undefined ? format.escapedBase64(record.payload_base64) : format.escaped(String(record.payload ?? ""));
  return record.cut_from ? `${text}… (the beginning; the quarantine file has all of it)` : text || "(empty)";
}

// What is known: topics with their newest values, and the tree of their levels.
//
// 1. Every branch knows how many topics, messages, bad and uncertain values are under it; a change adds its difference to the branches above, so
//    nothing walks the tree.
// 2. Children are sorted only when somebody looks: new ones wait in `fresh` and are merged in.
// 3. Times are milliseconds of the node's clock.

import { qualityClass } from "./format.js";

const RATE_WINDOW_MS = 4000;
const STALE_INTERVALS = 5;
const STALE_MIN_MS = 10_000;

export class Topic {
  constructor(name, node) {
    this.name = name;
    this.node = node;
    this.count = 0;
    this.quality = "";
    this.rate = 0;
  }

  /** Take a change; how many messages it stands for. */
  take(change) {
    const timeMs = change.time_ns / 1e6;
    const added = change.count - this.count;
    if (this.count === 0) {
      this.firstMs = change.first_ns / 1e6;
      const span = timeMs - this.firstMs;
      this.rate = change.count > 1 && span > 0 ? ((change.count - 1) / span) * 1000 : 0;
      this.baseCount = change.count;
      this.baseMs = timeMs;
    } else if (timeMs - this.baseMs >= RATE_WINDOW_MS) {
      this.rate = ((change.count - this.baseCount) / (timeMs - this.baseMs)) * 1000;
      this.baseCount = change.count;
      this.baseMs = timeMs;
    } else if (this.rate === 0 && change.count > this.baseCount && timeMs > this.baseMs) {
      this.rate = ((change.count - this.baseCount) / (timeMs - this.baseMs)) * 1000;
    }
    this.count = change.count;
    this.timeMs = timeMs;
    this.change = change;
    return added;
  }

  /** The content as the page shows it: {value, unit, quality, sourceMs, raw}. */
  content() {
    const { payload, text, base64 } = this.change;
    if (text !== undefined) return { value: text, raw: text };
    if (base64 !== undefined) return { value: undefined, base64 };
    if (payload !== null && typeof payload === "object" && !Array.isArray(payload) && "value" in payload) {
      return { value: payload.value, unit: payload.unit, quality: payload.quality, sourceMs: payload.timestamp_ms, raw: payload };
    }
    const quality = payload !== null && typeof payload === "object" ? payload.quality : undefined;
    return { value: payload, quality, raw: payload };
  }

  /** Messages per second now: what is silent for longer than usual is slower than it was. */
  rateAt(nowMs) {
    const silentMs = nowMs - this.timeMs;
    return silentMs > RATE_WINDOW_MS ? Math.min(this.rate, 1000 / silentMs) : this.rate;
  }

  /** Whether it is silent for much longer than usual. What came once or twice has no usual. */
  isStale(nowMs) {
    if (this.count < 3 || this.rate <= 0) return false;
    return nowMs - this.timeMs > Math.max(STALE_MIN_MS, (STALE_INTERVALS * 1000) / this.rate);
  }
}

class Node {
  constructor(name, parent) {
    this.name = name;
    this.key = name.replace(/\d+/g, (digits) => digits.padStart(12, "0")).toLowerCase();
    this.parent = parent;
    this.depth = parent ? parent.depth + 1 : -1;
    this.children = null;
    this.sorted = [];
    this.fresh = [];
    this.topic = null;
    this.isOpen = false;
    this.topics = this.messages = this.bad = this.uncertain = 0;
    this.mark = 0; // the search that it was last found by
    this.hits = 0;
  }

  child(name) {
    this.children ??= new Map();
    let child = this.children.get(name);
    if (!child) {
      child = new Node(name, this);
      this.children.set(name, child);
      this.fresh.push(child);
    }
    return child;
  }

  ordered() {
    if (this.fresh.length > 0) {
      this.fresh.sort(byKey);
      this.sorted = this.sorted.length > 0 ? merge(this.sorted, this.fresh) : this.fresh;
      this.fresh = [];
    }
    return this.sorted;
  }

  get path() {
    const names = [];
    for (let node = this; node.parent; node = node.parent) names.push(node.name);
    return names.reverse().join("/");
  }
}

export class Store {
  constructor() {
    this.clear();
  }

  clear() {
    this.topics = new Map();
    this.root = new Node("", null);
    this.root.isOpen = true;
    this.generation = (this.generation ?? 0) + 1;
    this.total = 0; // what the engine knows; more than `topics.size` until everything has come
    this.search(this.searchText ?? "");
  }

  /** Take a page of changes; whether the tree has new branches or leaves. */
  take(page) {
    const known = this.topics.size;
    this.total = page.topics;
    for (const change of page.values) this.takeOne(change);
    return this.topics.size !== known;
  }

  takeOne(change) {
    const topic = this.topics.get(change.topic) ?? this.insert(change.topic);
    const added = topic.take(change);
    const payload = change.payload;
    const quality = payload !== null && typeof payload === "object" ? qualityClass(payload.quality) : "";
    const bad = (quality === "bad") - (topic.quality === "bad");
    const uncertain = (quality === "uncertain") - (topic.quality === "uncertain");
    topic.quality = quality;
    for (let node = topic.node; node; node = node.parent) {
      node.messages += added;
      node.bad += bad;
      node.uncertain += uncertain;
    }
  }

  insert(name) {
    let node = this.root;
    for (const level of name.split("/")) node = node.child(level);
    const topic = new Topic(name, node);
    node.topic = topic;
    this.topics.set(name, topic);
    for (let above = node; above; above = above.parent) above.topics += 1;
    if (this.wanted?.(name)) this.found(node);
    return topic;
  }

  /** Look for topics: words that all occur, or an MQTT filter. Empty ends the search. */
  search(text) {
    this.searchText = text;
    this.wanted = predicate(text);
    this.searchNumber = (this.searchNumber ?? 0) + 1;
    this.root.hits = 0;
    this.root.mark = this.searchNumber;
    if (!this.wanted) return;
    for (const topic of this.topics.values()) if (this.wanted(topic.name)) this.found(topic.node);
  }

  found(node) {
    for (let above = node; above; above = above.parent) {
      if (above.mark !== this.searchNumber) {
        above.mark = this.searchNumber;
        above.hits = 0;
      }
      above.hits += 1;
    }
  }

  isShown(node) {
    return !this.wanted || node.mark === this.searchNumber;
  }

  /** List what a tree shows, from the top: open branches with their children. While few topics are found, all of them are open. */
  rows() {
    const rows = [];
    const opensAll = this.wanted !== null && this.root.hits <= 300;
    const visit = (node) => {
      for (const child of node.ordered()) {
        if (!this.isShown(child)) continue;
        child.isUnfolded = child.children !== null && (opensAll ? child.shutIn !== this.searchNumber : child.isOpen);
        rows.push(child);
        if (child.isUnfolded) visit(child);
      }
    };
    visit(this.root);
    return rows;
  }

  /** Open the first levels while everything fits into about `room` rows. */
  unfold(room) {
    let level = [...this.root.ordered()];
    let used = level.length;
    while (level.length > 0) {
      const next = level.flatMap((node) => node.ordered());
      if (next.length === 0) return;
      if (used + next.length > room) break;
      used += next.length;
      for (const node of level) node.isOpen = node.children !== null;
      level = next;
    }
    // The level that does not fit: its first branches, one below the other, so that the first look shows values.
    for (let node = level[0]; node?.children && used < room; node = node.ordered()[0]) {
      used += node.children.size;
      if (used > room) return;
      node.isOpen = true;
    }
  }

  /** Open everything above a topic; its node, or null. */
  reveal(name) {
    const node = this.topics.get(name)?.node ?? null;
    for (let above = node?.parent; above; above = above.parent) above.isOpen = true;
    return node;
  }
}

function byKey(a, b) {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

function merge(left, right) {
  const out = [];
  let i = 0;
  for (const node of right) {
    while (i < left.length && byKey(left[i], node) <= 0) out.push(left[i++]);
    out.push(node);
  }
  while (i < left.length) out.push(left[i++]);
  return out;
}

function predicate(text) {
  const trimmed = text.trim();
  if (!trimmed) return null;
  if (/(^|\/)[+#](\/|$)/.test(trimmed)) {
    const pattern = trimmed.split("/").map((level) => (level === "+" ? "[^/]*" : level.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
    const open = pattern.at(-1) === "#";
    if (open) pattern.pop();
    const body = pattern.join("/");
    const test = new RegExp(open ? `^${body}${body ? "(/|$)" : ""}` : `^${body}$`, "s");
    const hidesSystem = /^[+#]/.test(trimmed);
    return (name) => test.test(name) && !(hidesSystem && name.startsWith("$"));
  }
  const words = trimmed.toLowerCase().split(/\s+/);
  return (name) => {
    const lowered = name.toLowerCase();
    return words.every((word) => lowered.includes(word));
  };
}

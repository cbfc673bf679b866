// Contracts: what each has judged, who broke which rule, and where the selected topic comes from.

import * as format from "./format.js";
import { badge, keyed, make, put } from "./dom.js";

const POLL_MS = 2000;
const byId = (id) => document.getElementById(id);

/** The panel of all contracts. A node without contracts, or an older one, shows a note. */
export class Contracts {
  constructor() {
    this.contracts = [];
    this.search = "";
    setInterval(() => this.poll(), POLL_MS);
    this.poll();
  }

  async poll() {
    if (document.hidden || this.isPolling) return;
    this.isPolling = true;
    try {
      const answer = await fetch("/api/contracts");
      if (answer.ok) this.show((await answer.json()).contracts);
    } catch {
      // The stream of events says that the server is away.
    } finally {
      this.isPolling = false;
    }
  }

  show(contracts) {
    this.contracts = contracts;
    const violated = contracts.filter((contract) => contract.report?.violated > 0).length;
    put(byId("count-contracts"), violated > 0 ? String(violated) : "");
    this.draw();
  }

  find(text) {
    this.search = text.trim().toLowerCase();
    this.draw();
  }

  draw() {
    const words = this.search.split(/\s+/).filter(Boolean);
    const found = this.contracts.filter((contract) => words.every((word) => `${contract.contract} ${contract.owner ?? ""}`.toLowerCase().includes(word)));
    keyed(byId("contracts-list"), found, (contract) => contract.contract, makeContract, updateContract);
    const note = byId("contracts-note");
    put(note, this.contracts.length === 0 ? note.dataset.empty : found.length === 0 ? "No contract fits the search." : "");
    note.hidden = note.textContent === "";
  }
}

function makeContract(contract) {
  const item = make("li", "record contract");
  const head = make("div", "record-head");
  head.append(make("span", "badge none"), make("span", "record-topic", contract.contract), make("span", "when"));
  const facts = make("p", "record-why");
  item.append(head, facts, make("ul", "rules"), make("ol", "offenders"));
  return item;
}

function updateContract(item, contract) {
  const [head, facts, rules, offenders] = item.children;
  const { judged = 0, violated = 0, mode = contract.mode, rules: broken = [], offenders: newest = [] } = contract.report ?? {};
  badge(head.children[0], violated > 0 ? "bad" : judged > 0 ? "good" : "", violated > 0 ? `${format.shortCount(violated)} violations` : judged > 0 ? "kept" : "not judged yet");
  put(head.children[2], `${format.count(judged)} judged`);
  const owner = contract.owner ? ` · owner ${contract.owner}` : "";
  put(facts, `${consequence(mode)}${owner}${contract.state && contract.state !== "active" ? ` · ${contract.state}` : ""}${contract.description ? ` · ${contract.description}` : ""}`);
  keyed(rules, broken.filter((rule) => rule.count > 0), (rule) => `${rule.field} ${rule.rule}`, () => make("li", "chip"), (row, rule) => {
    put(row, `${rule.field || "payload"}: ${rule.rule} × ${format.count(rule.count)}`);
  });
  drawOffenders(offenders, newest);
}

function consequence(mode) {
  const words = { observe: "counts violations", annotate: "marks violations and lets them pass", quarantine: "puts violations into the quarantine", reject: "throws violations away, counted" };
  return words[mode] ?? mode ?? "";
}

/** Who broke a rule lately, the newest first. */
export function drawOffenders(list, offenders) {
  const newest = [...offenders].reverse();
  keyed(list, newest, (offender) => `${offender.received_ns} ${offender.topic} ${offender.field}`, () => {
    const row = make("li");
    row.append(make("span", "when"), make("span", "what"));
    return row;
  }, (row, offender) => {
    put(row.children[0], format.time(offender.received_ns / 1e6));
    const found = offender.found ? `: found ${offender.found}` : "";
    const expected = offender.expected ? `, expected ${offender.expected}` : "";
    put(row.children[1], format.escaped(`${offender.topic} · ${offender.field || "payload"} ${offender.reason}${found}${expected}`));
  });
}

/** Where the selected topic comes from and what it promises. */
export class Lineage {
  constructor(topicOf) {
    this.topicOf = topicOf;
    this.list = byId("detail-lineage");
    setInterval(() => this.poll(), POLL_MS);
  }

  async poll() {
    const topic = this.topicOf();
    if (!topic || document.hidden || this.isPolling) return;
    this.isPolling = true;
    try {
      const answer = await fetch(`/api/catalog/topic?topic=${encodeURIComponent(topic)}`);
      if (topic === this.topicOf()) this.show(answer.ok ? await answer.json() : null);
    } catch {
      // The stream of events says that the server is away.
    } finally {
      this.isPolling = false;
    }
  }

  clear() {
    byId("lineage-block").hidden = true;
    this.poll();
  }

  show(topic) {
    byId("lineage-block").hidden = topic === null;
    if (topic === null) return;
    const facts = [
      ["Contract", topic.contract ?? "none"],
      ["Unit", topic.unit],
      ["Owner", topic.owner],
      ["Branch", topic.branch],
      ["Route", topic.route],
      ["Source", topic.source],
      ["Came as", topic.origin === topic.topic ? null : topic.origin],
      ["Violations", topic.violations > 0 ? format.count(topic.violations) : null],
    ].filter(([, text]) => text);
    keyed(this.list, facts, ([name]) => name, ([name]) => {
      const pair = make("div");
      pair.append(make("dt", "", name), make("dd"));
      return pair;
    }, (pair, [, text]) => put(pair.children[1], format.escaped(String(text))));
    drawOffenders(byId("detail-offenders"), topic.offenders ?? []);
  }
}

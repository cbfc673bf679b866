// One tag: its newest value, a chart of the last minutes, what it was lately, and the payload as it came.

import { Chart } from "./chart.js";
import * as format from "./format.js";
import { badge, make, put } from "./dom.js";

const POLL_MS = 1000;
const LAST_VALUES = 8;
const byId = (id) => document.getElementById(id);

export class Detail {
  constructor({ store, now, closed }) {
    Object.assign(this, { store, now, closed });
    this.panel = byId("detail");
    this.chart = new Chart(byId("chart"));
    this.topic = null;
    this.points = [];
    this.rangeMs = 5 * 60_000;
    byId("detail-close").addEventListener("click", () => this.close());
    byId("ranges").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      for (const other of byId("ranges").children) other.setAttribute("aria-pressed", String(other === button));
      this.rangeMs = Number(button.dataset.minutes) * 60_000;
      this.drawChart();
    });
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    setInterval(() => this.poll(), POLL_MS);
  }

  open(name) {
    if (this.topic === name) return;
    this.topic = name;
    this.points = [];
    this.hasAnswer = false;
    this.shownChange = null;
    this.panel.hidden = false;
    document.body.classList.add("with-detail");
    this.draw();
    this.drawChart();
    this.poll();
  }

  close() {
    this.topic = null;
    this.panel.hidden = true;
    document.body.classList.remove("with-detail");
    this.closed();
  }

  /** The server has begun anew: what was kept there is gone. */
  restart() {
    this.points = [];
    this.shownChange = null;
  }

  /** Show the newest value. Called when values came and once per second. */
  draw() {
    if (!this.topic) return;
    const topic = this.store.topics.get(this.topic);
    put(byId("detail-topic"), this.topic);
    if (!topic) return;
    const content = topic.content();
    const nowMs = this.now();
    const isStale = topic.isStale(nowMs);
    put(byId("detail-value"), content.base64 !== undefined ? "(binary)" : format.value(content.value));
    put(byId("detail-unit"), format.unit(content.unit));
    badge(byId("detail-quality"), format.qualityClass(content.quality), typeof content.quality === "string" ? content.quality : "");
    const perSecond = format.rate(topic.rateAt(nowMs));
    const old = format.age(nowMs - topic.timeMs);
    put(byId("detail-age"), isStale ? `stale: silent for ${old}` : old === "now" ? "just now" : `${old} ago`);
    byId("detail-age").classList.toggle("is-stale", isStale);
    put(byId("detail-facts"), `${perSecond} msg/s · ${format.count(topic.count)} messages since ${format.moment(topic.firstMs)}`);
    if (topic.change === this.shownChange) return;
    this.shownChange = topic.change;
    const raw = content.base64 !== undefined ? format.escapedBase64(content.base64) : content.raw;
    put(byId("detail-payload"), typeof raw === "string" && topic.change.payload === undefined ? format.escaped(raw) : pretty(raw));
  }

  async poll() {
    const name = this.topic;
    if (!name || document.hidden || this.isPolling) return;
    this.isPolling = true;
    try {
      const since = this.points.length > 0 ? `&since=${this.sinceNs}` : "";
      const answer = await fetch(`/api/points?topic=${encodeURIComponent(name)}${since}`);
      if (answer.ok && name === this.topic) this.add(await answer.json());
    } catch {
      // The stream of events says that the server is away; the chart goes on when it is back.
    } finally {
      this.isPolling = false;
      if (name !== this.topic) this.poll();
    }
  }

  add(pairs) {
    const last = this.points.at(-1)?.[0] ?? -Infinity;
    for (const [ns, number] of pairs) if (ns / 1e6 > last) this.points.push([ns / 1e6, number]);
    if (pairs.length > 0) this.sinceNs = String(pairs.at(-1)[0]);
    if (this.points.length > 10_000) this.points.splice(0, this.points.length - 10_000);
    this.hasAnswer = true;
    this.drawChart();
  }

  drawChart() {
    const toMs = this.now();
    const shown = this.points.filter(([ms]) => ms >= toMs - this.rangeMs);
    const unit = byId("detail-unit").textContent;
    // A tag that is charted for the first time fills its chart: it has no past to show empty.
    const firstMs = shown.length > 0 ? shown[0][0] : toMs;
    const fromMs = Math.max(toMs - this.rangeMs, Math.min(firstMs, toMs - 15_000));
    this.chart.show(shown, fromMs, toMs, unit);
    byId("chart-empty").hidden = shown.length > 0 || !this.hasAnswer;
    let least = Infinity;
    let most = -Infinity;
    let sum = 0;
    for (const [, number] of shown) {
      least = Math.min(least, number);
      most = Math.max(most, number);
      sum += number;
    }
    const has = shown.length > 0;
    put(byId("stat-min"), has ? format.number(least) : "–");
    put(byId("stat-avg"), has ? format.number(Number((sum / shown.length).toPrecision(5))) : "–");
    put(byId("stat-max"), has ? format.number(most) : "–");
    put(byId("stat-count"), has ? format.count(shown.length) : "–");
    const words = has ? `${shown.length} values, from ${format.number(least)} to ${format.number(most)} ${unit}` : "no numbers";
    byId("chart").setAttribute("aria-label", `Chart of ${this.topic ?? "nothing"}: ${words}`);
    this.drawLast(shown);
  }

  drawLast(shown) {
    const list = byId("last-values");
    const newest = shown.slice(-LAST_VALUES).reverse();
    while (list.children.length < newest.length) {
      const item = make("li");
      item.append(make("span", "when"), make("span", "what"));
      list.append(item);
    }
    [...list.children].forEach((item, index) => {
      item.hidden = index >= newest.length;
      if (item.hidden) return;
      put(item.children[0], format.time(newest[index][0]));
      put(item.children[1], format.number(newest[index][1]));
    });
    byId("last-block").hidden = newest.length === 0;
  }
}

function pretty(document) {
  return JSON.stringify(document, null, 2) ?? "";
}

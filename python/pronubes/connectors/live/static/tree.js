// The namespace as a tree grid (WAI-ARIA treegrid): only the rows in sight are in the page, whatever the number of topics.

import * as format from "./format.js";
import { badge, dress, make, perFrame, put } from "./dom.js";

const ROW_PX = 30;
const MARGIN_ROWS = 8;
const RATE_MS = 2000;

export class Tree {
  /** @param select called with the topic (or null for a branch) that the person chose. */
  constructor(store, { scroller, body, now, select }) {
    Object.assign(this, { store, scroller, body, now, select });
    this.rows = [];
    this.slots = [];
    this.active = null; // the node under the keyboard
    this.needsRows = true;
    this.draw = perFrame(() => this.render());
    scroller.addEventListener("scroll", this.draw, { passive: true });
    scroller.addEventListener("keydown", (event) => this.key(event));
    body.addEventListener("click", (event) => this.click(event));
    new ResizeObserver(this.draw).observe(scroller);
  }

  /** The tree has other rows than before. */
  restructure() {
    this.needsRows = true;
    this.draw();
  }

  render() {
    if (this.needsRows) {
      this.needsRows = false;
      this.rows = this.store.rows();
      this.body.style.height = `${this.rows.length * ROW_PX}px`;
      this.scroller.setAttribute("aria-rowcount", String(this.rows.length));
    }
    const first = Math.max(Math.floor(this.scroller.scrollTop / ROW_PX) - MARGIN_ROWS, 0);
    const end = Math.min(first + Math.ceil(this.scroller.clientHeight / ROW_PX) + 2 * MARGIN_ROWS, this.rows.length);
    const wanted = Math.ceil(this.scroller.clientHeight / ROW_PX) + 2 * MARGIN_ROWS + 1;
    while (this.slots.length < wanted) this.slots.push(this.makeSlot());
    const used = new Set();
    for (let index = first; index < end; index += 1) {
      const slot = this.slots[index % this.slots.length];
      used.add(slot);
      this.show(slot, index, this.rows[index]);
    }
    for (const slot of this.slots) {
      if (!used.has(slot) && slot.node) {
        slot.node = null;
        slot.row.hidden = true;
      }
    }
  }

  makeSlot() {
    const row = make("div", "row");
    row.setAttribute("role", "row");
    row.id = `row-${this.slots.length}`;
    const slot = { row, node: null };
    for (const name of ["name", "value", "unit", "quality", "rate", "age"]) {
      const cell = make("div", `cell ${name}`);
      cell.setAttribute("role", "gridcell");
      row.append(cell);
      slot[name] = cell;
    }
    slot.twisty = make("span", "twisty");
    slot.twisty.setAttribute("aria-hidden", "true");
    slot.label = make("span", "label");
    slot.name.append(slot.twisty, slot.label);
    slot.badge = make("span", "badge none");
    slot.quality.append(slot.badge);
    row.pooled = slot;
    row.hidden = true;
    this.body.append(row);
    return slot;
  }

  show(slot, index, node) {
    const { row } = slot;
    if (slot.node !== node || slot.index !== index) {
      slot.node = node;
      slot.index = index;
      row.hidden = false;
      row.style.transform = `translateY(${index * ROW_PX}px)`;
      row.setAttribute("aria-rowindex", String(index + 1));
      row.setAttribute("aria-level", String(node.depth + 1));
      slot.name.style.setProperty("--depth", String(node.depth));
      put(slot.label, node.name === "" ? "(empty level)" : node.name);
      row.title = node.path;
    }
    const isBranch = node.children !== null;
    if (isBranch) row.setAttribute("aria-expanded", String(node.isUnfolded));
    else row.removeAttribute("aria-expanded");
    const isActive = node === this.active;
    row.setAttribute("aria-selected", String(isActive));
    if (isActive) this.scroller.setAttribute("aria-activedescendant", row.id);
    dress(slot.twisty, isBranch ? (node.isUnfolded ? "twisty open" : "twisty") : "twisty leaf");
    if (node.topic) this.showTopic(slot, node, isActive, isBranch);
    else this.showBranch(slot, node, isActive);
  }

  showTopic(slot, node, isActive, isBranch) {
    const topic = node.topic;
    const now = this.now();
    const content = topic.content();
    const isStale = topic.isStale(now);
    put(slot.value, content.base64 !== undefined ? "(binary)" : format.value(content.value));
    put(slot.unit, format.unit(content.unit));
    badge(slot.badge, format.qualityClass(content.quality), typeof content.quality === "string" ? content.quality : "");
    put(slot.rate, format.rate(topic.rateAt(now)));
    put(slot.age, isStale ? `stale ${format.age(now - topic.timeMs)}` : format.age(now - topic.timeMs));
    dress(slot.row, `row topic${isBranch ? " branch" : ""}${isActive ? " active" : ""}${isStale ? " stale" : ""}`);
  }

  showBranch(slot, node, isActive) {
    const topics = this.store.wanted ? node.hits : node.topics;
    put(slot.value, `${format.count(topics)} ${topics === 1 ? "topic" : "topics"}`);
    put(slot.unit, "");
    if (node.bad > 0) badge(slot.badge, "bad", `${format.count(node.bad)} BAD`);
    else if (node.uncertain > 0) badge(slot.badge, "uncertain", `${format.count(node.uncertain)} UNCERTAIN`);
    else badge(slot.badge, "", "");
    put(slot.rate, format.rate(this.branchRate(node)));
    put(slot.age, "");
    dress(slot.row, `row branch${isActive ? " active" : ""}`);
  }

  /** Messages per second under a branch, from two looks at its counter; nothing until there are two. */
  branchRate(node) {
    const now = performance.now();
    if (node.lookAt === undefined || now - node.lookAt > 5 * RATE_MS || node.messages < node.looked) {
      node.lookAt = now;
      node.looked = node.messages;
      node.rate = undefined;
    } else if (now - node.lookAt >= RATE_MS) {
      node.rate = ((node.messages - node.looked) / (now - node.lookAt)) * 1000;
      node.lookAt = now;
      node.looked = node.messages;
    }
    return node.rate;
  }

  /** Forget what the branches' rates were counted from: a snapshot has come. */
  forgetRates() {
    for (const node of this.rows) node.lookAt = undefined;
  }

  click(event) {
    const slot = event.target.closest(".row")?.pooled;
    if (!slot?.node) return;
    const node = slot.node;
    if (node.children && (!node.topic || event.target.closest(".twisty"))) this.toggle(node, !node.isUnfolded);
    this.activate(node);
    this.scroller.focus({ preventScroll: true });
  }

  toggle(node, isOpen) {
    if (!this.store.wanted || isOpen) node.isOpen = isOpen;
    node.shutIn = isOpen ? 0 : this.store.searchNumber;
    this.restructure();
  }

  activate(node) {
    this.active = node;
    this.select(node.topic);
    this.draw();
  }

  /** Put the keyboard on a node and bring it into sight. */
  goTo(node) {
    if (this.needsRows) this.render();
    const index = this.rows.indexOf(node);
    if (index < 0) return;
    const top = index * ROW_PX;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + ROW_PX > scrollTop + clientHeight) this.scroller.scrollTop = top + ROW_PX - clientHeight;
    this.activate(node);
  }

  key(event) {
    // Keys may come faster than frames: each acts on what the one before left.
    if (this.needsRows) this.render();
    if (event.ctrlKey || event.metaKey || event.altKey || this.rows.length === 0) return;
    const index = this.active ? this.rows.indexOf(this.active) : -1;
    const node = index >= 0 ? this.rows[index] : null;
    const page = Math.max(Math.floor(this.scroller.clientHeight / ROW_PX) - 1, 1);
    const moves = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: this.rows.length - 1, PageDown: index + page, PageUp: index - page };
    if (event.key in moves) {
      this.goTo(this.rows[Math.min(Math.max(moves[event.key], 0), this.rows.length - 1)]);
    } else if (!node) {
      return;
    } else if (event.key === "ArrowRight") {
      if (node.children && !node.isUnfolded) this.toggle(node, true);
      else if (node.children && this.rows[index + 1]) this.goTo(this.rows[index + 1]);
    } else if (event.key === "ArrowLeft") {
      if (node.isUnfolded) this.toggle(node, false);
      else if (node.parent?.parent) this.goTo(node.parent);
    } else if (event.key === "Enter" || event.key === " ") {
      if (node.children) this.toggle(node, !node.isUnfolded);
    } else {
      return;
    }
    event.preventDefault();
  }
}

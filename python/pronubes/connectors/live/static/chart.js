// A line chart of one tag on a canvas: time to the right, gaps where nothing came, per pixel column the least and the greatest value.

import * as format from "./format.js";

const LEFT = 64;
const RIGHT = 14;
const TOP = 12;
const BOTTOM = 24;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400];

export class Chart {
  constructor(canvas) {
    this.canvas = canvas;
    this.points = [];
    this.hoverX = null;
    canvas.addEventListener("pointermove", (event) => {
      this.hoverX = event.offsetX;
      this.draw();
    });
    canvas.addEventListener("pointerleave", () => {
      this.hoverX = null;
      this.draw();
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Show points [[ms, number], ..] between two times. */
  show(points, fromMs, toMs, unit) {
    Object.assign(this, { points, fromMs, toMs, unit });
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (width < 40 || height < 40) return;
    const scale = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    pen.font = `12px ${style.fontFamily}`;
    if (this.points.length === 0) return;
    const span = range(this.points);
    const plot = {
      width: width - LEFT - RIGHT,
      height: height - TOP - BOTTOM,
      x: (ms) => LEFT + ((ms - this.fromMs) / (this.toMs - this.fromMs)) * (width - LEFT - RIGHT),
      y: (number) => TOP + (1 - (number - span.low) / (span.high - span.low)) * (height - TOP - BOTTOM),
    };
    this.drawGrid(pen, plot, span, width, height, colour);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT - 2, 0, plot.width + 4, height);
    pen.clip();
    this.drawLine(pen, plot, colour("--line"));
    pen.restore();
    if (this.hoverX !== null) this.drawHover(pen, plot, width, colour);
  }

  drawGrid(pen, plot, span, width, height, colour) {
    pen.strokeStyle = colour("--grid");
    pen.fillStyle = colour("--faint");
    pen.lineWidth = 1;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (const tick of span.ticks) {
      const y = Math.round(plot.y(tick)) + 0.5;
      stroke(pen, LEFT, y, width - RIGHT, y);
      pen.fillText(format.number(Number(tick.toPrecision(10))), LEFT - 8, y);
    }
    pen.textBaseline = "alphabetic";
    pen.textAlign = "center";
    const most = Math.max(Math.floor(plot.width / 90), 1);
    const step = (STEPS_S.find((seconds) => (this.toMs - this.fromMs) / 1000 / seconds <= most) ?? 86_400) * 1000;
    const zone = new Date(this.toMs).getTimezoneOffset() * 60_000;
    for (let ms = Math.ceil((this.fromMs - zone) / step) * step + zone; ms <= this.toMs; ms += step) {
      const x = Math.round(plot.x(ms)) + 0.5;
      stroke(pen, x, TOP, x, height - BOTTOM);
      if (x > LEFT + 24 && x < width - RIGHT - 20) pen.fillText(format.time(ms), x, height - 7);
    }
  }

  drawLine(pen, plot, colour) {
    const gapMs = gapOf(this.points);
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = 1.75;
    pen.lineJoin = "round";
    pen.beginPath();
    let column = null;
    let before = null;
    const flush = () => {
      if (column && column.n > 1) {
        pen.lineTo(column.x, plot.y(column.low));
        pen.lineTo(column.x, plot.y(column.high));
        pen.lineTo(column.x, plot.y(column.last));
      }
    };
    for (const [ms, number] of this.points) {
      const x = plot.x(ms);
      if (before === null || ms - before > gapMs) {
        flush();
        pen.moveTo(x, plot.y(number));
        column = { x, pixel: Math.round(x), low: number, high: number, last: number, n: 1 };
      } else if (Math.round(x) !== column.pixel) {
        flush();
        pen.lineTo(x, plot.y(number));
        column = { x, pixel: Math.round(x), low: number, high: number, last: number, n: 1 };
      } else {
        column.low = Math.min(column.low, number);
        column.high = Math.max(column.high, number);
        column.last = number;
        column.n += 1;
      }
      before = ms;
    }
    flush();
    pen.stroke();
    const [ms, number] = this.points.at(-1);
    pen.beginPath();
    pen.arc(plot.x(ms), plot.y(number), 3.5, 0, 2 * Math.PI);
    pen.fill();
  }

  drawHover(pen, plot, width, colour) {
    let nearest = null;
    for (const point of this.points) {
      const distance = Math.abs(plot.x(point[0]) - this.hoverX);
      if (nearest === null || distance < nearest.distance) nearest = { point, distance };
    }
    if (!nearest || nearest.distance > 40) return;
    const [ms, number] = nearest.point;
    const x = plot.x(ms);
    const y = plot.y(number);
    pen.strokeStyle = colour("--faint");
    pen.lineWidth = 1;
    stroke(pen, x, TOP, x, TOP + plot.height);
    const text = `${format.number(number)}${this.unit ? ` ${this.unit}` : ""}  ${format.time(ms)}`;
    pen.font = `600 13px ${getComputedStyle(this.canvas).fontFamily}`;
    const wide = pen.measureText(text).width + 16;
    const left = Math.min(Math.max(x - wide / 2, LEFT), width - RIGHT - wide);
    const top = y > TOP + 44 ? y - 38 : y + 14;
    pen.fillStyle = colour("--tip");
    pen.beginPath();
    pen.roundRect(left, top, wide, 26, 5);
    pen.fill();
    pen.fillStyle = colour("--tip-text");
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    pen.fillText(text, left + 8, top + 13.5);
    pen.fillStyle = colour("--line");
    pen.beginPath();
    pen.arc(x, y, 4.5, 0, 2 * Math.PI);
    pen.fill();
  }
}

function stroke(pen, x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

/** A round range around the values, with ticks. */
function range(points) {
  let low = Infinity;
  let high = -Infinity;
  for (const [, number] of points) {
    if (number < low) low = number;
    if (number > high) high = number;
  }
  if (low === high) {
    const room = Math.abs(low) * 0.05 || 1;
    low -= room;
    high += room;
  }
  const raw = (high - low) / 4;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * size).find((candidate) => candidate >= raw);
  const first = Math.floor(low / step) * step;
  const ticks = [];
  for (let n = 0; n < 12 && first + (n - 1) * step < high; n += 1) ticks.push(first + n * step);
  return { low: first, high: ticks.at(-1), ticks };
}

/** From how long a silence on the line is broken: much longer than usual. */
function gapOf(points) {
  const steps = points.slice(1, 200).map(([ms], index) => ms - points[index][0]);
  steps.sort((a, b) => a - b);
  return Math.max((steps[Math.floor(steps.length / 2)] ?? 0) * 8, 5000);
}

/** A small line without axes, for a table: `points` of an SVG polyline. */
export function sparkline(numbers, width, height) {
  const high = Math.max(...numbers, 1e-9);
  const step = width / Math.max(numbers.length - 1, 1);
  return numbers.map((number, index) => `${(index * step).toFixed(1)},${(height - 1.5 - (number / high) * (height - 3)).toFixed(1)}`).join(" ");
}

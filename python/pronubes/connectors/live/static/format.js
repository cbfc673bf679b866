// How values, times and bytes are written. Everything here gives plain text; it reaches the page through textContent only.

const LOCALE = "en-GB";
const whole = new Intl.NumberFormat(LOCALE);
const clock = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(LOCALE, { year: "numeric", month: "short", day: "numeric" });

/** A count with separators: 48,211. */
export function count(number) {
  return Number.isFinite(number) ? whole.format(number) : "–";
}

/** A count that has little room: 4,821 · 48.2 k · 1.21 M. */
export function shortCount(number) {
  if (!Number.isFinite(number)) return "–";
  if (Math.abs(number) < 10_000) return whole.format(Math.round(number));
  for (const [size, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(number) >= size) return `${(number / size).toPrecision(3)} ${letter}`;
  }
  return whole.format(number);
}

/** Messages per second: 0 · 0.02 · 3.4 · 480 · 12.5 k. */
export function rate(perSecond) {
  if (!Number.isFinite(perSecond)) return "";
  if (perSecond === 0) return "0";
  if (perSecond < 0.01) return "<0.01";
  if (perSecond < 1) return perSecond.toFixed(2);
  if (perSecond < 100) return perSecond.toFixed(1);
  return shortCount(perSecond);
}

/** How long ago: 0.4 s · 12 s · 4 min · 3 h · 2 d. */
export function age(ms) {
  const seconds = Math.max(ms, 0) / 1000;
  if (seconds < 1) return "now";
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** A size: 512 B · 12.1 KiB · 16 MiB. */
export function bytes(size) {
  if (!Number.isFinite(size)) return "–";
  if (size < 1024) return `${size} B`;
  for (const [unit, name] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (size >= unit) return `${Number((size / unit).toPrecision(3))} ${name}`;
  }
  return "";
}

export function time(ms) {
  return clock.format(new Date(ms));
}

/** Time of day today, with the date otherwise. */
export function moment(ms) {
  const date = new Date(ms);
  const text = clock.format(date);
  return date.toDateString() === new Date().toDateString() ? text : `${day.format(date)}, ${text}`;
}

/** A number with as many digits as a person reads; the payload beside it has all of them. */
export function number(value) {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) {
    // Beyond 2^53 JavaScript has lost digits: say so.
    return Math.abs(value) > Number.MAX_SAFE_INTEGER ? `≈${value.toPrecision(6)}` : String(value);
  }
  const size = Math.abs(value);
  if (size >= 1e9 || size < 1e-4) return value.toExponential(3);
  return String(Number(value.toPrecision(6)));
}

/** What stands in the value column. */
export function value(content) {
  if (content === undefined) return "";
  if (content === null) return "null";
  if (typeof content === "number") return number(content);
  if (typeof content === "string") return content.length > 80 ? `${content.slice(0, 80)}…` : content;
  if (typeof content === "boolean") return String(content);
  return compact(content);
}

/** JSON in one line, cut where no column is wide enough anyway. */
export function compact(document) {
  const text = JSON.stringify(document);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

// UCUM codes that people know under another sign.
const SIGNS = { Cel: "°C", "[degF]": "°F", "1": "", um: "µm", us: "µs", "m3/h": "m³/h", "N.m": "N·m", Ohm: "Ω", "m2": "m²", "m3": "m³" };

export function unit(code) {
  return typeof code === "string" ? (SIGNS[code] ?? code) : "";
}

/** The three classes of quality; more exact names (`BAD_TIMEOUT`, `BadNoCommunication`) count by their beginning. */
export function qualityClass(name) {
  if (typeof name !== "string" || name === "") return "";
  const upper = name.toUpperCase();
  if (upper.startsWith("GOOD")) return "good";
  if (upper.startsWith("UNCERTAIN")) return "uncertain";
  return upper.startsWith("BAD") ? "bad" : "other";
}

/** Original text with everything invisible written out. */
export function escaped(text) {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (character) => {
    const short = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
    return short ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Bytes that are no UTF-8: printable ASCII as it is, the rest as \xNN. */
export function escapedBase64(text) {
  let binary;
  try {
    binary = atob(text.slice(0, text.length - (text.length % 4)));
  } catch {
    return text;
  }
  return binary.replace(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

// The few things this page needs of the DOM. Text goes in by textContent; nothing here, or anywhere on this page, parses HTML.

/** Make an element. */
export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/** Set text only when it changed: an untouched node costs no layout. */
export function put(element, text) {
  if (element.shown !== text) {
    element.shown = text;
    element.textContent = text;
  }
}

/** Set a class list only when it changed. */
export function dress(element, className) {
  if (element.className !== className) element.className = className;
}

/** A badge of quality: colour and text. */
export function badge(element, quality, text) {
  put(element, text);
  dress(element, quality ? `badge ${quality}` : "badge none");
}

/** Show rows for items, keyed, in order, reusing what is there. */
export function keyed(parent, items, keyOf, create, update) {
  const rows = (parent.keyedRows ??= new Map());
  const seen = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    seen.add(key);
    let row = rows.get(key);
    if (!row) {
      row = create(item);
      rows.set(key, row);
    }
    if (row === place) place = place.nextElementSibling;
    else parent.insertBefore(row, place);
    update(row, item);
  }
  for (const [key, row] of rows) {
    if (!seen.has(key)) {
      row.remove();
      rows.delete(key);
    }
  }
}

/** Call `work` once in the next frame, however often it is asked for. */
export function perFrame(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}

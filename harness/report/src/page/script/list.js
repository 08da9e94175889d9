"use strict";
// Everything that comes from the run is put into the page as text (textContent), never as markup.
const run = JSON.parse(document.getElementById("run").textContent);
const FAULT = 1, DEVIATION = 2, MARKED = 4, WAITS = 8, QUIET = 16, FOLDED = 32, BUFFERED = 64;
const ROW = 26;
const $ = (id) => document.getElementById(id);
const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const lane = (number) => `var(--c${number % 8})`;
const { step, lane: lanes, text, flags, time } = run.events;
const count = step.length;

// What is listed: all events, or those that matter, of the lanes that are not hidden.
let listed = null;
let folded = false;
let current = Math.max(0, run.begin);
let needle = "";
let playing = null;

const length = () => (listed ? listed.length : count);
const eventAt = (place) => (listed ? listed[place] : place);
// The place of the last listed event that is not after this one.
const placeOf = (event) => {
  if (!listed) return event;
  let low = 0, high = listed.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (listed[middle] <= event) low = middle + 1; else high = middle;
  }
  return Math.max(0, low - 1);
};

// ---- the list: only the rows in sight exist ----
const scroller = $("scroller"), space = $("space");
const rows = new Map();
const highlighted = (element, words) => {
  if (!needle) { element.textContent = words; return; }
  const low = words.toLowerCase();
  let from = 0, at;
  while ((at = low.indexOf(needle, from)) >= 0) {
    element.append(words.slice(from, at), make("mark", "", words.slice(at, at + needle.length)));
    from = at + needle.length;
  }
  element.append(words.slice(from));
};
const rowOf = (place) => {
  const event = eventAt(place), flag = flags[event];
  const row = make("div", "row");
  row.id = `row-${event}`;
  row.setAttribute("role", "option");
  row.setAttribute("aria-posinset", place + 1);
  row.setAttribute("aria-setsize", length());
  row.style.top = `${place * ROW}px`;
  if (flag & MARKED) row.classList.add("marked");
  if (flag & FAULT) row.classList.add("fault");
  if (flag & WAITS) row.classList.add("waits");
  if (flag & QUIET) row.classList.add("quiet");
  const isFirst = place === 0 || step[eventAt(place - 1)] !== step[event];
  row.append(make("span", "step", isFirst ? step[event] : ""));
  const signs = make("span", "signs");
  if (flag & FAULT) signs.append(make("span", "f", "!"));
  if (flag & DEVIATION) signs.append(make("span", "d", "*"));
  if (flag & MARKED) signs.append(make("span", "m", ">"));
  if (flag & BUFFERED) signs.append(make("span", "b", "~"));
  row.append(signs);
  const what = make("span", "what");
  what.style.gridColumn = 3 + columnOf(lanes[event]);
  what.style.setProperty("--lane", lane(lanes[event]));
  if (compact) what.append(make("b", "chip", run.lanes[lanes[event]]), " ");
  const words = make("span");
  highlighted(words, run.strings[text[event]]);
  what.append(words);
  row.append(what);
  row.setAttribute("aria-label", spoken(event));
  row.addEventListener("click", () => go(event));
  return row;
};
const spoken = (event) => {
  const flag = flags[event];
  const signs = [
    flag & FAULT ? "fault" : "", flag & DEVIATION ? "differs from the default schedule" : "",
    flag & MARKED ? "explains the failure" : "", flag & BUFFERED ? "others see it later" : "",
  ].filter(Boolean).join(", ");
  return `step ${step[event]}, ${run.lanes[lanes[event]]}: ${run.strings[text[event]]}${signs ? `, ${signs}` : ""}`;
};
const drawRows = () => {
  const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - 8);
  const last = Math.min(length() - 1, Math.ceil((scroller.scrollTop + scroller.clientHeight) / ROW) + 8);
  for (const [place, row] of rows) {
    if (place < first || place > last) { row.remove(); rows.delete(place); }
  }
  const fresh = document.createDocumentFragment();
  for (let place = first; place <= last; place++) {
    if (!rows.has(place)) {
      const row = rowOf(place);
      rows.set(place, row);
      fresh.append(row);
    }
  }
  space.append(fresh);
  for (const [place, row] of rows) {
    const is = eventAt(place) === current;
    row.classList.toggle("current", is);
    row.setAttribute("aria-selected", is);
  }
  drawArrows(first, last);
  drawSight(first, last);
};
const redrawRows = () => {
  for (const row of rows.values()) row.remove();
  rows.clear();
  space.style.height = `${length() * ROW}px`;
  reveal();
  drawRows();
};
const reveal = () => {
  const top = placeOf(current) * ROW, sight = scroller.clientHeight - ROW;
  if (top < scroller.scrollTop + 2 * ROW) scroller.scrollTop = Math.max(0, top - 2 * ROW);
  else if (top > scroller.scrollTop + sight - 3 * ROW) scroller.scrollTop = top - sight + 3 * ROW;
  revealLane(lanes[current]);
};
scroller.addEventListener("scroll", drawRows, { passive: true });

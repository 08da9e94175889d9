"use strict";
// Everything that comes from the run is put into the page as text (textContent), never as markup.
const run = JSON.parse(document.getElementById("run").textContent);
const FAULT = 1, DEVIATION = 2, MARKED = 4, WAITS = 8, QUIET = 16, FOLDED = 32;
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

// What is listed: all events, or those that matter.
let listed = null;
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
  row.append(signs);
  const what = make("span", "what");
  what.style.gridColumn = 3 + lanes[event];
  what.style.setProperty("--lane", lane(lanes[event]));
  highlighted(what, run.strings[text[event]]);
  row.append(what);
  row.setAttribute("aria-label", spoken(event));
  row.addEventListener("click", () => go(event));
  return row;
};
const spoken = (event) => {
  const flag = flags[event];
  const signs = [
    flag & FAULT ? "fault" : "", flag & DEVIATION ? "differs from the default schedule" : "",
    flag & MARKED ? "explains the failure" : "",
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
};
scroller.addEventListener("scroll", drawRows, { passive: true });
new ResizeObserver(drawRows).observe(scroller);

// ---- the state of every object after the current event ----
const changesOf = run.objects.map(() => ({ at: [], card: [] }));
run.changes.object.forEach((object, number) => {
  changesOf[object].at.push(run.changes.event[number]);
  changesOf[object].card.push(run.changes.card[number]);
});
const cardAt = (object, event) => {
  const { at, card } = changesOf[object];
  let low = 0, high = at.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at[middle] <= event) low = middle + 1; else high = middle;
  }
  return low ? { card: card[low - 1], changed: at[low - 1] === event } : null;
};
const laneOfTask = (task) => lane(run.tasks[task].lane);
const drawBytes = (cells) => {
  const grid = make("div", "bytes");
  const writers = new Set();
  cells.forEach(([byte, by], at) => {
    if (at % 8 === 0) grid.append(make("span", "at", `+${at.toString(16)}`));
    const cell = make("span", "", byte.toString(16).padStart(2, "0"));
    const who = by === null ? "nobody" : run.tasks[by].name;
    if (by !== null) { cell.style.setProperty("--lane", laneOfTask(by)); writers.add(by); }
    cell.title = `byte ${at}: 0x${byte.toString(16).padStart(2, "0")}, written by ${who}`;
    cell.setAttribute("aria-label", cell.title);
    grid.append(cell);
  });
  const legend = make("div", "writers", writers.size ? "last writer: " : "");
  for (const by of writers) {
    const name = make("b", "", run.tasks[by].name);
    name.style.setProperty("--lane", laneOfTask(by));
    legend.append(name);
  }
  return [grid, legend];
};
const drawCard = (object, { card: number, changed }) => {
  const card = run.cards[number];
  const box = make("section", changed ? "card changed" : "card");
  box.append(make("h3", "", run.objects[object].name));
  if (card.line) box.append(make("div", "line", card.line));
  if (card.level) {
    const [held, most] = card.level;
    const level = make("div", held >= most && most ? "level full" : "level");
    level.setAttribute("role", "meter");
    level.setAttribute("aria-valuemin", 0);
    level.setAttribute("aria-valuemax", most);
    level.setAttribute("aria-valuenow", held);
    level.setAttribute("aria-label", `${run.objects[object].name}: ${card.line}`);
    const bar = make("i");
    bar.style.width = `${most ? Math.min(100, (100 * held) / most) : 0}%`;
    level.append(bar);
    box.append(level);
  }
  if (card.cells.length) box.append(...drawBytes(card.cells));
  if (card.rows.length) {
    const list = make("dl");
    for (const [label, words] of card.rows) {
      list.append(make("dt", "", label), make("dd", label === "waits" ? "waits" : "", words));
    }
    box.append(list);
  }
  return box;
};
const shown = new Map();
const drawState = () => {
  const panel = $("state");
  for (const [kind, objects] of kinds) {
    for (const object of objects) {
      const at = cardAt(object, current);
      const key = at ? `${at.card}:${at.changed}` : "";
      const old = shown.get(object);
      if (old && old.key === key) continue;
      const fresh = at ? drawCard(object, at) : make("section", "hidden");
      if (old) old.box.replaceWith(fresh); else kind.append(fresh);
      shown.set(object, { key, box: fresh });
    }
    kind.hidden = !objects.some((object) => shown.get(object).key);
  }
  return panel;
};
const kinds = [];
{
  const byKind = new Map();
  run.objects.forEach((object, number) => {
    if (object.kind === "output") return;
    if (!byKind.has(object.kind)) byKind.set(object.kind, []);
    byKind.get(object.kind).push(number);
  });
  const order = ["process", "signals"];
  const rank = (kind) => (order.includes(kind) ? 1 + order.indexOf(kind) : 0);
  // Processes stand in the order of their lanes.
  const place = (object) => run.lanes.indexOf(run.objects[object].name);
  byKind.get("process")?.sort((a, b) => place(a) - place(b));
  for (const [kind, objects] of [...byKind].sort((a, b) => rank(a[0]) - rank(b[0]))) {
    const group = make("div");
    group.append(make("h2", "", kind));
    $("state").append(group);
    kinds.push([group, objects]);
  }
  if (!kinds.length) $("state").append(make("p", "", "This run has no known kernel objects."));
}

// ---- going from event to event ----
const drawDetail = () => {
  const detail = $("detail");
  detail.textContent = "";
  if (!count) { detail.append("Nothing happened in this run."); return; }
  const who = make("span", "who", run.lanes[lanes[current]]);
  who.style.color = lane(lanes[current]);
  const call = make("div", "call");
  call.append(who, "  ", run.strings[run.events.full[current]]);
  const seconds = (time[current] / 1e6).toFixed(3);
  detail.append(call, make("small", "", `step ${step[current]} · event ${current + 1} of ${count} · ${seconds} ms of virtual time`));
};
const go = (event) => {
  if (!count) return;
  current = Math.min(count - 1, Math.max(0, event));
  reveal();
  drawRows();
  drawState();
  drawDetail();
  $("where").textContent = step[current];
  $("slider").value = current;
  scroller.setAttribute("aria-activedescendant", `row-${current}`);
  $("spoken").textContent = spoken(current);
};
const move = (by) => go(eventAt(Math.min(length() - 1, Math.max(0, placeOf(current) + by))));
const seek = (wanted, direction) => {
  for (let event = current + direction; event >= 0 && event < count; event += direction) {
    if (wanted(event)) { if (listed && !listed.includes(event)) fold(false); return go(event); }
  }
  $("spoken").textContent = "no more";
};
const has = (flag) => (event) => (flags[event] & flag) !== 0;
const found = (event) =>
  needle && (run.strings[text[event]].toLowerCase().includes(needle) ||
    run.lanes[lanes[event]].toLowerCase().includes(needle));
const fold = (on) => {
  listed = null;
  if (on) {
    listed = [];
    for (let event = 0; event < count; event++) if (!(flags[event] & FOLDED)) listed.push(event);
    if (!listed.length) listed = null;
  }
  $("fold").setAttribute("aria-pressed", !!listed);
  redrawRows();
};
const play = () => {
  if (playing) { clearInterval(playing); playing = null; } else {
    playing = setInterval(() => (placeOf(current) >= length() - 1 ? play() : move(1)), 500);
  }
  $("play").setAttribute("aria-pressed", !!playing);
};
const theme = () => {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  $("theme").setAttribute("aria-pressed", root.dataset.theme === "dark");
};
const tab = (name) => {
  for (const other of ["state", "history", "details"]) {
    $(`tab-${other}`).setAttribute("aria-selected", other === name);
    $(`tab-${other}`).tabIndex = other === name ? 0 : -1;
    $(other).hidden = other !== name;
  }
};
const actions = {
  first: () => go(eventAt(0)), last: () => go(eventAt(length() - 1)),
  back: () => move(-1), on: () => move(1), play,
  "fault-back": () => seek(has(FAULT), -1), "fault-on": () => seek(has(FAULT), 1),
  "turn-back": () => seek(has(DEVIATION), -1), "turn-on": () => seek(has(DEVIATION), 1),
  "mark-back": () => seek(has(MARKED), -1), "mark-on": () => seek(has(MARKED), 1),
  fold: () => fold(!listed), theme, help: () => $("keys").showModal(),
};
for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", action);
for (const name of ["state", "history", "details"]) $(`tab-${name}`).addEventListener("click", () => tab(name));
$("slider").addEventListener("input", (event) => go(Number(event.target.value)));
$("search").addEventListener("input", (event) => {
  needle = event.target.value.toLowerCase();
  let hits = 0;
  if (needle) for (let number = 0; number < count; number++) if (found(number)) hits++;
  $("hits").textContent = needle ? `${hits} found` : "";
  redrawRows();
});
const keys = {
  ArrowRight: actions.on, ArrowLeft: actions.back, ArrowDown: actions.on, ArrowUp: actions.back,
  j: actions.on, k: actions.back, Home: actions.first, End: actions.last,
  PageDown: () => move(20), PageUp: () => move(-20),
  f: actions["fault-on"], F: actions["fault-back"], d: actions["turn-on"], D: actions["turn-back"],
  m: actions["mark-on"], M: actions["mark-back"], n: () => seek(found, 1), N: () => seek(found, -1),
  o: actions.fold, p: play, t: theme, "?": actions.help, "/": () => $("search").focus(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || $("keys").open) return;
  if (event.target.id === "search") {
    if (event.key === "Enter") { seek(found, event.shiftKey ? -1 : 1); event.preventDefault(); }
    if (event.key === "Escape") scroller.focus();
    return;
  }
  if (event.target.getAttribute?.("role") === "tab" && /^Arrow(Left|Right)$/.test(event.key)) {
    const names = ["state", "history", "details"];
    const at = names.indexOf(event.target.id.slice(4));
    const next = names[(at + (event.key === "ArrowRight" ? 1 : 2)) % 3];
    tab(next); $(`tab-${next}`).focus(); event.preventDefault();
    return;
  }
  if (event.target.id === "slider" && event.key.startsWith("Arrow")) return;
  const action = keys[event.key];
  if (action) { action(); event.preventDefault(); }
});

// ---- what does not change ----
{
  const head = $("lanes");
  run.lanes.forEach((name, number) => {
    const title = make("div", "lane", name);
    title.title = name;
    title.style.setProperty("--lane", lane(number));
    head.append(title);
  });
  const root = document.documentElement;
  root.style.setProperty("--columns", `64px 34px repeat(${Math.max(1, run.lanes.length)}, minmax(190px, 1fr))`);
  root.style.setProperty("--least", `${98 + 190 * run.lanes.length}px`);
  $("slider").max = Math.max(0, count - 1);
  $("total").textContent = run.steps;
  const any = (flag) => flags.some((value) => value & flag);
  for (const [flag, name] of [[FAULT, "fault"], [DEVIATION, "turn"], [MARKED, "mark"]]) {
    if (!any(flag)) { $(`${name}-back`).disabled = true; $(`${name}-on`).disabled = true; }
  }
  const list = $("history");
  const most = Math.max(1, ...run.history.map((one) => one.answered ?? one.called));
  if (!run.history.length) list.append(make("p", "", "The processes of this run logged no operations."));
  for (const one of run.history) {
    const line = make("div", one.blamed ? "operation blamed" : "operation");
    line.style.setProperty("--lane", lane(Math.max(0, run.lanes.indexOf(one.process))));
    line.append(make("span", "", `${one.process}: ${one.words}`), make("span", "", one.outcome));
    const interval = make("div", one.answered === null ? "interval open" : "interval");
    const bar = make("i");
    const end = one.answered ?? most + 1;
    bar.style.left = `${(100 * one.called) / (most + 1)}%`;
    bar.style.width = `${(100 * (end - one.called)) / (most + 1)}%`;
    interval.append(bar);
    line.append(interval);
    list.append(line);
  }
  for (const paragraph of run.details) $("details").append(make("pre", "", paragraph));
  if (matchMedia("(prefers-color-scheme: dark)").matches) theme();
  tab(run.history.some((one) => one.blamed) ? "history" : "state");
  redrawRows();
  go(current);
}

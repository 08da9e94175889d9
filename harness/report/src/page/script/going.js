// ---- going from event to event ----
const drawDetail = () => {
  const detail = $("detail");
  detail.textContent = "";
  if (!count) { detail.append("Nothing happened in this run."); return; }
  const who = make("span", "who", run.lanes[lanes[current]]);
  who.style.color = lane(lanes[current]);
  const call = make("div", "call");
  call.append(who, "  ", run.strings[run.events.full[current]]);
  const spot = run.places[current] ?? [];
  const seconds = (time[current] / 1e6).toFixed(3);
  detail.append(call, make("small", "", `step ${step[current]} · event ${current + 1} of ${count} · ${seconds} ms of virtual time`));
  detail.append(links());
  if (spot.length) detail.append(...drawStand(spot[0]));
  if (spot.length > 1) {
    const calls = make("details");
    calls.append(make("summary", "", `called by ${spot.length - 1} more`));
    for (const stand of spot.slice(1)) calls.append(...drawStand(stand));
    detail.append(calls);
  }
};
// A function and its line; where the source is there, the lines around it.
const drawStand = (stand) => {
  const parts = [make("div", "stand", stand.text)];
  if (stand.lines.length) {
    const source = make("pre", "source");
    stand.lines.forEach((line, at) => {
      const number = stand.first + at;
      source.append(make("span", number === stand.line ? "here" : "", `${String(number).padStart(5)}  ${line}\n`));
    });
    parts.push(source);
  }
  return parts;
};
// Buttons to the events that made this one possible, and to those that it made possible.
const links = () => {
  const most = 8, box = make("div", "links");
  const all = arrowsOf(current);
  for (const number of all.slice(0, most)) {
    const { from, to, tie } = run.arrows;
    const comes = to[number] === current;
    const other = comes ? from[number] : to[number];
    const words = `${comes ? "←" : "→"} ${run.ties[tie[number]]}: ${run.lanes[lanes[other]]}, step ${step[other]}`;
    const button = make("button", "", words);
    button.style.setProperty("--lane", lane(lanes[other]));
    button.addEventListener("click", () => go(other));
    box.append(button);
  }
  if (all.length > most) box.append(make("span", "", `and ${all.length - most} more`));
  return box;
};
// The address names the step, so that it can be passed on; browsers refuse to change it too often.
let naming = null;
const nameStep = () => {
  clearTimeout(naming);
  naming = setTimeout(() => history.replaceState(null, "", `#step=${step[current]}`), 250);
};
const named = () => {
  const wanted = /^#step=(\d+)$/.exec(location.hash);
  if (!wanted || !count) return null;
  const event = step.findIndex((one) => one >= Number(wanted[1]));
  return event < 0 ? count - 1 : event;
};
window.addEventListener("hashchange", () => { const event = named(); if (event !== null) go(event); });
const go = (event) => {
  if (!count) return;
  current = Math.min(count - 1, Math.max(0, event));
  if (hidden.has(lanes[current])) hide(lanes[current], false);
  // It takes its room from the list.
  drawDetail();
  reveal();
  follow();
  drawRows();
  drawState();
  $("where").textContent = step[current];
  $("slider").value = current;
  scroller.setAttribute("aria-activedescendant", `row-${current}`);
  $("spoken").textContent = spoken(current);
  nameStep();
};
const move = (by) => go(eventAt(Math.min(length() - 1, Math.max(0, placeOf(current) + by))));
const seek = (wanted, direction) => {
  for (let event = current + direction; event >= 0 && event < count; event += direction) {
    if (wanted(event)) { if (folded && flags[event] & FOLDED) fold(false); return go(event); }
  }
  $("spoken").textContent = "no more";
};
const has = (flag) => (event) => (flags[event] & flag) !== 0;
const found = (event) =>
  needle && (run.strings[text[event]].toLowerCase().includes(needle) ||
    run.lanes[lanes[event]].toLowerCase().includes(needle));
const relist = () => {
  listed = null;
  if (folded || hidden.size) {
    listed = [];
    for (let event = 0; event < count; event++) {
      if (!(folded && flags[event] & FOLDED) && !hidden.has(lanes[event])) listed.push(event);
    }
    if (!listed.length && folded) { folded = false; return relist(); }
  }
  $("fold").setAttribute("aria-pressed", folded);
  redrawRows();
};
const fold = (on) => { folded = on; relist(); };
const play = () => {
  if (playing) { clearInterval(playing); playing = null; } else {
    playing = setInterval(() => (placeOf(current) >= length() - 1 ? play() : move(1)), 500);
  }
  $("play").setAttribute("aria-pressed", !!playing);
};
const theme = () => {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  drawStrip();
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
  fold: () => fold(!folded), theme, choose: () => $("chosen").showModal(), help: () => $("keys").showModal(),
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
  o: actions.fold, l: actions.choose, "+": () => zoom(0.5), "-": () => zoom(2), 0: () => zoom(Infinity), p: play, t: theme, "?": actions.help, "/": () => $("search").focus(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || $("keys").open || $("chosen").open) return;
  if (event.target.id === "filter") return;
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

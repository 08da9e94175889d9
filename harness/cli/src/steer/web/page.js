"use strict";
// Text of the programs is added as text only. All moves are commands, as in the terminal.

const $ = (id) => document.getElementById(id);
let view = null;
let selected = 0;
let busy = false;

function make(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

async function ask(path, options) {
  const answer = await fetch(path, { cache: "no-store", ...options });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

async function move(command, meanwhile) {
  if (busy) return;
  busy = true;
  document.body.setAttribute("aria-busy", "true");
  if (meanwhile) say(meanwhile, false);
  try {
    show(await ask("do", { method: "POST", headers: { "Content-Type": "text/plain" }, body: command }));
  } catch (error) {
    say(`The session has ended, or does not answer: ${error.message}`, true);
  }
  busy = false;
  document.body.removeAttribute("aria-busy");
}

function say(text, refused) {
  $("said").textContent = text;
  $("said").classList.toggle("refused", refused);
}

function show(next) {
  view = next;
  const usual = view.tasks.findIndex((task) => task.usual);
  if (!view.tasks[selected] || !view.tasks[selected].can_go) selected = Math.max(usual, 0);
  const verdict = $("verdict");
  verdict.hidden = !view.verdict;
  verdict.textContent = view.verdict || "";
  verdict.className = `verdict ${view.verdict || ""}`;
  $("where").textContent = view.end ? `over after ${view.step} steps: ${view.end}` : `before step ${view.step}`;
  $("back").disabled = view.back === 0;
  $("forward").disabled = view.forward === 0;
  $("forward").textContent = view.ahead ? `${view.ahead} ▶` : "Again ▶";
  for (const id of ["go", "end", "search"]) $(id).disabled = view.end !== null;
  const long = view.said.includes("\n");
  if (view.said.includes("`follow`")) $("follow").hidden = false;
  say(long ? "" : view.said, view.refused);
  if (long) {
    $("shown").textContent = view.said;
    if (!$("text").open) $("text").showModal();
  }
  showDemo();
  showTasks();
  showPast();
  showObjects();
  $("output").textContent = [view.stdout, view.stderr].filter(Boolean).join("\n");
}

const measures = [
  ["calls", "calls"], ["copied", "bytes copied"], ["waits", "waits"], ["wake_ups", "wake-ups"],
  ["accesses", "accesses to shared memory"],
];

function showDemo() {
  $("demo").hidden = view.data === null;
  if (view.data === null) return;
  if (document.activeElement !== $("data")) $("data").value = view.data;
  const table = $("sides");
  table.hidden = view.sides.length === 0;
  const head = make("tr");
  head.append(make("th", "", ""), ...view.sides.map((side) => make("th", "", side.name)));
  const rows = measures.map(([key, label]) => {
    const row = make("tr");
    row.append(make("th", "", label), ...view.sides.map((side) => make("td", key, String(side[key]))));
    return row;
  });
  table.replaceChildren(table.caption, head, ...rows);
}

function showTasks() {
  const rows = view.tasks.map((task, index) => {
    const row = make("div", `task${task.can_go ? "" : " idle"}${task.usual ? " usual" : ""}`);
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(index === selected));
    row.dataset.task = task.number;
    const step = make("button", "step", task.name);
    step.disabled = !task.can_go;
    step.title = "takes the next step";
    step.addEventListener("click", () => { selected = index; move(`step #${task.number}`); });
    row.append(step, make("span", "doing", task.doing));
    if (task.rivals.length) row.append(make("span", "matters", `order matters: ${task.rivals.join(", ")}`));
    else if (task.contested) row.append(make("span", "shared", "others use this, too"));
    if (task.can_go) {
      const run = make("button", "run", "Run");
      run.title = "takes steps up to one that others could notice (r)";
      run.addEventListener("click", () => { selected = index; move(`run #${task.number}`); });
      row.append(run, faults(task, index));
    }
    row.addEventListener("click", (event) => {
      if (event.target.closest("button, select")) return;
      selected = index;
      showTasks();
    });
    return row;
  });
  // Two sides that are compared stand beside each other.
  $("tasks").classList.toggle("sides", view.sides.length === 2);
  $("tasks").replaceChildren(...rows);
}

function faults(task, index) {
  const list = make("select", "faults");
  list.setAttribute("aria-label", `fault for ${task.name}`);
  list.append(new Option("fault…", ""));
  for (const fault of task.faults) list.append(new Option(fault, fault));
  list.disabled = task.faults.length === 0;
  list.addEventListener("change", () => {
    if (!list.value) return;
    selected = index;
    move(`fault ${list.value} #${task.number}`);
  });
  return list;
}

function showPast() {
  const last = view.events.length ? view.events[view.events.length - 1].step : -1;
  const rows = view.events.map((event) => {
    const row = make("li", event.step === last ? "last" : "");
    const step = make("button", "step", String(event.step));
    step.title = "go back to before this step";
    step.addEventListener("click", () => move(`to ${event.step}`));
    row.append(step, ` ${event.name}: ${event.words}`);
    return row;
  });
  if (view.earlier) rows.unshift(make("li", "", `… ${view.earlier} earlier events`));
  $("past").replaceChildren(...rows);
  $("past").scrollTop = $("past").scrollHeight;
}

function showObjects() {
  const cards = view.objects.map((object) => {
    const card = make("div", `object${object.touched ? " touched" : ""}`);
    card.append(make("strong", "", object.name), ` ${object.line}`);
    if (object.level) {
      const level = make("meter");
      level.max = Math.max(object.level[1], 1);
      level.value = object.level[0];
      card.append(level);
    }
    const facts = make("dl");
    for (const [label, fact] of object.rows) facts.append(make("dt", "", label), make("dd", "", fact));
    if (object.rows.length) card.append(facts);
    if (object.cells.length) card.append(cells(object.cells));
    return card;
  });
  $("objects").replaceChildren(...cards);
}

function cells(bytes) {
  const row = make("div", "cells");
  for (const { byte, by } of bytes) {
    const printable = byte >= 32 && byte < 127;
    const shown = printable ? String.fromCharCode(byte) : byte.toString(16).padStart(2, "0");
    const cell = make("span", by === null ? "" : `by${by % 4}`, shown);
    cell.title = by === null ? "nobody has written it" : `written by ${view.tasks[by] ? view.tasks[by].name : `#${by}`}`;
    row.append(cell);
  }
  return row;
}

const searching = "Searching…";
const actions = {
  back: () => move("back"),
  forward: () => move("forward"),
  go: () => move("go"),
  end: () => move("end"),
  search: () => move("search", searching),
  follow: () => move("follow"),
  save: () => move("save"),
  test: () => move("test"),
  help: () => $("keys").showModal(),
  theme: () => {
    const dark = document.documentElement.dataset.theme !== "dark";
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    $("theme").setAttribute("aria-pressed", String(dark));
  },
};
for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", action);
if (matchMedia("(prefers-color-scheme: dark)").matches) actions.theme();

const keys = {
  ArrowLeft: actions.back, Backspace: actions.back, n: actions.forward, g: actions.go, e: actions.end,
  "/": actions.search, o: actions.follow, w: actions.save, t: actions.test, d: actions.theme, "?": actions.help,
  ArrowRight: () => move(`step #${selected}`), Enter: () => move(`step #${selected}`),
  r: () => move(`run #${selected}`), x: () => move(`kill #${selected}`),
  ArrowUp: () => { selected = Math.max(selected - 1, 0); showTasks(); },
  ArrowDown: () => { selected = Math.min(selected + 1, view.tasks.length - 1); showTasks(); },
  ":": () => $("command").focus(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]") || !view) return;
  if (event.target.closest("input, select")) return;
  // A button that has the focus is pressed by Enter.
  if (event.key === "Enter" && event.target.closest("button")) return;
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
$("give").addEventListener("submit", (event) => {
  event.preventDefault();
  $("data").blur();
  move(`data ${$("data").value}`, "Starting…");
});
$("line").addEventListener("submit", (event) => {
  event.preventDefault();
  const command = $("command").value;
  $("command").value = "";
  move(command, command.startsWith("search") ? searching : "");
});
$("command").addEventListener("keydown", (event) => { if (event.key === "Escape") $("command").blur(); });
ask("view").then(show, (error) => say(error.message, true));

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
  if (!low) return null;
  const changed = at[low - 1] === event;
  return { card: card[low - 1], changed, was: changed && low > 1 ? card[low - 2] : null };
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
const drawCard = (object, { card: number, changed, was }) => {
  const card = run.cards[number];
  const box = make("section", changed ? "card changed" : "card");
  box.append(make("h3", "", run.objects[object].name));
  if (was !== null && run.cards[was].line !== card.line) box.append(make("div", "line was", run.cards[was].line));
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

// First what this step has changed and what matters for the failure; everything else stands behind
// a filter, since a run may use hundreds of objects.
const MOST_CARDS = 60;
const matters = new Set(run.matters);
const changedAt = new Map();
run.changes.event.forEach((event, number) => {
  if (!changedAt.has(event)) changedAt.set(event, []);
  changedAt.get(event).push(run.changes.object[number]);
});
const isShown = (object) => run.objects[object].kind !== "output";
const inOrder = (() => {
  const late = ["process", "signals"];
  const rank = ({ kind }) => late.indexOf(kind);
  // Processes stand in the order of their lanes.
  const place = ({ kind, name }) => (kind === "process" ? run.lanes.indexOf(name) : 0);
  return run.objects.map((_, number) => number).filter(isShown).sort((a, b) => {
    const [one, other] = [run.objects[a], run.objects[b]];
    return rank(one) - rank(other) || place(one) - place(other) || a - b;
  });
})();
const drawNow = () => {
  const now = $("now");
  now.textContent = "";
  const changed = (changedAt.get(current) ?? []).filter(isShown);
  const first = [...new Set([...changed, ...inOrder.filter((object) => matters.has(object))])];
  for (const object of first.slice(0, MOST_CARDS)) {
    const at = cardAt(object, current);
    if (at) now.append(drawCard(object, at));
  }
  if (!now.childElementCount) now.append(make("p", "none", count ? "This step changes no known object." : "This run has no known kernel objects."));
  return new Set(first);
};
const drawRest = (first) => {
  const rest = $("rest-cards"), wanted = $("filter").value.toLowerCase();
  rest.textContent = "";
  const others = inOrder.filter((object) => !first.has(object) && changesOf[object].at[0] <= current);
  $("rest-count").textContent = `${others.length} other ${others.length === 1 ? "object" : "objects"}`;
  $("rest").hidden = $("filter").hidden = !others.length;
  if (!$("rest").open) return;
  const fits = (object) => !wanted || `${run.objects[object].kind} ${run.objects[object].name}`.toLowerCase().includes(wanted);
  const found = others.filter(fits);
  let kind = null;
  for (const object of found.slice(0, MOST_CARDS)) {
    if (run.objects[object].kind !== kind) { kind = run.objects[object].kind; rest.append(make("h2", "", kind)); }
    rest.append(drawCard(object, cardAt(object, current)));
  }
  if (found.length > MOST_CARDS) rest.append(make("p", "none", `and ${found.length - MOST_CARDS} more: filter by name or kind`));
};
const drawState = () => drawRest(drawNow());
$("rest").addEventListener("toggle", drawState);
$("filter").addEventListener("input", () => { $("rest").open = true; drawState(); });

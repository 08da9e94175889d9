
// ---- lanes: which are shown, and where ----
// With many processes only those are shown at first that have to do with the failure.
const MANY_LANES = 8, LEAST = 190, MARGIN = 98, NARROW = 560;
const hidden = new Set();
let columns = new Map();
let compact = false;
const columnOf = (number) => (compact ? 0 : columns.get(number) ?? 0);
const place = () => {
  columns = new Map();
  run.lanes.forEach((_, number) => { if (!hidden.has(number)) columns.set(number, columns.size); });
};
const drawHeads = () => {
  place();
  const head = $("lanes");
  head.textContent = "";
  head.append(make("div", "", "step"), make("div"));
  for (const number of columns.keys()) {
    const title = make("div", "lane");
    const name = make("span", "", run.lanes[number]);
    name.title = run.lanes[number];
    title.append(name);
    title.style.setProperty("--lane", lane(number));
    if (run.lanes.length > 1) {
      const close = make("button", "close", "×");
      close.setAttribute("aria-label", `hide the lane of ${run.lanes[number]}`);
      close.addEventListener("click", () => hide(number, true));
      title.append(close);
    }
    head.append(title);
  }
  const root = document.documentElement.style, shown = Math.max(1, columns.size);
  root.setProperty("--columns", compact ? "44px 26px minmax(0, 1fr)" : `64px 34px repeat(${shown}, minmax(${LEAST}px, 1fr))`);
  root.setProperty("--least", compact ? "0px" : `${MARGIN + LEAST * shown}px`);
  document.body.classList.toggle("compact", compact);
  $("choose").textContent = hidden.size ? `Lanes (${hidden.size} hidden)` : "Lanes";
};
const hide = (number, is) => {
  if (is && hidden.size + 1 >= run.lanes.length) return;
  if (is) hidden.add(number); else hidden.delete(number);
  $(`lane-${number}`).checked = !is;
  drawHeads();
  relist();
};
const listLanes = () => {
  const matter = new Set(run.graph.nodes.map((node) => node.lane));
  lanes.forEach((number, event) => { if (flags[event] & (MARKED | FAULT)) matter.add(number); });
  if (run.lanes.length > MANY_LANES && matter.size) {
    run.lanes.forEach((_, number) => { if (!matter.has(number)) hidden.add(number); });
  }
  run.lanes.forEach((name, number) => {
    const label = make("label"), box = make("input");
    box.type = "checkbox";
    box.id = `lane-${number}`;
    box.checked = !hidden.has(number);
    box.setAttribute("aria-label", name);
    box.addEventListener("change", () => {
      hide(number, !box.checked);
      box.checked = !hidden.has(number);
    });
    label.append(box, make("span", "", name));
    label.style.setProperty("--lane", lane(number));
    $("lane-list").append(label);
  });
};
const showLanes = (wanted) => {
  hidden.clear();
  run.lanes.forEach((_, number) => { if (!wanted(number)) hidden.add(number); });
  if (hidden.size >= run.lanes.length) hidden.delete(lanes[current] ?? 0);
  run.lanes.forEach((_, number) => { $(`lane-${number}`).checked = !hidden.has(number); });
  drawHeads();
  relist();
};
$("all-lanes").addEventListener("click", () => showLanes(() => true));
$("this-lane").addEventListener("click", () => {
  // The lane of the chosen event, and those that arrows tie to it.
  const own = lanes[current], tied = new Set([own]);
  const { from, to } = run.arrows;
  from.forEach((event, number) => {
    if (lanes[event] === own) tied.add(lanes[to[number]]);
    if (lanes[to[number]] === own) tied.add(lanes[event]);
  });
  showLanes((number) => tied.has(number));
});
// The lane of the chosen event is always in view.
const laneWidth = () => Math.max(LEAST, (space.clientWidth - MARGIN) / Math.max(1, columns.size));
const revealLane = (number) => {
  if (compact) return;
  const left = MARGIN + columnOf(number) * laneWidth(), right = left + laneWidth();
  if (left - MARGIN < scroller.scrollLeft) scroller.scrollLeft = left - MARGIN;
  else if (right > scroller.scrollLeft + scroller.clientWidth) scroller.scrollLeft = right - scroller.clientWidth;
};
const fit = () => {
  const narrow = scroller.clientWidth < NARROW;
  if (narrow === compact) { reveal(); return drawRows(); }
  compact = narrow;
  drawHeads();
  redrawRows();
};

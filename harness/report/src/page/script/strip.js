
// ---- the whole run at a glance: lanes from top to bottom, events from left to right ----
let sight = [0, Math.max(1, count)];
const strip = $("strip");
const stripHeight = () => Math.max(36, Math.min(96, 10 * run.lanes.length));
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const drawStrip = () => {
  const width = $("overview").clientWidth, height = stripHeight(), scale = window.devicePixelRatio || 1;
  if (!width) return;
  strip.width = width * scale;
  strip.height = height * scale;
  strip.style.height = `${height}px`;
  const paper = strip.getContext("2d");
  paper.scale(scale, scale);
  const [begin, end] = sight, of = Math.max(1, end - begin), high = height / run.lanes.length;
  const bar = Math.max(1, width / of), fill = Math.max(1, high - 1);
  const colours = run.lanes.map((_, number) => colour(`--c${number % 8}`));
  // Each pixel of a lane once: a hundred thousand events do not take longer than a few thousand.
  const done = new Set();
  const late = [];
  for (let event = Math.floor(begin); event < Math.min(count, end); event++) {
    const x = ((event - begin) / of) * width, flag = flags[event];
    if (flag & (FAULT | DEVIATION | MARKED)) late.push(event);
    const key = Math.floor(x) * run.lanes.length + lanes[event];
    if (done.has(key)) continue;
    done.add(key);
    paper.globalAlpha = flag & QUIET ? 0.35 : 0.75;
    paper.fillStyle = colours[lanes[event]];
    paper.fillRect(x, lanes[event] * high, bar, fill);
  }
  paper.globalAlpha = 1;
  const inks = { turn: colour("--turn"), mark: colour("--mark"), bad: colour("--bad") };
  for (const event of late) {
    const x = ((event - begin) / of) * width, flag = flags[event], top = lanes[event] * high;
    if (flag & DEVIATION) { paper.fillStyle = inks.turn; paper.fillRect(x, 0, Math.max(1, Math.min(2, bar)), 5); }
    if (flag & MARKED) { paper.fillStyle = inks.mark; paper.fillRect(x - 0.5, top - 1, Math.max(2, Math.min(4, bar)), high + 1); }
    if (flag & FAULT) { paper.fillStyle = inks.bad; paper.fillRect(x - 0.5, 0, 2, height); }
  }
  drawRows();
};
// Draws where the rows in sight and the chosen event are.
const drawSight = (first, last) => {
  const width = $("overview").clientWidth, [begin, end] = sight, of = Math.max(1, end - begin);
  const at = (event) => ((event - begin) / of) * width;
  const place = (box, from, to) => {
    const left = Math.max(0, from), right = Math.min(width, to);
    box.hidden = right < left || !count;
    box.style.left = `${left}px`;
    box.style.width = `${Math.max(2, right - left)}px`;
  };
  if (!count || last < first) return;
  place($("strip-rows"), at(eventAt(first)), at(eventAt(last) + 1));
  place($("strip-now"), at(current), at(current) + 2);
};
const eventUnder = (pointer) => {
  const box = strip.getBoundingClientRect();
  const [begin, end] = sight;
  return Math.floor(begin + ((pointer.clientX - box.left) / box.width) * (end - begin));
};
// Shows a part of the run that is so many times as long, around an event.
const zoom = (times, around = current) => {
  const whole = Math.max(1, count), [begin, end] = sight;
  const length = Math.min(whole, Math.max(Math.min(20, whole), (end - begin) * times));
  const share = Math.min(1, Math.max(0, (around - begin) / (end - begin)));
  const from = Math.max(0, Math.min(whole - length, around - share * length));
  sight = [from, from + length];
  drawStrip();
};
strip.addEventListener("pointerdown", (pointer) => { strip.setPointerCapture(pointer.pointerId); go(eventUnder(pointer)); });
strip.addEventListener("pointermove", (pointer) => { if (pointer.buttons & 1) go(eventUnder(pointer)); });
strip.addEventListener("dblclick", () => zoom(Infinity));
strip.addEventListener("wheel", (wheel) => {
  wheel.preventDefault();
  zoom(wheel.deltaY > 0 ? 1.25 : 0.8, eventUnder(wheel));
}, { passive: false });
$("zoom-in").addEventListener("click", () => zoom(0.5));
$("zoom-out").addEventListener("click", () => zoom(2));
// The chosen event stays in sight.
const follow = () => {
  const [begin, end] = sight;
  if (current >= begin && current < end) return;
  const length = end - begin, from = Math.max(0, Math.min(count - length, current - length / 2));
  sight = [from, from + length];
  drawStrip();
};

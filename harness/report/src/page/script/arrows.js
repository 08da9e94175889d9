
// ---- arrows: what made which event possible ----
const SVG = $("arrows").namespaceURI;
const draw = (tag, attributes) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};
// For each event its arrows, as a list in two columns: a run may have a hundred thousand.
const { heads, nexts } = (() => {
  const { from, to } = run.arrows;
  const heads = new Int32Array(count).fill(-1), nexts = new Int32Array(2 * from.length);
  for (let number = from.length - 1; number >= 0; number--) {
    nexts[2 * number] = heads[from[number]];
    heads[from[number]] = 2 * number;
    nexts[2 * number + 1] = heads[to[number]];
    heads[to[number]] = 2 * number + 1;
  }
  return { heads, nexts };
})();
const arrowsOf = (event) => {
  const found = [];
  for (let at = heads[event] ?? -1; at >= 0; at = nexts[at]) found.push(at >> 1);
  return found;
};
const MOST_ARROWS = 300;
const drawArrows = (first, last) => {
  const picture = $("arrows");
  picture.textContent = "";
  if (compact || !run.arrows.from.length) { picture.style.display = "none"; return; }
  picture.style.display = "";
  const numbers = new Set(arrowsOf(current));
  for (let at = first; at <= last && numbers.size < MOST_ARROWS; at++) {
    for (const number of arrowsOf(eventAt(at))) numbers.add(number);
  }
  const width = space.clientWidth, top = first * ROW, height = (last - first + 1) * ROW;
  picture.style.top = `${top}px`;
  picture.setAttribute("width", width);
  picture.setAttribute("height", height);
  const across = laneWidth();
  const x = (event) => MARGIN + columnOf(lanes[event]) * across + 2;
  const y = (event) => placeOf(event) * ROW + ROW / 2 - top;
  const clamp = (value) => Math.max(-4 * ROW, Math.min(height + 4 * ROW, value));
  for (const number of numbers) {
    const from = run.arrows.from[number], to = run.arrows.to[number];
    if (hidden.has(lanes[from]) || hidden.has(lanes[to]) || placeOf(from) === placeOf(to)) continue;
    const [x1, y1, x2, y2] = [x(from), clamp(y(from)), x(to), clamp(y(to))];
    const same = x1 === x2;
    const bend = same || x2 > x1 ? -28 : 28;
    // Down along the edge of the lane, then across: what stands in the lane stays readable.
    const path = same
      ? `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 + bend} ${y2} ${x2 - 3} ${y2}`
      : `M${x1} ${y1}C${x1} ${y1 + (y2 - y1) * 0.7} ${x2 + 1.6 * bend} ${y2} ${x2 + bend / 7} ${y2}`;
    const hot = from === current || to === current;
    picture.append(draw("path", { d: path, class: hot ? `hot tie-${run.arrows.tie[number]}` : `tie-${run.arrows.tie[number]}` }));
    // The head, so that it has the colour of its arrow.
    const side = same || x2 > x1 ? -7 : 7;
    const head = draw("path", { d: `M${x2} ${y2}l${side} -4v8z`, class: hot ? `head hot tie-${run.arrows.tie[number]}` : `head tie-${run.arrows.tie[number]}` });
    picture.append(head);
  }
};

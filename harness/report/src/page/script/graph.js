
// ---- who waits for whom ----
const drawGraph = () => {
  const { nodes, edges } = run.graph;
  const panel = $("graph");
  panel.hidden = !nodes.length;
  if (!nodes.length) return;
  // Those in the circle stand on one, the others below it in rows.
  const WIDE = 130, HIGH = 30, width = 372;
  const round = nodes.map((_, number) => number).filter((number) => nodes[number].cycle);
  const others = nodes.map((_, number) => number).filter((number) => !nodes[number].cycle);
  const at = [];
  let bottom = 0;
  if (round.length === 1) at[round[0]] = [width / 2, 46];
  else if (round.length === 2) {
    at[round[0]] = [WIDE / 2 + 6, 62];
    at[round[1]] = [width - WIDE / 2 - 6, 62];
  } else {
    const tall = Math.max(60, 24 * round.length);
    round.forEach((number, place) => {
      const angle = (2 * Math.PI * place) / round.length - Math.PI / 2;
      at[number] = [width / 2 + Math.cos(angle) * (width / 2 - WIDE / 2 - 6), tall + 26 + Math.sin(angle) * tall];
    });
  }
  for (const number of round) bottom = Math.max(bottom, at[number][1] + HIGH);
  if (round.length === 2) bottom = 138;
  const MOST = 24;
  others.slice(0, MOST).forEach((number, place) => {
    at[number] = [WIDE / 2 + 6 + (place % 2) * (width - WIDE - 12), bottom + 44 + Math.floor(place / 2) * 86];
  });
  const known = others.slice(0, MOST);
  const height = Math.max(bottom, ...known.map((number) => at[number][1] + 44)) + 6;
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
  picture.setAttribute("aria-label", edges.map((edge) => `${nodes[edge.from].name} waits for ${nodes[edge.to].name}: ${edge.object}`).join("; "));
  const words = (x, y, string, className, most) => {
    const short = string.length > most ? `…${string.slice(1 - most)}` : string;
    const element = draw("text", { x, y, class: className });
    element.textContent = short;
    const title = draw("title", {});
    title.textContent = string;
    element.append(title);
    return element;
  };
  // Where the line from one middle to another leaves the box.
  const rim = ([x, y], [tx, ty]) => {
    const [dx, dy] = [tx - x, ty - y];
    const share = Math.min(WIDE / 2 / (Math.abs(dx) || 1e-9), HIGH / 2 / (Math.abs(dy) || 1e-9));
    return [x + dx * share, y + dy * share];
  };
  // Who waits for one of several names what it waits for once.
  const told = new Set();
  for (const edge of edges) {
    const [a, b] = [at[edge.from], at[edge.to]];
    if (!a || !b) continue;
    const group = draw("g", { class: edge.cycle ? "edge cycle" : "edge", tabindex: 0, role: "button" });
    group.setAttribute("aria-label", `${nodes[edge.from].name} waits in ${edge.call} for ${edge.object}`);
    let path, label, head;
    if (edge.from === edge.to) {
      const [x, y] = a;
      path = `M${x - 26} ${y - HIGH / 2}C${x - 40} ${y - 52} ${x + 40} ${y - 52} ${x + 26} ${y - HIGH / 2 - 3}`;
      head = [x + 26, y - HIGH / 2, Math.PI / 2 + 0.3];
      label = [x, y - 42];
    } else {
      // To the left of the way there, so that two that point at each other do not meet.
      const [dx, dy] = [b[0] - a[0], b[1] - a[1]], far = Math.hypot(dx, dy) || 1;
      const bow = round.length === 2 && edge.cycle ? 46 : 18;
      const middle = [(a[0] + b[0]) / 2 + (dy / far) * bow, (a[1] + b[1]) / 2 - (dx / far) * bow];
      const [start, stop] = [rim(a, middle), rim(b, middle)];
      path = `M${start}Q${middle} ${stop}`;
      head = [...stop, Math.atan2(stop[1] - middle[1], stop[0] - middle[0])];
      // Those in the circle are named in the middle of their way, the others where it begins.
      const [t, u] = edge.cycle ? [0.5, 0.5] : [0.25, 0.75];
      const along = (axis) => u * u * start[axis] + 2 * u * t * middle[axis] + t * t * stop[axis];
      label = [along(0), along(1) + (edge.cycle ? -3 : 0)];
    }
    group.append(draw("path", { d: path }));
    group.append(draw("path", { d: "M0 0L-9 -4.5V4.5z", class: "head", transform: `translate(${head[0]} ${head[1]}) rotate(${(head[2] * 180) / Math.PI})` }));
    const room = Math.max(60, 2 * Math.min(label[0], width - label[0]));
    const named = `${edge.from} ${edge.object || edge.call}`;
    if (!told.has(named)) group.append(words(...label, edge.object || edge.call, "label", Math.floor(room / 6.7)));
    told.add(named);
    const visit = () => { if (edge.event !== null) go(edge.event); };
    group.addEventListener("click", visit);
    group.addEventListener("keydown", (key) => { if (key.key === "Enter") { visit(); key.stopPropagation(); } });
    picture.append(group);
  }
  nodes.forEach((node, number) => {
    if (!at[number]) return;
    const [x, y] = at[number];
    const group = draw("g", { class: node.cycle ? "node cycle" : node.lonely === null ? "node" : "node lonely" });
    const box = draw("rect", { x: x - WIDE / 2, y: y - HIGH / 2, width: WIDE, height: HIGH, rx: 8 });
    box.style.stroke = lane(node.lane);
    group.append(box, words(x, y + 5, node.name, "name", 17));
    if (node.lonely !== null) {
      const below = words(x, y + HIGH / 2 + 14, node.lonely, "label", 20);
      below.querySelector("title").textContent = `waits for ${node.lonely}, and nobody is left to release it`;
      group.append(below);
    }
    group.addEventListener("click", () => { if (node.event !== null) go(node.event); });
    picture.append(group);
  });
  panel.append(make("h2", "", "who waits for whom"), picture);
  if (others.length > MOST) panel.append(make("p", "none", `and ${others.length - MOST} more: see Details`));
};

// ---- what does not change ----
{
  listLanes();
  drawHeads();
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
  drawGraph();
  for (const paragraph of run.details) $("details").append(make("pre", "", paragraph));
  if (matchMedia("(prefers-color-scheme: dark)").matches) theme();
  tab(run.history.some((one) => one.blamed) ? "history" : "state");
  relist();
  go(named() ?? current);
  new ResizeObserver(fit).observe(scroller);
  new ResizeObserver(drawStrip).observe($("overview"));
}

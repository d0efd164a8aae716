// The plots: each a function of the page's data, drawn again when colours or axes change.

function column(data, name) {
  return data.columns.find((one) => one.name === name);
}

function hover(data, network) {
  const lines = [`<b>${network.id}</b>`];
  if (data.runs.length > 1) lines.push(plain(data.runs.find((run) => run.name === network.run).label));
  for (const one of data.columns) lines.push(`${plain(one.short)} ${number(network.values[one.name], one)}`);
  return lines.join("<br>");
}

function points(data, networks, x, y, more) {
  return {
    type: "scatter", mode: "markers", x: networks.map((n) => n.values[x.name] / x.divisor),
    y: networks.map((n) => n.values[y.name] / y.divisor), customdata: networks.map((n) => n.key),
    text: networks.map((n) => hover(data, n)), hoverinfo: "text", ...more,
  };
}

function bars(networks, col, colour) {
  if (!networks.some((n) => col.name in n.low)) return undefined;
  const reach = (n, end) => Math.abs((n[end][col.name] ?? n.values[col.name]) - n.values[col.name]) / col.divisor;
  return {
    type: "data", symmetric: false, thickness: 1, width: 3, color: colour,
    array: networks.map((n) => reach(n, "high")), arrayminus: networks.map((n) => reach(n, "low")),
  };
}

function frontTraces(data, x, y, small) {
  const traces = [];
  const there = data.networks.filter((n) => x.name in n.values && y.name in n.values);
  const rest = there.filter((n) => !n.front);
  const groups = [[rest.filter((n) => n.feasible), "circle", "other networks"],
    [rest.filter((n) => !n.feasible), "x-thin", "outside the limits"]];
  for (const [list, symbol, name] of groups) {
    if (!list.length) continue;
    const marker = { color: ink("grey"), size: small ? 4 : 6, symbol, opacity: 0.75, line: { width: symbol === "circle" ? 0 : 1.2, color: ink("grey") } };
    traces.push(points(data, list, x, y, { name, marker, showlegend: !small }));
  }
  const named = new Set();
  for (const run of data.runs) {
    const isFirst = !named.has(run.legend);
    named.add(run.legend);
    const mine = there.filter((n) => n.front && n.run === run.name);
    const colour = shade(run.colour);
    const line = best(mine, x, y);
    traces.push({
      type: "scatter", mode: "lines", hoverinfo: "skip", showlegend: false, x: line.map((n) => n.values[x.name] / x.divisor),
      y: line.map((n) => n.values[y.name] / y.divisor),
      line: { color: colour, width: 1.5, shape: x.sign > 0 ? "hv" : "vh", dash: run.keeps ? "solid" : "dot" },
    });
    const marker = { color: colour, size: small ? 6 : 9, symbol: run.keeps ? "circle" : "diamond-open", line: { color: run.keeps ? ink("paper") : colour, width: 1 } };
    traces.push(points(data, mine, x, y, {
      name: plain(run.legend), legendgroup: plain(run.legend), marker, showlegend: !small && isFirst,
      error_x: small ? undefined : bars(mine, x, colour), error_y: small ? undefined : bars(mine, y, colour),
    }));
  }
  return traces;
}

// Limits that lie near what is shown; one far away would squeeze everything else.
function limits(data, x, y) {
  const shapes = [], annotations = [];
  for (const limit of data.limits) {
    const across = limit.name === x.name, col = across ? x : limit.name === y.name ? y : null;
    if (!col) continue;
    const values = data.networks.map((n) => n.values[col.name]).filter((v) => v !== undefined);
    const low = Math.min(...values), high = Math.max(...values), room = 0.35 * (high - low || Math.abs(high));
    if (limit.value < low - room || limit.value > high + room) continue;
    const at = limit.value / col.divisor, line = { color: ink("limit"), dash: "dash", width: 1.5 };
    const [one, other] = across ? ["x", "y"] : ["y", "x"];
    shapes.push({ type: "line", [`${one}0`]: at, [`${one}1`]: at, [`${other}ref`]: "paper", [`${other}0`]: 0, [`${other}1`]: 1, line });
    annotations.push({
      text: plain(limit.text), showarrow: false, font: { color: ink("limit"), size: 11 }, textangle: across ? -90 : 0,
      [one]: at, [`${other}ref`]: "paper", [other]: across ? 0.03 : 1, xanchor: "right", yanchor: "bottom",
    });
  }
  return { shapes, annotations };
}

function drawFront(data, chosen) {
  const x = column(data, data.x), y = column(data, data.y);
  const traces = frontTraces(data, x, y, false);
  if (chosen && x.name in chosen.values && y.name in chosen.values) {
    traces.push(points(data, [chosen], x, y, {
      marker: { color: "rgba(0,0,0,0)", size: 17, line: { color: ink("ink"), width: 2 } }, showlegend: false, hoverinfo: "skip",
    }));
  }
  const place = document.getElementById("plot-front");
  const marks = limits(data, x, y);
  Plotly.react(place, traces, layout({ xaxis: axis(x.label), yaxis: axis(y.label), ...marks }), QUIET);
  return place;
}

function panels(name, count, broad) {
  const place = document.getElementById(`plot-${name}`);
  if (!place) return [];
  while (place.children.length < count) {
    const panel = document.createElement("div");
    if (broad) panel.className = "broad";
    place.append(panel);
  }
  return [...place.children];
}

function drawPairs(data) {
  const goals = data.columns.filter((one) => one.objective), drawn = [];
  const pairs = goals.flatMap((a, i) => goals.slice(i + 1).map((b) => [b, a]));
  panels("pairs", pairs.length).forEach((panel, i) => {
    const [x, y] = pairs[i];
    Plotly.react(panel, frontTraces(data, x, y, true), layout({ xaxis: axis(x.label), yaxis: axis(y.label), showlegend: false }), QUIET);
    drawn.push(panel);
  });
  return drawn;
}

function drawParallel(data, chosen) {
  const [panel] = panels("parallel", 1, true);
  if (!panel) return [];
  const goals = data.columns.filter((one) => one.objective);
  const mine = data.networks.filter((n) => n.front && goals.every((g) => g.name in n.values));
  const ends = goals.map((g) => {
    const values = mine.map((n) => g.sign * n.values[g.name]);
    return [Math.min(...values), Math.max(...values)];
  });
  const heights = (n) => goals.map((g, i) => {
    const [low, high] = ends[i];
    return high > low ? (high - g.sign * n.values[g.name]) / (high - low) : 0.5;
  });
  const traces = mine.map((n) => {
    const run = data.runs.find((one) => one.name === n.run), picked = chosen && chosen.key === n.key;
    return {
      type: "scatter", mode: "lines+markers", x: goals.map((g, i) => i), y: heights(n), customdata: goals.map(() => n.key),
      text: goals.map(() => hover(data, n)), hoverinfo: "text", showlegend: false,
      line: { color: picked ? ink("ink") : clear(run.colour, 0.45), width: picked ? 3 : 1.3 },
      marker: { size: 5, color: picked ? ink("ink") : clear(run.colour, 0.8) },
    };
  });
  const annotations = goals.flatMap((g, i) => [
    { x: i, y: 1.03, yanchor: "bottom", text: number(g.sign * ends[i][0], g), showarrow: false },
    { x: i, y: -0.03, yanchor: "top", text: number(g.sign * ends[i][1], g), showarrow: false },
  ]);
  Plotly.react(panel, traces, layout({
    annotations, dragmode: false, yaxis: { visible: false, range: [-0.14, 1.14], fixedrange: true }, margin: { t: 8, r: 20, l: 20, b: 40 },
    xaxis: { tickvals: goals.map((g, i) => i), ticktext: goals.map((g) => plain(g.short)), fixedrange: true, gridcolor: ink("grey"), zeroline: false, range: [-0.25, goals.length - 0.75] },
  }), QUIET);
  return [panel];
}

function drawAttainment(data) {
  if (!data.attainment) return;
  const [panel] = panels("attainment", 1, true);
  const x = column(data, data.attainment.x), y = column(data, data.attainment.y), traces = [];
  const shape = x.sign > 0 ? "hv" : "vh";
  for (const group of data.attainment.groups) {
    const colour = shade(group.colour), [grid, low, high] = group.band;
    const scaled = (list, col) => list.map((v) => v / col.divisor);
    const line = { width: 0, shape };
    traces.push({ x: scaled(grid, x), y: scaled(low, y), mode: "lines", line, hoverinfo: "skip", showlegend: false });
    traces.push({ x: scaled(grid, x), y: scaled(high, y), mode: "lines", line, fill: "tonexty", fillcolor: clear(group.colour, 0.22), hoverinfo: "skip", showlegend: false });
    traces.push({
      x: scaled(group.median.map((p) => p[0]), x), y: scaled(group.median.map((p) => p[1]), y), mode: "lines",
      line: { color: colour, width: 2.5, shape }, name: plain(`${group.name}, ${group.runs} runs`), hoverinfo: "x+y+name",
    });
  }
  Plotly.react(panel, traces, layout({ xaxis: axis(x.label), yaxis: axis(y.label), showlegend: true }), QUIET);
}

function drawCurves(data) {
  const curves = data.curves || [];
  panels("curves", curves.length).forEach((panel, i) => {
    const traces = curves[i].lines.map((line, k) => ({
      x: line.steps, y: line.values, mode: "lines", name: plain(line.name),
      line: { width: 1.8, color: shade(data.colours[k % data.colours.length]) },
    }));
    Plotly.react(panel, traces, layout({
      title: { text: plain(curves[i].title), font: { size: 14 }, x: 0.02, xanchor: "left" }, margin: { t: 34, r: 14, l: 50, b: 78 },
      xaxis: axis("step"), yaxis: axis(curves[i].unit, { type: curves[i].log ? "log" : "linear" }), showlegend: true,
    }), QUIET);
  });
}

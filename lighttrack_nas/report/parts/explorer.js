// The page's life: choosing networks by mouse, keys, table or digits; colours; copying.

function element(tag, attributes, ...children) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

function copyLine(text, label) {
  const button = element("button", { type: "button", textContent: "Copy", ariaLabel: `Copy ${label}` });
  button.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(text); } catch {
      // Pages from a disk may have no clipboard.
      const box = element("textarea", { value: text });
      document.body.append(box); box.select(); document.execCommand("copy"); box.remove(); button.focus();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return element("div", { className: "copy" }, element("code", { textContent: text, tabIndex: 0 }), button);
}

function partBars(network) {
  const most = Math.max(...network.parts.map((part) => part.macs), 1), grid = element("div", { className: "bars" });
  const cell = (text, kind) => element("span", { className: kind, textContent: text });
  grid.append(cell("part", "head"), cell("", "head"), cell("M MACs", "head number"), cell("M params", "head number"));
  for (const part of network.parts) {
    const bar = element("span", { className: "bar" });
    bar.style.width = `${(100 * part.macs) / most}%`;
    grid.append(cell(part.part.replace("_", " "), ""), element("span", {}, bar), cell((part.macs / 1e6).toFixed(2), "number"), cell((part.params / 1e6).toFixed(3), "number"));
  }
  return grid;
}

function showDetails(data, network) {
  const place = document.getElementById("details"), heading = (text) => element("h4", { textContent: text });
  const below = document.getElementById("below"), texts = element("div", { className: "texts" }), copies = element("div"), commands = element("div");
  place.replaceChildren(); below.replaceChildren();
  if (!network) { place.append(element("p", { textContent: "No network was measured." })); return; }
  place.append(element("h3", { textContent: `Network ${network.id}` }));
  const run = data.runs.find((one) => one.name === network.run);
  const where = !network.front ? "behind the front" : run.keeps ? "on the front" : "of those that break the limits least";
  place.append(element("p", { textContent: data.runs.length > 1 ? `${where} of ${run.label}` : where }));
  const facts = element("dl", { className: "facts" });
  for (const one of data.columns) {
    if (!(one.name in network.values)) continue;
    const spread = one.name in network.low ? ` (${number(network.low[one.name], one)} to ${number(network.high[one.name], one)})` : "";
    facts.append(element("dt", { textContent: one.short }), element("dd", { textContent: number(network.values[one.name], one) + spread }));
  }
  for (const again of ["latency_ms_again"]) {
    if (again in network.values) facts.append(element("dt", { textContent: again }), element("dd", { textContent: network.values[again].toFixed(2) }));
  }
  place.append(facts, ...network.about.map((text) => element("p", { textContent: text })));
  if (!network.svg) { place.append(element("p", { textContent: "This network lies far behind the front, and is not drawn." })); return; }
  const drawing = element("div", { className: "drawing", tabIndex: 0, innerHTML: network.svg });
  drawing.setAttribute("aria-label", network.lines.join("; "));
  below.append(drawing);
  if (network.parts.length) {
    place.append(heading("Costs by part"), partBars(network));
    const left = Object.entries(network.uncounted).map(([name, count]) => `${name} (${count})`).join(", ");
    if (left) place.append(element("p", { textContent: `Not counted: ${left}.` }));
  }
  if (network.code) copies.append(heading("Code"), copyLine(network.code, "the code"));
  copies.append(heading("JSON"), copyLine(network.json, "the JSON"));
  const link = element("a", { textContent: `Save as ${network.id}.json`, download: `${network.id}.json`, href: `data:application/json,${encodeURIComponent(network.json)}` });
  copies.append(element("p", {}, link));
  commands.append(heading("Train it, tune it, track with it"));
  commands.append(...Object.entries(network.commands).map(([name, text]) => copyLine(text, `the command ${name}`)));
  commands.append(element("p", { textContent: "CHAIN.yaml is the chain's configuration, OUTPUT its folder." }));
  texts.append(copies, commands);
  below.append(texts);
}

function start(data) {
  data.networks.forEach((network, key) => { network.key = key; });
  const state = { chosen: null }, plot = document.getElementById("plot-front");
  const redraw = () => {
    if (plot) drawFront(data, state.chosen);
    drawPairs(data); drawParallel(data, state.chosen); drawAttainment(data); drawCurves(data);
  };
  const choose = (key) => {
    state.chosen = data.networks[key] || null;
    showDetails(data, state.chosen);
    if (plot) drawFront(data, state.chosen);
    drawParallel(data, state.chosen);
    for (const row of document.querySelectorAll("tr[data-network]")) row.classList.toggle("chosen", !!state.chosen && row.dataset.network === state.chosen.id && row.dataset.run === state.chosen.run);
  };
  document.getElementById("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", redraw);
  if (plot) bind(data, state, plot, choose);
  redraw();
  const picked = (event) => { const key = event.points[0]?.customdata; if (key !== undefined) choose(key); };
  for (const drawn of document.querySelectorAll(".js-plotly-plot")) drawn.on("plotly_click", picked);
  document.documentElement.dataset.ready = "yes";
}

function bind(data, state, plot, choose) {
  const pickers = { across: "x", up: "y" };
  for (const [id, key] of Object.entries(pickers)) {
    const select = document.getElementById(id);
    for (const one of data.columns) select.append(new Option(one.label, one.name, false, one.name === data[key]));
    select.addEventListener("change", () => { data[key] = select.value; drawFront(data, state.chosen); });
  }
  const wanted = document.getElementById("wanted"), digests = document.getElementById("digests");
  digests.append(...data.networks.slice(0, 1000).map((n) => new Option(n.id)));
  wanted.addEventListener("change", () => {
    const found = data.networks.filter((n) => wanted.value && n.id.startsWith(wanted.value.trim()));
    wanted.setCustomValidity(found.length ? "" : "no network begins with these digits");
    wanted.reportValidity();
    if (found.length) choose(found[0].key);
  });
  for (const button of document.querySelectorAll(".pick")) {
    button.addEventListener("click", () => {
      const { run, network } = button.closest("tr").dataset;
      choose(data.networks.findIndex((n) => n.id === network && n.run === run));
      document.getElementById("front").scrollIntoView({ behavior: "smooth" });
    });
  }
  plot.addEventListener("keydown", (event) => {
    const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key], through = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key === "Enter") { document.getElementById("details").focus(); event.preventDefault(); }
    if (!along && !through) return;
    event.preventDefault();
    const list = data.networks.filter((n) => (through || n.front) && data.x in n.values);
    if (along) list.sort((a, b) => a.values[data.x] - b.values[data.x]);
    const here = state.chosen ? list.indexOf(state.chosen) : -1;
    const next = list[(here + (along || through) + list.length) % list.length];
    if (next) choose(next.key);
  });
  const goal = data.columns.find((one) => one.objective), front = data.networks.filter((n) => n.front);
  front.sort((a, b) => goal.sign * (a.values[goal.name] - b.values[goal.name]));
  choose(front.length ? front[0].key : -1);
}

unpack().then(start);

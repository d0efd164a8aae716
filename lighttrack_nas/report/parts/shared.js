"use strict";
// What plots and explorer share: the page's data, colours, and numbers as text.

async function unpack() {
  const bytes = Uint8Array.from(atob(document.getElementById("data").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// Plotly reads some tags in texts; names may hold any.
function plain(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

// The colours of runs are of print; on dark paper they are lighter.
function shade(colour) {
  if (!isDark()) return colour;
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `rgb(${parts.map((part) => Math.round(part + (255 - part) * 0.35)).join(",")})`;
}

function clear(colour, part) {
  const box = document.createElement("span");
  box.style.color = shade(colour);
  document.body.append(box);
  const found = getComputedStyle(box).color.match(/[\d.]+/g).slice(0, 3).join(",");
  box.remove();
  return `rgba(${found},${part})`;
}

function number(value, column) {
  if (value === undefined || value === null) return "";
  return (value / column.divisor).toLocaleString("en", {
    minimumFractionDigits: column.digits, maximumFractionDigits: column.digits,
  });
}

function axis(title, more) {
  const lines = { gridcolor: ink("grid"), linecolor: ink("grey"), zeroline: false, automargin: true, showline: true };
  return { title: { text: plain(title), font: { size: 13 }, standoff: 8 }, ...lines, tickfont: { size: 12 }, ...more };
}

function layout(more) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink("ink"), family: "system-ui, sans-serif", size: 12 },
    margin: { t: 12, r: 14, l: 50, b: more.showlegend === false ? 40 : 78 }, hovermode: "closest", dragmode: "pan",
    legend: { orientation: "h", yref: "container", y: 0.01, yanchor: "bottom", x: 0, traceorder: "normal", font: { size: 12 } },
    hoverlabel: { bgcolor: ink("sheet"), bordercolor: ink("line"), font: { color: ink("ink"), size: 12 }, align: "left" },
    ...more,
  };
}

const QUIET = { displayModeBar: false, responsive: true, scrollZoom: false };

// The line through points none of which another beats in two columns: by rising x.
function best(networks, x, y) {
  const there = networks.filter((n) => x.name in n.values && y.name in n.values);
  there.sort((a, b) => x.sign * (a.values[x.name] - b.values[x.name]) || y.sign * (a.values[y.name] - b.values[y.name]));
  const line = [];
  let least = Infinity;
  for (const one of there) {
    const value = y.sign * one.values[y.name];
    if (value < least) { least = value; line.push(one); }
  }
  return line.sort((a, b) => a.values[x.name] - b.values[x.name]);
}

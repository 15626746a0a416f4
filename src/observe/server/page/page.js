"use strict";
// Asks the daemon each second and shows what it says, in its words. All that comes from it is inserted as text.

const POLL_MS = 1000, SLOW_POLL_MS = 5000, PATIENCE_MS = 4000;
// After so long without an answer it is asked less often; so far apart are points that are no line any more.
const LONG_AWAY_MS = 60_000, GAP_MS = 4000;
const POINTS_MAX = 3600, EVENTS_MAX = 100, EVENTS_SHOWN = 12;
const RANGES = [["1 min", 60_000], ["10 min", 600_000], ["1 h", 3_600_000]];
const SHAPES = { good: "\u25cf", doubtful: "\u25b2", bad: "\u25a0", faint: "\u00b7", strong: "\u25c6", away: "\u25cb" };
// In the middle of an interval, by what is thought of its source.
const MARKS = { steers: "M-6 1H6L0 6ZM-6 17H6L0 12Z", FALSETICKER: "M-6 3L6 15M-6 15L6 3" };
const STATES = { LOCKED: "good", HOLDOVER: "doubtful", ACQUIRING: "doubtful" };
const MEASURING = ["LOCKED", "ACQUIRING"];

let points = [];      // {t, offset, bound, state, run}: t in ms of performance.now(), the others as of the daemon
let events = [];      // the latest last
let last = null;      // the last answer, and when it came
let awaySince = null; // since when there is none
let chosen = null;    // the range that was chosen; without one as much as there is to see
let cursor = null;    // a time in the past that is read
let showsAll = false; // all events that we have, and not the last few
let skew = Date.now() - performance.now();

// Figures as the command line prints them.
function seconds(s) {
  const ns = s * 1e9, size = Math.abs(ns);
  const [value, unit] = size < 1e3 ? [ns, "ns"] : size < 1e6 ? [ns / 1e3, "us"] : size < 1e9 ? [ns / 1e6, "ms"] : [s, "s"];
  const digits = Math.abs(value) >= 100 || value === 0 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits) + " " + unit;
}

function span(s) {
  const whole = Math.floor(Math.max(0, s)), two = (n) => String(n).padStart(2, "0");
  if (whole < 10) return (Math.floor(Math.max(0, s) * 10) / 10).toFixed(1) + " s";
  if (whole < 60) return whole + " s";
  if (whole < 3600) return Math.floor(whole / 60) + "m" + two(whole % 60) + "s";
  if (whole < 86400) return Math.floor(whole / 3600) + "h" + two(Math.floor(whole / 60) % 60) + "m";
  return Math.floor(whole / 86400) + "d" + two(Math.floor(whole / 3600) % 24) + "h";
}

// Elements. Children are elements or text, never markup; absent ones are left out.
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const at = (id) => document.getElementById(id);
const shape = (tone) => h("span", { class: "shape " + tone, "aria-hidden": "true" }, SHAPES[tone]);

// Makes an element look like another one by as few changes as that takes, so that a selection and the focus stay.
function patch(old, fresh) {
  if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  show(old, ...fresh.childNodes);
}

function show(parent, ...children) {
  const old = [...parent.childNodes];
  children = children.map((child) => typeof child === "string" ? document.createTextNode(child) : child);
  children.forEach((child, index) => index < old.length ? patch(old[index], child) : parent.append(child));
  old.slice(children.length).forEach((child) => child.remove());
}

// An axis from -edge to edge: linear, or where sizes differ much logarithmic on both sides of zero.
function axis(edge, least, most) {
  const isLog = least > 0 && edge > 25 * least;
  const unit = least / 3;
  const place = isLog
    ? (value) => Math.asinh(value / unit) / Math.asinh(edge / unit)
    : (value) => value / edge;
  let steps = [];
  if (isLog) {
    const [low, high] = [Math.ceil(Math.log10(least)), Math.floor(Math.log10(edge))];
    const every = Math.ceil((high - low + 1) / most);
    for (let power = high; power >= low; power -= every) steps.push(10 ** power);
  } else {
    const size = 10 ** Math.floor(Math.log10(edge));
    const step = [0.2, 0.5, 1, 2, 5].map((n) => n * size).find((n) => edge / n < 3.5);
    for (let n = 1; n * step <= edge * 1.001; n++) steps.push(n * step);
  }
  return { isLog, edge, place: (value) => Math.max(-1, Math.min(1, place(value))), ticks: [...steps.map((n) => -n), 0, ...steps] };
}
const tick = (value) => value === 0 ? "0" : seconds(value).replace(/\.0+ /, " ").replace(/(\.\d*?)0+ /, "$1 ");

// How much of the past is shown, in ms.
function shownRange() {
  const minutes = points.length ? Math.ceil((performance.now() - points[0].t) / 60_000) : 0;
  return chosen ?? Math.min(10, Math.max(1, minutes)) * 60_000;
}

// The course of offset and bound.
function drawCourse() {
  const range = shownRange();
  show(at("ranges"), ...RANGES.map(([name, ms]) => h("button", { type: "button", "aria-pressed": String(ms === range) }, name)));
  const svg = at("course"), width = svg.clientWidth || 320, height = svg.clientHeight || 272, now = performance.now();
  const [left, right, top, bottom] = [58, width - 4, 8, height - 52];
  const x = (t) => right - (now - t) / range * (right - left);
  const shown = points.filter((point) => point.t >= now - range);
  const bounds = shown.map((point) => point.bound).filter((bound) => bound !== null).sort((a, b) => a - b);
  const sizes = shown.flatMap((point) => [point.bound, point.offset]).filter((n) => n !== null).map(Math.abs);
  const edge = Math.max(...sizes, 1e-9) * 1.08;
  const scale = axis(edge, bounds.length ? bounds[Math.floor(bounds.length / 10)] : 0, 4);
  const y = (value) => (top + bottom) / 2 - scale.place(value) * (bottom - top) / 2;

  const nodes = [s("defs", {},
    s("pattern", { id: "gap", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      s("path", { class: "gap-line", d: "M0 0V8" })),
    s("pattern", { id: "doubtful", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      s("path", { class: "over", d: "M0 0V6" })),
    s("pattern", { id: "bad", width: 6, height: 6, patternUnits: "userSpaceOnUse" },
      s("path", { class: "over", d: "M0 0V6M0 3H6" })))];
  for (const value of scale.ticks) {
    const line = y(value).toFixed(1);
    nodes.push(s("path", { class: value === 0 ? "zero" : "grid", d: `M${left} ${line}H${right}` }),
      s("text", { x: left - 5, y: +line + 4, "text-anchor": "end" }, tick(value)));
  }

  // Unbroken stretches, and what lies between them.
  const stretches = [], gaps = [];
  let before = null;
  for (const point of shown) {
    const isBroken = before === null || point.t - before.t > GAP_MS || point.run !== before.run;
    if (isBroken) {
      stretches.push([]);
      const from = before === null ? now - range : before.t;
      if (point.t - from > 1500) gaps.push([from, point.t]);
    }
    stretches.at(-1).push(point);
    before = point;
  }
  const end = before === null ? now - range : before.t;
  if (now - end > GAP_MS || before === null) gaps.push([end, now]);
  for (const [from, to] of gaps) {
    const [a, b] = [Math.max(left, x(from)), x(to)];
    nodes.push(s("rect", { class: "gap", x: a.toFixed(1), y: top, width: Math.max(0, b - a).toFixed(1), height: bottom - top, fill: "url(#gap)" }));
  }
  for (const stretch of stretches) nodes.push(...drawStretch(stretch, x, y, Math.max(1, GAP_MS / range * (right - left))));

  const limit = last && last.answer.clock.lock_limit_s;
  if (limit && limit <= edge) {
    nodes.push(s("path", { class: "limit", d: [-limit, limit].map((n) => `M${left} ${y(n).toFixed(1)}H${right}`).join("") }),
      s("text", { x: left + 4, y: y(limit) - 4 }, "limit " + seconds(limit)));
  }
  // The states, as a strip with their words.
  for (let index = 0; index < stretches.length; index++) {
    for (const { from, to, state } of runs(stretches[index])) {
      const [a, b] = [x(from), Math.max(x(to), x(from) + 2)];
      const box = { x: a.toFixed(1), y: bottom + 6, width: (b - a).toFixed(1), height: 9 };
      const tone = STATES[state] ?? "bad";
      nodes.push(s("rect", { class: "strip " + tone, ...box }));
      if (tone !== "good") nodes.push(s("rect", { ...box, fill: `url(#${tone})` }));
      if (b - a > state.length * 7.5) nodes.push(s("text", { x: ((a + b) / 2).toFixed(1), y: bottom + 27, "text-anchor": "middle" }, state));
    }
  }
  const middle = (left + right) / 2, past = (ms) => "-" + span(ms / 1000).replace(/m00s$/, " min").replace(/h00m$/, " h");
  nodes.push(s("text", { x: left, y: height - 6 }, past(range)),
    s("text", { x: middle, y: height - 6, "text-anchor": "middle" }, past(range / 2) + (scale.isLog ? " (logarithmic)" : "")),
    s("text", { x: right, y: height - 6, "text-anchor": "end" }, "now"));

  const read = cursor === null ? null : nearest(shown, cursor);
  if (read) nodes.push(s("path", { class: "cursor", d: `M${x(read.t).toFixed(1)} ${top}V${bottom}` }));
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  show(svg, ...nodes);
  show(at("readout"), describe(read, shown, now));
}

// A point for each pixel: of the bound the greatest, of the offset both extremes.
function drawStretch(stretch, x, y, most) {
  const columns = [];
  for (const point of stretch) {
    const place = Math.round(x(point.t));
    if (columns.at(-1)?.place !== place) columns.push({ place, bound: null, low: null, high: null });
    const column = columns.at(-1);
    if (point.bound !== null) column.bound = Math.max(column.bound ?? 0, point.bound);
    if (point.offset !== null) {
      column.low = Math.min(column.low ?? Infinity, point.offset);
      column.high = Math.max(column.high ?? -Infinity, point.offset);
    }
  }
  const nodes = [];
  for (const part of parts(columns, (column) => column.bound !== null)) {
    const upper = part.map((c) => `${c.place} ${y(c.bound).toFixed(1)}`), lower = part.map((c) => `${c.place} ${y(-c.bound).toFixed(1)}`);
    if (part.length === 1) upper.push(`${part[0].place + 1} ${y(part[0].bound).toFixed(1)}`);
    nodes.push(s("path", { class: "band", d: `M${upper.join("L")}L${lower.reverse().join("L")}Z` }));
  }
  for (const part of parts(columns, (column) => column.low !== null)) {
    const line = part.flatMap((c) => c.low === c.high ? [`${c.place} ${y(c.low).toFixed(1)}`]
      : [`${c.place} ${y(c.low).toFixed(1)}`, `${c.place} ${y(c.high).toFixed(1)}`]);
    if (line.length === 1) line.push(`${part[0].place + 1} ${y(part[0].low).toFixed(1)}`);
    nodes.push(s("path", { class: "offset", d: `M${line.join("L")}` }));
  }
  return nodes;
}

// The longest pieces of a list whose members all are so.
function parts(list, isSo) {
  const all = [[]];
  for (const member of list) isSo(member) ? all.at(-1).push(member) : all.push([]);
  return all.filter((part) => part.length > 0);
}

function runs(stretch) {
  const all = [];
  for (const { t, state } of stretch) {
    if (all.at(-1)?.state === state) all.at(-1).to = t;
    else {
      if (all.length) all.at(-1).to = t;
      all.push({ from: t, to: t, state });
    }
  }
  return all;
}

const nearest = (list, t) =>
  list.reduce((best, point) => best === null || Math.abs(point.t - t) < Math.abs(best.t - t) ? point : best, null);

function describe(point, shown, now) {
  if (point) {
    const figure = (name, value) => value === null ? `no ${name}` : `${name} ${seconds(value)}`;
    return `${span((now - point.t) / 1000)} ago: ${figure("measured offset", point.offset)}, ${figure("bound", point.bound)}, ${point.state}`;
  }
  const bounds = shown.map((p) => p.bound).filter((b) => b !== null), offsets = shown.map((p) => p.offset).filter((o) => o !== null);
  if (!bounds.length || !offsets.length) return "Nothing is known yet.";
  return `Offset ${seconds(Math.min(...offsets))} to ${seconds(Math.max(...offsets))}, bound ${seconds(Math.min(...bounds))} to ${seconds(Math.max(...bounds))}.`;
}

// The sources: their intervals on one axis, our clock in the middle.
function drawSources({ sources, words }) {
  const box = at("sources");
  box.parentElement.hidden = sources.length === 0;
  if (sources.length === 0) return;
  const measured = sources.filter((source) => source.offset_s !== null && source.distance_s !== null);
  const ends = measured.flatMap(({ offset_s, distance_s }) => [offset_s - distance_s, offset_s + distance_s]).map(Math.abs);
  const least = Math.min(...measured.map((source) => source.distance_s));
  const scale = axis(Math.max(...ends, 1e-9) * 1.08, least, box.clientWidth < 480 ? 2 : 4);
  const percent = (value) => 50 + scale.place(value) * 49;
  const label = (value) => s("text", { x: percent(value) + "%", y: 12, "text-anchor": "middle" }, tick(value));
  const rows = sources.map((source, index) => {
    const said = words.sources[index];
    return h("div", { class: "source" },
      h("p", {}, shape(said.tone), h("b", { class: said.tone }, said.word), " ", said.name),
      measured.includes(source) ? interval(source, said, scale, percent) : null,
      said.figures ? h("p", { class: "figures" }, said.figures) : null,
      said.remarks.map((remark) => h("p", { class: "remarks" }, remark)));
  });
  const note = scale.isLog ? "What our clock is ahead by each source (logarithmic)" : "What our clock is ahead by each source";
  show(box, ...(measured.length ? [h("p", { class: "remarks" }, note), s("svg", { class: "axis", "aria-hidden": "true" }, scale.ticks.map(label))] : []), ...rows);
}

function interval({ offset_s, distance_s }, said, scale, percent) {
  const [low, high, middle] = [offset_s - distance_s, offset_s + distance_s, offset_s].map(percent);
  const width = Math.max(0.7, high - low);
  return s("svg", { class: "axis " + said.tone, role: "img", "aria-label": said.figures },
    scale.ticks.map((value) => s("line", { class: value === 0 ? "zero" : "grid", x1: percent(value) + "%", x2: percent(value) + "%", y1: 0, y2: "100%" })),
    s("rect", { class: "interval " + said.word, x: Math.min(low, 99.3 - width) + "%", y: 5, width: width + "%", height: 8, rx: 3 }),
    s("svg", { x: middle + "%", overflow: "visible" }, s("path", { class: "mark", d: MARKS[said.word] ?? "M0 1V17" })));
}

// The tree: nodes with their depths, as nested lists.
function drawTree({ words }) {
  const root = h("ul", {}), lists = [root];
  for (const node of words.tree) {
    while (lists.length <= node.depth) {
      const parent = lists.at(-1).lastChild ?? lists.at(-1).appendChild(h("li", {}));
      lists.push(parent.appendChild(h("ul", {})));
    }
    lists.length = node.depth + 1;
    lists.at(-1).append(h("li", {},
      h("p", {}, shape(node.tone), h("b", { class: node.tone }, node.name)),
      h("p", { class: "figures" }, node.about),
      node.figures.map((line) => h("p", { class: "figures" }, line)),
      node.remarks.map((line) => h("p", { class: "remarks" }, line))));
  }
  show(at("tree"), root);
}

function drawClock({ clock, words }) {
  const rows = [];
  if (words.bound) rows.push(h("p", {}, "bound " + words.bound));
  if (clock.bound_parts) {
    const named = Object.entries(clock.bound_parts).filter(([, part]) => part > 0).sort((a, b) => b[1] - a[1]);
    const sum = named.reduce((sum, [, part]) => sum + part, 0);
    rows.push(h("div", { class: "parts" }, named.flatMap(([name, part]) => {
      const share = part / sum * 100;
      return [h("span", { class: "name" }, name.replace(/_s$/, "")), h("span", {}, seconds(part)),
        s("svg", { class: "bar", "aria-hidden": "true" }, s("rect", { class: "rest", width: "100%", height: "100%" }),
          s("rect", { width: share.toFixed(1) + "%", height: "100%" })),
        h("span", {}, (share < 9.95 ? share.toFixed(1) : share.toFixed(0)) + "%")];
    })));
  }
  rows.push(...words.clock.map((line) => h("p", { class: "figures" }, line)));
  rows.push(...words.truth.map((line) => h("p", { class: "figures" },
    line.tone === "faint" ? null : shape(line.tone), line.text)));
  show(at("clock"), ...rows);
}

function drawClients({ ntp_server }) {
  const box = at("clients"), clients = ntp_server?.busiest ?? [];
  box.parentElement.hidden = clients.length === 0;
  if (clients.length === 0) return;
  const heads = ["client", "requests", "too many", "each", "heard", "version"];
  show(box, h("p", { class: "figures" }, `${ntp_server.clients} remembered; those who ask most:`), h("table", {},
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, clients.map((client) => h("tr", {},
      h("td", {}, client.address), h("td", {}, String(client.requests)), h("td", {}, String(client.limited)),
      h("td", {}, client.interval_s === null ? "-" : seconds(client.interval_s)),
      h("td", {}, span(client.last_age_s) + " ago"), h("td", {}, String(client.version)))))));
}

function drawEvents() {
  const tones = { error: "bad", warn: "doubtful" };
  const today = last.answer.generated_at.slice(0, 10);
  const hidden = Math.max(0, events.length - EVENTS_SHOWN);
  at("more").hidden = hidden === 0;
  show(at("more"), showsAll ? "Show fewer" : `Show ${hidden} more`);
  const items = events.slice(showsAll ? 0 : -EVENTS_SHOWN).reverse().map((event) => {
    const tone = tones[event.level] ?? "faint";
    const time = event.at.slice(0, 10) === today ? event.at.slice(11, 19) : event.at.slice(0, 19).replace("T", " ");
    const fields = Object.entries(event.fields).map(([name, value]) => `${name}=${value}`).join(" ");
    return h("li", {}, shape(tone), h("time", { datetime: event.at, class: "faint" }, time + "Z"), " ",
      h("b", { class: tone }, event.level), ` ${event.topic}: ${event.text} `, h("span", { class: "faint" }, fields));
  });
  show(at("events"), ...(items.length ? items : [h("li", { class: "faint" }, "Nothing has happened yet.")]));
}

// What must be seen at once. The word is a live region: it changes with the state alone.
function drawState() {
  const now = performance.now(), isAway = awaySince !== null;
  const words = last?.answer.words;
  const tone = isAway || !words ? "away" : words.tone;
  const state = isAway ? "NO ANSWER" : words ? last.answer.state : "asking";
  at("state").className = "card " + tone;
  document.body.dataset.state = state;
  show(at("word"), shape(tone), h("span", {}, state));
  document.title = last ? `${state} ${last.answer.host}` : state;
  if (isAway) {
    const since = `The daemon has not answered for ${span((now - awaySince) / 1000)}.`;
    show(at("headline"), since + (words ? " What it said last, all of it old: " + words.headline : ""));
  } else if (words) {
    show(at("headline"), words.headline);
  }
  if (!words) return;
  show(at("host"), "on " + last.answer.host);
  show(at("about"), words.about + (isAway ? `, ${span((now - last.t) / 1000)} ago` : ""));
  show(at("troubles"), ...words.troubles.map((trouble) => h("li", {}, shape(trouble.tone), trouble.text)));
}

function draw() {
  drawState();
  drawCourse();
  if (last === null || awaySince !== null) return;
  drawSources(last.answer);
  drawTree(last.answer);
  drawClock(last.answer);
  drawClients(last.answer);
  drawEvents();
}

async function ask(what) {
  const answer = await fetch(what, { cache: "no-store", credentials: "omit", redirect: "error", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) throw new Error(`${what}: ${answer.status}`);
  return answer.json();
}

// What the daemon remembers takes the place of what we have of that time; what is older stays.
async function fetchHistory(run) {
  const told = (await ask("history.json")).points, now = performance.now();
  const fresh = told.map(([age, offset, bound, state]) => ({ t: now - age * 1000, offset, bound, state, run }));
  const first = fresh.length ? fresh[0].t : now;
  points = points.filter((point) => point.t < first - 500).concat(fresh);
}

async function poll() {
  try {
    const answer = await ask("page.json"), t = performance.now();
    const before = points.at(-1), run = `${answer.pid} ${Math.round((t - answer.uptime_s * 1000) / 5000)}`;
    const isAnother = last !== null && (answer.pid !== last.answer.pid || answer.uptime_s < last.answer.uptime_s);
    const jump = Date.now() - performance.now() - skew;
    if (Math.abs(jump) > 5000) {
      // This machine slept, or its clock was set: how old our points are is not known.
      skew += jump;
      points = [];
    }
    if (isAnother) events = [];
    const runNow = isAnother || !before ? run : before.run;
    if (!before || isAnother || points.length === 0 || t - before.t > 2500) await fetchHistory(runNow);
    // In other states the last offset that was measured is old.
    const offset = MEASURING.includes(answer.state) ? answer.clock.offset_from_master_s : null;
    points.push({ t: Math.max(t, points.at(-1)?.t ?? 0), offset, bound: answer.clock.bound_s, state: answer.state, run: runNow });
    points = points.slice(-POINTS_MAX);
    const next = events.length ? events.at(-1).number + 1 : Math.max(1, answer.event_count - EVENTS_MAX + 1);
    if (answer.event_count >= next) events = events.concat((await ask(`events.json?from=${next}`)).events).slice(-EVENTS_MAX);
    last = { answer, t };
    awaySince = null;
  } catch (error) {
    awaySince ??= last?.t ?? performance.now();
  }
  draw();
}

// One question after the other, and none while nobody looks.
let timer = null;
async function goOn() {
  clearTimeout(timer);
  timer = null;
  const start = performance.now();
  if (!document.hidden) await poll();
  const isLongAway = awaySince !== null && performance.now() - awaySince > LONG_AWAY_MS;
  const pause = (isLongAway ? SLOW_POLL_MS : POLL_MS) - (performance.now() - start);
  timer = setTimeout(goOn, Math.max(100, pause));
}

at("ranges").addEventListener("click", (event) => {
  const index = [...at("ranges").children].indexOf(event.target);
  if (index >= 0) chosen = RANGES[index][1];
  drawCourse();
});
at("more").addEventListener("click", () => {
  showsAll = !showsAll;
  drawEvents();
});
at("course").addEventListener("pointermove", (event) => {
  const box = at("course").getBoundingClientRect();
  const share = (box.width - 4 - (event.clientX - box.left)) / (box.width - 62);
  cursor = performance.now() - Math.min(1, Math.max(0, share)) * shownRange();
  drawCourse();
});
at("course").addEventListener("pointerleave", () => { cursor = null; drawCourse(); });
at("course").addEventListener("blur", () => { cursor = null; drawCourse(); });
at("course").addEventListener("keydown", (event) => {
  const range = shownRange(), step = { ArrowLeft: -range / 60, ArrowRight: range / 60 }[event.key];
  if (!step) return;
  event.preventDefault();
  const now = performance.now();
  cursor = Math.min(now, Math.max(now - range, (cursor ?? now) + step));
  drawCourse();
});
new ResizeObserver(draw).observe(at("course"));
document.addEventListener("visibilitychange", () => { if (!document.hidden && timer !== null) goOn(); });
goOn();

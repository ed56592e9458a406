/* Layers with masks, connected as the reader likes: what the last one may depend on, and by which way. */
"use strict";

const find = (id) => document.getElementById(id);
const range = (count) => [...Array(count).keys()];
const SIZES = [2, 3, 4, 6, 8, 10, 12, 16];
const MOST = 6;

/* Which input j output i of a layer may read. `own` is drawn by the reader. */
const MASKS = {
  causal: ["causal attention", (i, j) => j <= i],
  pointwise: ["position by position", (i, j) => j === i],
  window: ["window of 3", (i, j) => j <= i && i - j < 3],
  back: ["shift by one, back", (i, j) => j === i - 1],
  ahead: ["shift by one, ahead", (i, j) => j === i + 1],
  blocks: ["blocks of 4", (i, j) => Math.floor(i / 4) === Math.floor(j / 4)],
  all: ["everything: mean, FFT", () => true],
  reversed: ["reversed", (i, j, n) => j === n - 1 - i],
};
const CONTRACTS = {
  causal: ["causal: j ≤ i", (i, j) => j <= i],
  strict: ["strictly causal: j < i", (i, j) => j < i],
  window: ["window of 4", (i, j) => j <= i && i - j < 4],
  blocks: ["blocks of 4", (i, j) => Math.floor(i / 4) === Math.floor(j / 4)],
};
const layer = (kind, reads, adds = null) => ({ kind, reads, adds, cells: null });
const PRESETS = {
  transformer: { n: 8, contract: "causal", layers: [layer("causal", 0, 0), layer("pointwise", 1, 1), layer("causal", 2, 2)] },
  window: { n: 8, contract: "window", layers: [layer("window", 0), layer("window", 1)] },
  convolution: { n: 8, contract: "causal", layers: [layer("causal", 0), layer("all", 1, 1)] },
  shift: { n: 8, contract: "causal", layers: [layer("ahead", 0), layer("back", 1), layer("causal", 2, 0)] },
};

let choice = PRESETS.transformer;
let shown = null;

/* ---- what may depend on what ------------------------------------------------------------------------------------- */

const matrix = (n, at) => range(n).map((i) => range(n).map((j) => at(i, j, n)));
const maskOf = ({ kind, cells }, n) => (kind === "own" ? cells : matrix(n, MASKS[kind][1]));

/* Node 0 is the input; layer k is node k, reads an earlier node through its mask, and may add an earlier node. */
function compute({ n, contract, layers }) {
  const masks = layers.map((one) => maskOf(one, n));
  const seen = [matrix(n, (i, j) => i === j)];
  layers.forEach(({ reads, adds }, k) => {
    const through = (i, j) => range(n).some((m) => masks[k][i][m] && seen[reads][m][j]);
    seen.push(matrix(n, (i, j) => through(i, j) || (adds !== null && seen[adds][i][j])));
  });
  const allowed = matrix(n, CONTRACTS[contract][1]);
  const whole = seen.at(-1);
  const leaks = range(n).flatMap((i) => range(n).filter((j) => whole[i][j] && !allowed[i][j]).map((j) => [i, j]));
  return { n, masks, seen, allowed, whole, leaks };
}

/* A way from input j to position i of the node: [node, position], the last one first. */
function way(node, i, j) {
  if (node === 0) return [[0, i]];
  const { reads, adds } = choice.layers[node - 1];
  if (adds !== null && shown.seen[adds][i][j]) return [[node, i], ...way(adds, i, j)];
  const m = range(shown.n).find((m) => shown.masks[node - 1][i][m] && shown.seen[reads][m][j]);
  return [[node, i], ...way(reads, m, j)];
}

const told = (steps) =>
  steps.map(([node, position]) => (node === 0 ? `input ${position}` : `layer ${node} at ${position}`)).join(" ← ");

function sentence(i, j) {
  const { whole, allowed, seen } = shown;
  if (!whole[i][j]) return `output ${i} cannot see input ${j}`;
  return `output ${i} may see input ${j}${allowed[i][j] ? "" : ": a leak"}: ${told(way(seen.length - 1, i, j))}`;
}

function verdict() {
  const { leaks, n } = shown;
  const held = CONTRACTS[choice.contract][0];
  if (!leaks.length) return ["holds", `holds (${held}): no output can see what it must not, at n = ${n}, whatever the weights`];
  const count = leaks.length === 1 ? "1 pair" : `${leaks.length} pairs`;
  return ["leaks", `may leak (${held}): ${sentence(...leaks[0])} (${count} in all, at n = ${n})`];
}

/* ---- what the reader chose --------------------------------------------------------------------------------------- */

function set(changes) {
  const next = { ...choice, ...changes };
  next.layers = next.layers.map((one, k) => ({
    ...one,
    reads: Math.min(one.reads, k),
    adds: one.adds === null ? null : Math.min(one.adds, k),
    cells: one.kind === "own" ? matrix(next.n, (i, j) => Boolean(one.cells?.[i]?.[j])) : null,
  }));
  choice = next;
  show();
}

const change = (k, changes) => set({ layers: choice.layers.map((one, at) => (at === k ? { ...one, ...changes } : one)) });

function toggle(k, i, j) {
  const cells = maskOf(choice.layers[k], choice.n).map((row) => [...row]);
  cells[i][j] = !cells[i][j];
  change(k, { kind: "own", cells });
}

/* An own mask as hexadecimal, a digit for each four cells, row after row. */
const packed = (cells) => {
  const bits = cells.flat().map(Number);
  return range(Math.ceil(bits.length / 4)).map((at) => parseInt(bits.slice(4 * at, 4 * at + 4).join("").padEnd(4, "0"), 2).toString(16)).join("");
};
const unpacked = (text, n) => {
  const bits = [...text].flatMap((digit) => [...parseInt(digit, 16).toString(2).padStart(4, "0")].map(Number));
  return matrix(n, (i, j) => bits[n * i + j] === 1);
};

function toAddress() {
  const layers = choice.layers.map(({ kind, reads, adds, cells }) => [kind, reads, adds ?? "-", cells ? packed(cells) : ""].join("."));
  history.replaceState(null, "", `#${new URLSearchParams({ n: choice.n, contract: choice.contract, layers: layers.join("_") })}`);
}

function fromAddress() {
  const given = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const n = SIZES.includes(Number(given.n)) ? Number(given.n) : choice.n;
  const layers = (given.layers ?? "").split("_").slice(0, MOST).map((text, k) => {
    const [kind, reads, adds, cells] = text.split(".");
    const node = (word) => (/^\d$/.test(word ?? "") ? Math.min(Number(word), k) : null);
    const own = kind === "own" && /^[0-9a-f]*$/.test(cells ?? "");
    if (!own && !(kind in MASKS)) return null;
    return { kind, reads: node(reads) ?? k, adds: node(adds), cells: own ? unpacked(cells ?? "", n) : null };
  });
  const whole = layers.length > 0 && !layers.includes(null);
  return { n, contract: given.contract in CONTRACTS ? given.contract : choice.contract, layers: whole ? layers : choice.layers };
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

const nodeName = (node) => (node === 0 ? "the input" : `layer ${node}`);

function options(select, entries, value) {
  select.replaceChildren(...entries.map(([key, text]) => new Option(text, key, false, String(key) === String(value))));
}

function labelled(text, element) {
  const label = document.createElement("label");
  label.append(text, element);
  return label;
}

/* Made anew only when their number changes, so that the keyboard's focus stays where it is. */
function makeLayers() {
  const frame = find("layers");
  while (frame.children.length > choice.layers.length) frame.lastChild.remove();
  while (frame.children.length < choice.layers.length) {
    const k = frame.children.length;
    const group = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = `Layer ${k + 1}`;
    const make = (tag, name) => Object.assign(document.createElement(tag), { id: `${name}-${k + 1}` });
    const [kind, reads, adds] = ["kind", "reads", "adds"].map((name) => make("select", name));
    const [canvas, output, remove] = [make("canvas", "mask"), make("output", "cell"), make("button", "remove")];
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    output.setAttribute("aria-live", "polite");
    Object.assign(remove, { type: "button", textContent: `Remove layer ${k + 1}` });
    kind.addEventListener("change", () => change(k, { kind: kind.value, cells: kind.value === "own" ? maskOf(choice.layers[k], choice.n) : null }));
    reads.addEventListener("change", () => change(k, { reads: Number(reads.value) }));
    adds.addEventListener("change", () => change(k, { adds: adds.value === "" ? null : Number(adds.value) }));
    remove.addEventListener("click", () => removeLayer(k));
    group.append(legend, labelled("mask", kind), labelled("reads", reads), labelled("adds", adds), canvas, output, remove);
    frame.append(group);
  }
}

/* What read a removed layer reads what it read. */
function removeLayer(k) {
  const gone = k + 1;
  const instead = choice.layers[k].reads;
  const renamed = (node) => (node === null ? null : node === gone ? instead : node > gone ? node - 1 : node);
  set({ layers: choice.layers.filter((_, at) => at !== k).map((one) => ({ ...one, reads: renamed(one.reads), adds: renamed(one.adds) })) });
}

function showLayers() {
  makeLayers();
  const { n, masks } = shown;
  choice.layers.forEach((one, k) => {
    const earlier = range(k + 1).map((node) => [node, nodeName(node)]);
    options(find(`kind-${k + 1}`), [...Object.entries(MASKS).map(([key, [text]]) => [key, text]), ["own", "your own"]], one.kind);
    options(find(`reads-${k + 1}`), earlier, one.reads);
    options(find(`adds-${k + 1}`), [["", "nothing"], ...earlier], one.adds ?? "");
    find(`remove-${k + 1}`).disabled = choice.layers.length === 1;
    const canvas = find(`mask-${k + 1}`);
    canvas.setAttribute("aria-label", `Mask of layer ${k + 1}, ${n} by ${n}: arrow keys move, Space allows or forbids a cell`);
    const read = (i, j) => `output ${i} ${masks[k][i][j] ? "reads" : "does not read"} position ${j} of ${nodeName(one.reads)}`;
    draw(canvas, n, n, (i, j) => colour(masks[k][i][j] ? "--blue" : "--blank"), read, find(`cell-${k + 1}`), (i, j) => {
      toggle(k, i, j);
      find(`cell-${k + 1}`).textContent = `output ${i} ${shown.masks[k][i][j] ? "reads" : "does not read"} position ${j} of ${nodeName(one.reads)}`;
    });
  });
}

function showWhole() {
  const { n, whole, allowed } = shown;
  const canvas = find("whole");
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", `What the whole may depend on, ${n} by ${n}; arrow keys read cells out`);
  const at = (i, j) => colour(whole[i][j] ? (allowed[i][j] ? "--blue" : "--red") : allowed[i][j] ? "--pale-blue" : "--blank");
  const read = (i, j) => {
    showPaths(i, j);
    return sentence(i, j);
  };
  draw(canvas, n, n, at, read, find("whole-cell"));
}

/* Every position of every node a dot; the way from input j to output i in full. */
function showPaths(i, j) {
  const { n, whole, seen, leaks } = shown;
  const svg = find("paths");
  const [width, height, side] = [Math.max(svg.clientWidth, 240), 260, 24];
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const x = (node) => side + (node * (width - 2 * side)) / (seen.length - 1);
  const y = (position) => 16 + (position * (height - 46)) / (n - 1);
  const steps = whole[i][j] ? way(seen.length - 1, i, j) : [];
  const leak = leaks.some(([a, b]) => a === i && b === j);
  svg.setAttribute("aria-label", steps.length ? `The way ${told(steps)}` : `No way from input ${j} to output ${i}`);
  const parts = [];
  steps.slice(1).forEach(([node, position], at) => {
    const [later, place] = steps[at];
    parts.push(shape("line", { x1: x(node), y1: y(position), x2: x(later), y2: y(place), class: leak ? "leak" : "way" }));
  });
  for (const node of range(seen.length)) {
    for (const position of range(n)) {
      const on = steps.some(([a, b]) => a === node && b === position);
      parts.push(shape("circle", { cx: x(node), cy: y(position), r: on ? 6 : 3.5, class: on ? (leak ? "leak" : "way") : "idle" }));
    }
    parts.push(shape("text", { x: x(node), y: height - 8, "text-anchor": "middle" }, node === 0 ? "input" : node));
  }
  svg.replaceChildren(...parts);
}

function python() {
  const { n, masks } = shown;
  const rows = (mask) => mask.map((row) => `"${row.map(Number).join("")}"`).join(", ");
  const layers = choice.layers.map(({ reads, adds }, k) => `    (${reads}, ${adds === null ? "None" : adds}, [${rows(masks[k])}]),`);
  const allowed = shown.allowed.map((row) => `"${row.map(Number).join("")}"`).join(", ");
  return [
    "import numpy as np",
    "",
    "def mask(rows):",
    "    return np.array([[cell == '1' for cell in row] for row in rows])",
    "",
    "layers = [  # what each reads, what it adds, its mask",
    ...layers,
    "]",
    `seen = [np.eye(${n}, dtype=bool)]  # of node 0, the input`,
    "for reads, adds, rows in layers:",
    "    through = (mask(rows).astype(int) @ seen[reads].astype(int)) > 0",
    "    seen.append(through if adds is None else through | seen[adds])",
    `allowed = mask([${allowed}])`,
    "leaks = np.argwhere(seen[-1] & ~allowed)",
    'print("holds" if len(leaks) == 0 else f"may leak: output {leaks[0][0]} may see input {leaks[0][1]}, {len(leaks)} in all")',
  ].join("\n");
}

function show() {
  shown = compute(choice);
  const [kind, text] = verdict();
  find("verdict").className = kind;
  if (find("verdict").textContent !== text) find("verdict").textContent = text;
  options(find("n"), SIZES.map((n) => [n, n]), choice.n);
  options(find("contract"), Object.entries(CONTRACTS).map(([key, [name]]) => [key, name]), choice.contract);
  find("add").disabled = choice.layers.length === MOST;
  showLayers();
  showWhole();
  showPaths(...(shown.leaks[0] ?? [choice.n - 1, 0]));
  find("python").textContent = python();
  toAddress();
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

find("n").addEventListener("change", (event) => set({ n: Number(event.target.value) }));
find("contract").addEventListener("change", (event) => set({ contract: event.target.value }));
find("add").addEventListener("click", () => set({ layers: [...choice.layers, layer("pointwise", choice.layers.length)] }));
for (const button of document.querySelectorAll("[data-preset]")) {
  button.addEventListener("click", () => set(PRESETS[button.dataset.preset]));
}
find("copy").addEventListener("click", async () => {
  const done = await navigator.clipboard?.writeText(find("python").textContent).then(() => true, () => false);
  if (!done) getSelection().selectAllChildren(find("python"));
  find("copy").textContent = done ? "Copied" : "Selected: copy it now";
  setTimeout(() => (find("copy").textContent = "Copy as Python"), 1500);
});
addEventListener("resize", () => showPaths(...(shown.leaks[0] ?? [choice.n - 1, 0])));
addEventListener("hashchange", () => set(fromAddress()));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);

/* For the tests: everything that is shown. */
window.numbers = () => ({ ...shown, choice, sentence: find("verdict").textContent, python: find("python").textContent });

set(fromAddress());

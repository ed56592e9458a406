/* The page: what the reader chose, in; pictures, out. All mathematics is in arithmetic.js. */
"use strict";

const { range, digitCaps, scrambled, operator } = arithmetic;
const find = (id) => document.getElementById(id);
const ORDERS = { 2: [2, 3, 4, 5, 6], 3: [2, 3], 4: [2, 3], 5: [2], 6: [2], 7: [2], 8: [2] };
const FILTERS = {
  ones: () => 1,
  shift: (index) => (index === 1 ? 1 : 0),
  ramp: (index) => index + 1,
  random: (index, q) => scrambled(7, 0, 0, index, q),
};

let choice = { b: 4, p: 2, terms: "ends", seed: 0, bounds: null, filter: "ones", own: "1, 1" };
let shown = null;

/* ---- what the reader chose -------------------------------------------------------------------------------------- */

const digitsOnly = (b, p) => range(p).map(() => range(b));
const signalLength = (b, p) => Math.max(Math.floor(b ** p / 2), 1);

function preset(name) {
  const { b, p } = choice;
  const caps = digitCaps(b, p, signalLength(b, p));
  if (name === "fourier") return { ...choice, terms: "ends", bounds: digitsOnly(b, p) };
  if (name === "random") return { ...choice, terms: "all", bounds: caps };
  const bounds = choice.terms === "ends" ? digitsOnly(b, p) : caps;
  bounds[0][0] = caps[0][0] + 1;
  return { ...choice, bounds };
}

const words = (text) => text.split(/[\s,;]+/).filter(Boolean);

/* What cannot be a coefficient, in the reader's own words. */
const refused = (text) => words(text).filter((word) => !/^-?\d+$/.test(word));

/* Modulo q before they are numbers: a coefficient may have any number of digits. */
function ownFilter(q) {
  return words(choice.own).map((word) => Number(BigInt(word) % BigInt(q)));
}

function setOwn(text) {
  const wrong = refused(text);
  find("own").setAttribute("aria-invalid", wrong.length > 0);
  find("own-refused").textContent = wrong.length ? `expected whole numbers, got ${wrong.join(", ")}; the filter stays as it was` : "";
  if (!wrong.length) set({ filter: "own", own: text });
}

function filterOf(n, q) {
  const own = choice.filter === "own" ? ownFilter(q) : [];
  return range(n).map((index) => {
    const value = choice.filter === "own" ? (own[index] ?? 0) : FILTERS[choice.filter](index, q);
    return ((value % q) + q) % q;
  });
}

function set(changes) {
  choice = { ...choice, ...changes };
  if (!ORDERS[choice.b].includes(choice.p)) choice.p = ORDERS[choice.b][0];
  const shape = choice.bounds && [choice.bounds.length, choice.bounds[0].length];
  if (!shape || shape[0] !== choice.p || shape[1] !== choice.b) choice = preset(choice.terms === "ends" ? "fourier" : "random");
  choice.bounds = choice.bounds.map((stage, k) => stage.map((d, a) => Math.min(Math.max(d, a), choice.b ** (k + 1) - 1)));
  show();
}

function setBound(k, digit, degree) {
  set({ bounds: choice.bounds.map((stage, s) => stage.map((d, a) => (s === k && a === digit ? degree : d))) });
}

/* The choice lives in the address, so that a lecturer can share a picture. */
function toAddress() {
  const address = { ...choice, bounds: choice.bounds.map((stage) => stage.join(".")).join("_") };
  history.replaceState(null, "", `#${new URLSearchParams(address)}`);
}

function fromAddress() {
  const given = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const whole = (word, otherwise) => (/^\d{1,6}$/.test(word ?? "") ? Number(word) : otherwise);
  const bounds = given.bounds?.split("_").map((stage) => stage.split(".").map((d) => whole(d, 0)));
  const known = (value, allowed, otherwise) => (allowed.includes(value) ? value : otherwise);
  return {
    b: known(whole(given.b), Object.keys(ORDERS).map(Number), 4),
    p: whole(given.p, 2),
    terms: known(given.terms, ["ends", "all"], "ends"),
    seed: whole(given.seed, 0),
    filter: known(given.filter, [...Object.keys(FILTERS), "own"], "ones"),
    own: refused(given.own ?? ".").length ? "1, 1" : given.own,
    bounds: bounds ?? null,
  };
}

/* ---- pictures --------------------------------------------------------------------------------------------------- */

function hue(value) {
  if (value === 0) return colour("--blank");
  return `hsl(${((360 * shown.F.logarithm[value]) / (shown.q - 1) + 215) % 360} 62% 60%)`;
}

const asPower = (value) => {
  const step = (shown.q - 1) / shown.N;
  const log = shown.F.logarithm[value];
  return value !== 0 && log % step === 0 ? ` = ω^${log / step}` : "";
};

function showDense() {
  const { N, matrix } = shown;
  const canvas = find("dense");
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", `The ${N} by ${N} matrix M; arrow keys read its entries`);
  const read = (i, j) => `M[${i}, ${j}] = ${matrix[i][j]}${asPower(matrix[i][j])}`;
  draw(canvas, N, N, (i, j) => hue(matrix[i][j]), read, find("dense-cell"));
}

function showFactors() {
  const { b, p, N, factors } = shown;
  const frame = find("factors");
  while (frame.children.length > p) frame.lastChild.remove();
  while (frame.children.length < p) {
    const figure = document.createElement("figure");
    figure.append(document.createElement("canvas"), document.createElement("figcaption"));
    frame.append(figure);
  }
  factors.forEach((factor, k) => {
    const [canvas, caption] = frame.children[k].children;
    caption.textContent = `factor ${k}: ${N / b} blocks, ${b} × ${b}`;
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", `Factor ${k}, ${N / b} blocks of ${b} by ${b} along the diagonal; arrow keys read entries`);
    const entry = (i, j) => (Math.floor(i / b) === Math.floor(j / b) ? factor[Math.floor(i / b)][i % b][j % b] : 0);
    const read = (i, j) => {
      const block = Math.floor(i / b);
      if (block !== Math.floor(j / b)) return "outside the blocks";
      return `factor ${k}, block ${block}, row ${i % b}, column ${j % b}: ${entry(i, j)}${asPower(entry(i, j))}`;
    };
    draw(canvas, N, N, (i, j) => hue(entry(i, j)), read, find("factors-cell"));
  });
}

function showMask() {
  const { n, T, applied } = shown;
  const canvas = find("mask");
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", `Which of ${n} outputs see which of ${n} inputs; arrow keys read pairs`);
  const some = (i, j) => T !== null && T[i][j].some((value) => value !== 0);
  const at = (i, j) => {
    if (!some(i, j)) return colour("--blank");
    const strength = applied[i][j] !== 0 ? "" : "pale-";
    return colour(`--${strength}${j > i ? "red" : "blue"}`);
  };
  const read = (i, j) => {
    if (T === null) return "M is singular";
    if (!some(i, j)) return `output ${i} never sees input ${j}`;
    const leak = j > i ? ": a leak" : "";
    if (applied[i][j] !== 0) return `output ${i} sees input ${j} with weight ${applied[i][j]}${leak}`;
    return `output ${i} sees input ${j} through other filters${leak}`;
  };
  draw(canvas, n, n, at, read, find("mask-cell"));
}

function showStaircase() {
  const { N, n, b, p, degrees } = shown;
  const svg = find("staircase");
  const [width, height, left, bottom, top] = [Math.max(svg.clientWidth, 240), 250, 38, 24, 8];
  const highest = Math.max(N, ...degrees.map(([, high]) => high + 1));
  const column = (width - left) / N;
  const y = (exponent) => top + (height - top - bottom) * (1 - exponent / highest);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const over = degrees.filter(([, high], j) => high > (j < n ? n - 1 : N - 1)).length;
  svg.setAttribute("aria-label", `Degrees of ${N} basis polynomials; ${over} exceed their limit`);
  const parts = [];
  degrees.forEach(([low, high], j) => {
    const place = { x: left + j * column + 0.1 * column, width: 0.8 * column };
    const limit = j < n ? n - 1 : N - 1;
    parts.push(shape("rect", { ...place, y: y(high + 1), height: y(low) - y(high + 1), class: high > limit ? "over" : "bar" }));
    parts.push(shape("rect", { ...place, y: top, height: height - top - bottom, class: "grip", "data-column": j }));
  });
  parts.push(shape("line", { x1: left, x2: left + n * column, y1: y(n), y2: y(n) }));
  parts.push(shape("line", { x1: left + n * column, x2: width, y1: y(N), y2: y(N) }));
  parts.push(shape("text", { x: 2, y: y(n) + 4 }, `n − 1`));
  parts.push(shape("text", { x: 2, y: y(N) + 4 }, `N − 1`));
  parts.push(shape("text", { x: 2, y: y(0) }, "0"));
  parts.push(shape("text", { x: left, y: height - 6 }, "column j = 0 …"));
  parts.push(shape("text", { x: width - 2, y: height - 6, "text-anchor": "end" }, `… ${N - 1}`));
  svg.replaceChildren(...parts);
  svg.onpointerdown = (event) => {
    const at = event.target.dataset?.column;
    if (at === undefined) return;
    const j = Number(at);
    svg.setPointerCapture(event.pointerId);
    const drag = (moved) => {
      const box = svg.getBoundingClientRect();
      const exponent = highest * (1 - (((moved.clientY - box.top) / box.height) * height - top) / (height - top - bottom));
      const stride = b ** (p - 1);
      const digit = Math.floor(j / stride);
      const rest = shown.degrees[j][1] - stride * topDegree(0, j);
      setBound(0, digit, Math.max(0, Math.round((exponent - 1 - rest) / stride)));
    };
    svg.onpointermove = drag;
    svg.onpointerup = svg.onpointercancel = () => (svg.onpointermove = null);
    drag(event);
  };
}

const topDegree = (k, j) => shown.coefficients[k][j % shown.b ** (shown.p - k)].findLastIndex((x) => x !== 0);

const stageName = (k, p) => (p === 2 ? ["r, in Y = Zᵇ", "ℓ, in Z"][k] : `stage ${k}`);

function showSliders() {
  const { b, p, caps } = shown;
  const frame = find("sliders");
  if (frame.dataset.shape !== `${b} ${p}`) {
    frame.dataset.shape = `${b} ${p}`;
    frame.replaceChildren(...range(p).map((k) => stageSliders(k, b, p)));
  }
  for (const slider of frame.querySelectorAll("input")) {
    const [k, digit] = [Number(slider.dataset.stage), Number(slider.dataset.digit)];
    const [degree, cap] = [choice.bounds[k][digit], caps[k][digit]];
    const past = degree > cap;
    slider.value = degree;
    slider.className = past ? "past" : "";
    slider.setAttribute("aria-valuetext", `degree ${degree}, ${past ? "past its bound" : "bound"} ${cap}`);
    slider.nextElementSibling.textContent = past ? `${degree} > ${cap}` : `${degree} ≤ ${cap}`;
    slider.nextElementSibling.className = past ? "past" : "";
  }
}

function stageSliders(k, b, p) {
  const group = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = `Degree of ${stageName(k, p)}`;
  group.append(legend);
  for (const digit of range(b)) {
    const label = document.createElement("label");
    const slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: digit, max: b ** (k + 1) - 1, step: 1, id: `degree-${k}-${digit}` });
    Object.assign(slider.dataset, { stage: k, digit });
    slider.addEventListener("input", () => setBound(k, digit, Number(slider.value)));
    label.append(`digit ${digit}`, slider, document.createElement("span"));
    group.append(label);
  }
  return group;
}

function verdict() {
  const { n, q, T, witness } = shown;
  if (T === null) return ["singular", "M is singular: these polynomials do not span, and there is no operator"];
  if (witness === null) return ["causal", `causal (n = ${n}, over F_${q}, exact, by every filter)`];
  const { output: i, input: j, filter, value } = witness;
  const leak = `output ${i} sees input ${j}: T[${i},${j},${filter}] = ${value}`;
  return ["leaks", `not causal: ${leak} (n = ${n}, over F_${q}, exact, by every filter)`];
}

function python() {
  const { b, p, n, q, coefficients, k } = shown;
  const radices = `(${range(p).map(() => b).join(", ")})`;
  const stages = coefficients.map((stage, s) => {
    const shape = [...range(p - s).map(() => b), b ** (s + 1)].join(", ");
    return `    np.array([${stage.flat().join(", ")}]).reshape(${shape}),`;
  });
  return [
    "import numpy as np",
    "from monarch_theory.causality import MonarchOperator, decide",
    "from monarch_theory.domains import PrimeField",
    "from monarch_theory.polynomials import BasisPolynomials, View",
    "",
    "stages = (",
    ...stages,
    ")",
    `M = BasisPolynomials(stages, ${radices}, PrimeField(${q}), View.UNIVARIATE).to_monarch()`,
    `operator = MonarchOperator(M, n=${n})`,
    'print(decide(operator, route="every filter"))',
    `print(operator.matrix([${k.join(", ")}]))`,
  ].join("\n");
}

function show() {
  shown = operator({ ...choice, filter: filterOf });
  const [kind, sentence] = verdict();
  find("verdict").className = kind;
  if (find("verdict").textContent !== sentence) find("verdict").textContent = sentence;
  find("prime").textContent = shown.q;
  find("b").value = choice.b;
  find("p").replaceChildren(...ORDERS[choice.b].map((p) => new Option(p, p, false, p === choice.p)));
  find("terms").value = choice.terms;
  find("filter").value = choice.filter;
  if (document.activeElement !== find("seed")) find("seed").value = choice.seed;
  if (document.activeElement !== find("own")) {
    find("own").value = choice.filter === "own" ? choice.own : shown.k.join(", ");
    find("own-refused").textContent = "";
    find("own").removeAttribute("aria-invalid");
  }
  showStaircase();
  showSliders();
  showMask();
  showDense();
  showFactors();
  find("python").textContent = python();
  toAddress();
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

find("b").replaceChildren(...Object.keys(ORDERS).map((b) => new Option(b, b)));
find("b").addEventListener("change", (event) => set({ b: Number(event.target.value), bounds: null }));
find("p").addEventListener("change", (event) => set({ p: Number(event.target.value), bounds: null }));
find("terms").addEventListener("change", (event) => set({ terms: event.target.value, bounds: null }));
find("seed").addEventListener("input", (event) => set({ seed: Math.min(Math.abs(Math.trunc(event.target.value)) || 0, 9999) }));
find("filter").addEventListener("change", (event) => set({ filter: event.target.value, own: shown.k.join(", ") }));
find("own").addEventListener("input", (event) => setOwn(event.target.value));
for (const button of document.querySelectorAll("[data-preset]")) {
  button.addEventListener("click", () => set(preset(button.dataset.preset)));
}
find("copy").addEventListener("click", async () => {
  const done = await navigator.clipboard?.writeText(find("python").textContent).then(() => true, () => false);
  if (!done) getSelection().selectAllChildren(find("python"));
  find("copy").textContent = done ? "Copied" : "Selected: copy it now";
  setTimeout(() => (find("copy").textContent = "Copy as Python"), 1500);
});
addEventListener("resize", () => showStaircase());
addEventListener("hashchange", () => set(fromAddress()));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);

/* For the tests: every number on the page. */
window.numbers = () => {
  const { F, ...rest } = shown;
  return { ...rest, choice, sentence: find("verdict").textContent, python: find("python").textContent };
};

set(fromAddress());

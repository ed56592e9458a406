/* Matrices as cells on a canvas, which the arrow keys and the pointer read out, and shapes of a drawing. */
"use strict";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/* A matrix on a canvas: `at` gives colours, `read` the sentence for the cell that the arrow keys or the pointer are at;
   `press`, where there is one, is called with the cell that is clicked or on which Space or Enter is pressed. */
function draw(canvas, rows, columns, at, read, output, press = null) {
  const scale = Math.max(1, Math.floor(512 / Math.max(rows, columns)));
  [canvas.width, canvas.height] = [columns * scale, rows * scale];
  const pen = canvas.getContext("2d");
  const gap = scale >= 12 ? Math.max(1, Math.round(scale / 24)) : 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      pen.fillStyle = at(i, j);
      pen.fillRect(j * scale, i * scale, scale - gap, scale - gap);
    }
  }
  const cursor = canvas.cursor && canvas.cursor[0] < rows && canvas.cursor[1] < columns ? canvas.cursor : null;
  canvas.cursor = cursor ?? [0, 0];
  if (cursor && document.activeElement === canvas) {
    pen.strokeStyle = colour("--gold");
    pen.lineWidth = Math.max(2, scale / 8);
    pen.strokeRect(cursor[1] * scale, cursor[0] * scale, scale, scale);
  }
  const move = (i, j) => {
    canvas.cursor = [Math.min(Math.max(i, 0), rows - 1), Math.min(Math.max(j, 0), columns - 1)];
    output.textContent = read(...canvas.cursor);
    draw(canvas, rows, columns, at, read, output, press);
  };
  canvas.onkeydown = (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const pressed = press && (event.key === " " || event.key === "Enter");
    if (!step && !pressed) return;
    event.preventDefault();
    if (pressed) return press(...canvas.cursor);
    move(canvas.cursor[0] + step[0], canvas.cursor[1] + step[1]);
  };
  const cell = (event) => {
    const box = canvas.getBoundingClientRect();
    const i = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const j = Math.floor(((event.clientX - box.left) / box.width) * columns);
    return i >= 0 && j >= 0 && i < rows && j < columns ? [i, j] : null;
  };
  canvas.onpointermove = (event) => {
    const at = cell(event);
    if (at) output.textContent = read(...at);
  };
  canvas.onclick = (event) => {
    const at = press && cell(event);
    if (!at) return;
    canvas.cursor = at;
    press(...at);
  };
  canvas.onfocus = () => move(...canvas.cursor);
  canvas.onblur = () => draw(canvas, rows, columns, at, read, output, press);
}

const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

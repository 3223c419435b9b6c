// The heat map: joints in rows, frames in columns of equal width; feature u is centred on frame u * stride and covers
// half a stride on either side.

const rowHeight = () => parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
const CLEAR = 0.12; // share of the range beyond which a value against the class is struck through

/** Left edge of a feature, as a share of the map's width; edgeOf(U) is the right edge of the map. */
function edgeOf(u) {
  const { T, U, stride } = state.shown;
  if (u === 0) return 0;
  return u === U ? 1 : ((u - 0.5) * stride + 0.5) / T;
}

const centreOf = (frame) => (frame + 0.5) / state.shown.T;

/** The range of the colours: the 99.5th percentile of the map's magnitudes, so that outliers do not pale the rest. */
function limitOf() {
  const { M, U, V } = state.shown;
  const cells = upTo(M).flatMap((m) => upTo(U).flatMap((u) => upTo(V).map((v) => Math.abs(activationAt(m, u, v)))));
  const sizes = Float64Array.from(cells).sort();
  return { limit: sizes[Math.floor(0.995 * (sizes.length - 1))] || 1e-9, largest: sizes[sizes.length - 1] };
}

function drawMap() {
  const { V, T } = state.shown;
  const { limit, largest } = limitOf();
  state.limit = limit;
  const plot = document.querySelector(".plot");
  plot.style.height = `${V * rowHeight()}px`;
  byId("names").replaceChildren(...state.shown.joints.map((name) => element("span", { title: name }, name)));
  const width = plot.clientWidth;
  drawCells(context(byId("cells"), width, V * rowHeight()), width);
  drawFrameSums(width);
  drawJointSums();
  drawAxis(width, T);
  drawLegend(limit, largest);
  drawSight();
}

/** Writes the receptive field of a feature. */
function drawSight() {
  const { T, U, stride, reach, ahead } = state.shown;
  const whole = reach >= T - 1 ? ", which here is the whole window" : "";
  const every = stride === 1 ? "one for each" : `one every ${stride}`;
  const seen = `has seen ${reach} frames before and ${ahead} after`;
  byId("sight").textContent = `A column is a feature; there are ${U} for ${T} frames, ${every}. Each ${seen} its ` +
    `centre${whole}: the line under the map, at the cursor. A row is a joint: ${spreadOf()}.`;
  byId("sight-again").textContent = `A feature ${seen} its moment${whole}, so what it speaks of may have happened ` +
    "earlier or later than its column.";
  byId("spread-again").textContent = `Nor is a row its joint alone: ${spreadOf()}.`;
}

/** Text on the number of joints that a joint's features depend on, after the blocks. */
function spreadOf() {
  const { spread, V } = state.shown;
  const all = spread.findIndex(([least]) => least === V) + 1;
  const blocks = all === spread.length ? `all ${all}` : `${all} of the ${spread.length}`;
  if (all) return `after ${blocks} blocks it has been told of every joint of the body`;
  const [least, most] = spread.at(-1);
  const count = least === most ? least : `${least} to ${most}`;
  return `after all ${spread.length} blocks it has been told of ${count} of the ${V} joints`;
}

function drawCells(pen, width) {
  const { U, V } = state.shown;
  const high = rowHeight();
  const snap = (x) => Math.round(x * devicePixelRatio) / devicePixelRatio; // no seams between cells
  for (let u = 0; u < U; u++) {
    const from = snap(edgeOf(u) * width);
    const wide = snap(edgeOf(u + 1) * width) - from;
    for (let v = 0; v < V; v++) {
      const share = activationAt(state.m, u, v) / state.limit;
      pen.fillStyle = colourOf(share);
      pen.fillRect(from, v * high, wide, high - 1);
      if (share < -CLEAR) {
        pen.fillStyle = css(colours.strike, 0.75);
        pen.fillRect(from, (v + 0.5) * high - 1, wide, 1);
      }
    }
  }
  hatch(pen, width, V * high);
}

/** Runs of padding, as [first frame, frame after the last]. */
function paddings() {
  const runs = [];
  state.shown.frames.forEach((raw, frame) => {
    if (raw >= 0) return;
    if (runs.length && runs.at(-1)[1] === frame) runs.at(-1)[1] = frame + 1;
    else runs.push([frame, frame + 1]);
  });
  return runs;
}

function hatch(pen, width, height) {
  pen.strokeStyle = css(colours.soft, 0.55);
  pen.lineWidth = 1;
  for (const [first, after] of paddings()) {
    const [from, to] = [first, after].map((frame) => (frame / state.shown.T) * width);
    pen.save();
    pen.beginPath();
    pen.rect(from, 0, to - from, height);
    pen.clip();
    pen.beginPath();
    for (let x = from - height; x < to; x += 9) {
      pen.moveTo(x, height);
      pen.lineTo(x + height, 0);
    }
    pen.stroke();
    pen.strokeRect(from + 0.5, 0, 0, height);
    pen.restore();
  }
}

/** Draws the cursor and the chosen row, and writes the text of the cell where they cross. */
function drawCursor() {
  const { T, U, V, stride, reach, ahead, joints } = state.shown;
  byId("cursor").style.left = `${100 * centreOf(state.frame)}%`;
  byId("row").style.top = `${state.v * rowHeight()}px`;
  [...byId("names").children].forEach((name, v) => name.classList.toggle("chosen", v === state.v));
  const u = featureAt(state.frame);
  const [from, to] = [u * stride - reach, u * stride + ahead + 1].map((frame) => (100 * clamp(frame, 0, T)) / T);
  byId("reach").style.left = `${from}%`;
  byId("reach").style.width = `${to - from}%`;
  byId("cell").textContent = `${joints[state.v]}, frame ${state.frame} (${sourceText(state.frame)}): ` +
    signed(activationAt(state.m, u, state.v));
  const [moment, joint] = [added([state.m], [u], upTo(V)), added([state.m], upTo(U), [state.v])];
  byId("cell-parts").textContent = `this moment adds ${signed(moment, 3)}, this joint ${signed(joint, 3)}`;
}

/** Text with the source frame of a frame of the window. */
function sourceText(frame) {
  const raw = state.shown.frames[frame];
  return raw < 0 ? "padding" : `frame ${raw} as given`;
}

/** The row and the frame at the pointer of an event; the present row if the pointer is above the rows. */
function placeAt(event) {
  const box = document.querySelector(".plot").getBoundingClientRect();
  const { T, V } = state.shown;
  const row = Math.floor((event.clientY - box.top) / rowHeight());
  const frame = clamp(Math.floor(((event.clientX - box.left) / box.width) * T), 0, T - 1);
  return { v: row < 0 ? state.v : Math.min(row, V - 1), frame, x: event.clientX - box.left, y: event.clientY - box.top };
}

/** Moves the cursor; while the clip plays, a pointer without a pressed button only shows the tip. */
function pointAt(event) {
  const pointer = `${event.clientX} ${event.clientY}`;
  if (event.type === "pointermove" && pointer === state.pointer) return; // the page moved, not the pointer
  state.pointer = pointer;
  const place = placeAt(event);
  if (!state.playing || event.buttons) {
    pause();
    Object.assign(state, { pointed: true, v: place.v });
    showFrame(place.frame);
  }
  showTip(place);
}

function showTip({ v, frame, x, y }) {
  const tip = byId("tip");
  const width = document.querySelector(".plot").clientWidth;
  tip.hidden = false;
  tip.textContent = `${state.shown.joints[v]}\nframe ${frame}\n${signed(activationAt(state.m, featureAt(frame), v))}`;
  const right = x + tip.offsetWidth + 14 > width;
  tip.style.left = `${right ? Math.max(x - tip.offsetWidth - 12, 0) : x + 12}px`;
  tip.style.top = `${y - tip.offsetHeight - 10}px`;
}

function moveRow(step) {
  state.pointed = true;
  state.v = clamp(state.v + step, 0, state.shown.V - 1);
  drawFrame();
}

function listenToMap() {
  for (const area of document.querySelectorAll(".plot, .times")) {
    area.addEventListener("pointermove", pointAt);
    area.addEventListener("pointerdown", pointAt);
    area.addEventListener("pointerleave", () => (byId("tip").hidden = true));
  }
  new ResizeObserver(() => { drawMap(); drawFrame(); }).observe(document.querySelector(".plot"));
}

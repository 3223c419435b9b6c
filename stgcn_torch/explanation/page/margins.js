// The margins of the heat map: sums over joints and over frames, the axis of time, the colours' legend.

/** Bars on both sides of zero; `put` draws a bar from its index, start and end. Returns the position of zero. */
function drawSums(pen, values, length, put) {
  const low = Math.min(0, ...values);
  const high = Math.max(low + 1e-12, ...values);
  const at = (value) => ((value - low) / (high - low)) * length;
  values.forEach((value, i) => {
    pen.fillStyle = css(value < 0 ? colours.against : colours.for);
    put(i, at(Math.min(value, 0)), at(Math.max(value, 0)));
  });
  pen.fillStyle = css(colours.soft);
  return clamp(at(0), 0, length - 1);
}

function drawFrameSums(width) {
  const { U, V } = state.shown;
  const height = 46;
  const pen = context(byId("frame-sums"), width, height);
  const values = upTo(U).map((u) => added([state.m], [u], upTo(V)));
  const zero = drawSums(pen, values, height, (u, from, to) => {
    const left = edgeOf(u) * width;
    const wide = edgeOf(u + 1) * width - left;
    pen.fillRect(left, height - to, wide > 3 ? wide - 1 : wide, to - from);
  });
  pen.fillRect(0, height - zero - 1, width, 1);
}

function drawJointSums() {
  const { U, V } = state.shown;
  const canvas = byId("joint-sums");
  const [width, height] = [canvas.parentElement.clientWidth, V * rowHeight()];
  const pen = context(canvas, width, height);
  const values = upTo(V).map((v) => added([state.m], upTo(U), [v]));
  const zero = drawSums(pen, values, width, (v, from, to) => {
    pen.fillRect(from, v * rowHeight() + 4, to - from, rowHeight() - 9);
  });
  pen.fillRect(zero, 0, 1, height);
}

const STEPS = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000]; // between ticks, in frames

function drawAxis(width, T) {
  const step = STEPS.find((step) => (step / T) * width >= 52) ?? T;
  const mark = (share, text) => {
    const label = element("span", {}, text);
    label.style.left = `${100 * share}%`;
    return label;
  };
  const runs = paddings();
  const clear = (share) => runs.every(([first, after]) => Math.abs((first + after) / 2 / T - share) * width > 50);
  const ticks = upTo(Math.ceil(T / step)).map((i) => i * step).filter((frame) => clear(centreOf(frame)));
  const labels = runs.filter(([first, after]) => ((after - first) / T) * width > 55);
  byId("axis").replaceChildren(
    element("div", { class: "reach", id: "reach" }),
    ...ticks.map((frame) => mark(centreOf(frame), frame)),
    ...labels.map(([first, after]) => mark((first + after) / 2 / T, "padding")),
  );
}

function drawLegend(limit, largest) {
  const canvas = byId("scale");
  const [width, height] = [160, 16];
  const pen = context(canvas, width, height);
  for (let x = 0; x < width; x++) {
    const share = (2 * (x + 0.5)) / width - 1;
    pen.fillStyle = colourOf(share);
    pen.fillRect(x, 0, 1, height);
    pen.fillStyle = css(colours.strike, 0.75);
    if (share < -CLEAR) pen.fillRect(x, height / 2 - 1, 1, 1);
  }
  byId("hatched").hidden = !paddings().length;
  const beyond = largest > limit * 1.001;
  const [lower, higher] = state.other < 0 ? ["lowers it", "raises it"] : ["for the other", "for the chosen"];
  byId("least").textContent = `${lower} ${beyond ? "≤ " : ""}${signed(-limit)}`;
  byId("most").textContent = `${beyond ? "≥ " : ""}${signed(limit)} ${higher}`;
}

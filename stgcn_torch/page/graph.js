// The learned graph: an edge is a wedge, thick where a joint gives and pointed at the joint that takes from it.

const GRAPH = { width: 400, height: 430, edge: 26, widest: 13, aside: 3.2 };
const MOST_CHANGED = 8;

function fillGraphMenus() {
  const option = (value, text) => element("option", { value }, text);
  byId("block").replaceChildren(...state.shown.importance.map((_, b) => option(b, b + 1)));
  byId("partition").replaceChildren(option("all", "all"), ...upTo(state.shown.P).map((k) => option(k, k + 1)));
}

/** The places of the joints in the picture. */
function standing() {
  const { pose } = state.shown;
  const [xs, ys] = [0, 1].map((axis) => pose.map((place) => place[axis]));
  const middle = (values) => (Math.min(...values) + Math.max(...values)) / 2;
  const size = (values) => Math.max(Math.max(...values) - Math.min(...values), 1e-9);
  // Wider than life: across the body joints lie closer than along it.
  const [wide, high] = [(GRAPH.width - 2 * GRAPH.edge) / size(xs), (GRAPH.height - 2 * GRAPH.edge) / size(ys)];
  const across = Math.min(wide, 1.5 * high);
  return pose.map(([x, y]) => [
    GRAPH.width / 2 + across * (x - middle(xs)),
    GRAPH.height / 2 - Math.min(high, 1.5 * wide) * (y - middle(ys)),
  ]);
}

/** Two edges of a pair of joints keep to their right, as on a road. */
function wedge([x0, y0], [x1, y1], wide) {
  const long = Math.hypot(x1 - x0, y1 - y0) || 1;
  const [dx, dy] = [(x1 - x0) / long, (y1 - y0) / long];
  const [nx, ny] = [-dy, dx];
  const at = (along, across) => `${x0 + dx * along + nx * (GRAPH.aside + across)},${y0 + dy * along + ny * (GRAPH.aside + across)}`;
  const start = Math.min(3, long / 4);
  return [at(start, wide), at(start, 0), at(long - start, 0), at(long - start, Math.min(wide, 0.8))].join(" ");
}

function drawGraph() {
  const { edges, weights, importance, joints } = state.shown;
  const [b, k, measure] = [Number(byId("block").value), byId("partition").value, byId("measure").value];
  const factors = importance[b];
  const shown = upTo(edges.length).filter((e) => k === "all" || edges[e][0] === Number(k));
  const values = factors.map((factor, e) => (measure === "weight" ? factor * weights[e] : factor));
  const most = Math.max(...shown.map((e) => Math.abs(values[e])), 1e-9);
  const places = standing();
  const drawn = shown.map((e) => {
    const [, v, w] = edges[e];
    const size = Math.abs(values[e]) / most;
    const kind = measure === "importance" ? (values[e] < 1 ? "edge less" : "edge") : values[e] < 0 ? "edge less" : "edge plain";
    const made = v === w
      ? shape("circle", { cx: places[v][0], cy: places[v][1], r: 3.5 + 7 * size })
      : shape("polygon", { points: wedge(places[v], places[w], GRAPH.widest * size) });
    set(made, { class: kind, "data-edge": e });
    made.append(shape("title", {}, `${edgeName(e)}: ${values[e].toFixed(3)}`));
    return made;
  });
  const dots = places.map(([x, y], v) => shape("circle", { class: "place", cx: x, cy: y, r: 2.5 }, shape("title", {}, joints[v])));
  const graph = byId("graph");
  graph.setAttribute("viewBox", `0 0 ${GRAPH.width} ${GRAPH.height}`);
  graph.replaceChildren(...drawn.sort((a, b) => (a.tagName === "circle" ? -1 : 0) - (b.tagName === "circle" ? -1 : 0)), ...dots, ...sides());
  byId("graph-note").textContent = `${graphNote(measure)} The widest is ${most.toFixed(2)}. A wedge leads from the joint that gives to the ` +
    "joint that takes; a disc is a joint’s weight for itself.";
  drawChanged(b, factors);
}

/** The body faces the viewer, so its right is on the left. */
const sides = () => [["start", 6, "its right"], ["end", GRAPH.width - 6, "its left"]].map(([anchor, x, text]) =>
  shape("text", { class: "side", "text-anchor": anchor, x, y: GRAPH.height - 6 }, text));

const graphNote = (measure) => (measure === "importance"
  ? "Filled: factors of 1 and more; hollow: less than 1."
  : "The adjacency times its factor, which is what the block multiplies by; hollow: below zero.");

function edgeName(e) {
  const [k, v, w] = state.shown.edges[e];
  const { joints, P } = state.shown;
  const partition = P > 1 ? `, partition ${k + 1}` : "";
  return (v === w ? `${joints[v]} itself` : `${joints[v]} → ${joints[w]}`) + partition;
}

function drawChanged(b, factors) {
  const ranked = upTo(factors.length).sort((a, b) => Math.abs(factors[b] - 1) - Math.abs(factors[a] - 1)).slice(0, MOST_CHANGED);
  const unlearned = state.shown.importance.every((block) => block.every((factor) => factor === 1));
  const said = unlearned ? [element("li", {}, "All factors are 1: this network learns none.")] : ranked.map((e) => {
    const item = element("li", { "data-edge": e }, element("b", {}, `× ${factors[e].toFixed(2)} `), edgeName(e));
    const mark = (on) => byId("graph").querySelector(`[data-edge="${e}"]`)?.classList.toggle("marked", on);
    item.addEventListener("pointerenter", () => mark(true));
    item.addEventListener("pointerleave", () => mark(false));
    return item;
  });
  byId("changed").replaceChildren(...said);
}

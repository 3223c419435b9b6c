// The learned graph: an edge is a wedge, thick at its source joint and pointed at its target joint.

const GRAPH = { width: 400, height: 430, edge: 26, widest: 13, aside: 3.2 };
const MOST_CHANGED = 8;

function fillGraphMenus() {
  const option = (value, text) => element("option", { value }, text);
  byId("block").replaceChildren(...state.shown.importance.map((_, b) => option(b, b + 1)));
  byId("partition").replaceChildren(option("all", "all"), ...state.shown.partitions.map((name, k) => option(k, name)));
}

/** Positions of the joints in the picture, stretched sideways, as joints lie closer across a body than along it. */
function standing() {
  const { pose } = state.shown;
  const [xs, ys] = [0, 1].map((axis) => pose.map((place) => place[axis]));
  const middle = (values) => (Math.min(...values) + Math.max(...values)) / 2;
  const size = (values) => Math.max(Math.max(...values) - Math.min(...values), 1e-9);
  const [wide, high] = [(GRAPH.width - 2 * GRAPH.edge) / size(xs), (GRAPH.height - 2 * GRAPH.edge) / size(ys)];
  return pose.map(([x, y]) => [
    GRAPH.width / 2 + Math.min(wide, 1.5 * high) * (x - middle(xs)),
    GRAPH.height / 2 - Math.min(high, 1.5 * wide) * (y - middle(ys)),
  ]);
}

/** The corners of an edge's wedge. The two edges between a pair of joints are shifted to their right, as on a road. */
function wedge([x0, y0], [x1, y1], wide) {
  const long = Math.hypot(x1 - x0, y1 - y0) || 1;
  const [dx, dy] = [(x1 - x0) / long, (y1 - y0) / long];
  const at = (along, across) => [
    x0 + dx * along - dy * (GRAPH.aside + across),
    y0 + dy * along + dx * (GRAPH.aside + across),
  ].join(",");
  const gap = Math.min(3, long / 4);
  return [at(gap, wide), at(gap, 0), at(long - gap, 0), at(long - gap, Math.min(wide, 0.8))].join(" ");
}

function edgeShape(e, places, size, text) {
  const [, v, w] = state.shown.edges[e];
  const node = v === w
    ? shape("circle", { cx: places[v][0], cy: places[v][1], r: 3.5 + 7 * size })
    : shape("polygon", { points: wedge(places[v], places[w], GRAPH.widest * size) });
  node.append(shape("title", {}, `${edgeName(e)}: ${text}`));
  return node;
}

/** The style, filled or hollow: factors are compared with their initial value 1, weights with 0. */
function edgeKind(value, measure) {
  if (value < (measure === "importance" ? 1 : 0)) return "edge less";
  return measure === "importance" ? "edge" : "edge plain";
}

function drawGraph() {
  const { edges, weights, importance, joints } = state.shown;
  const [b, k, measure] = [Number(byId("block").value), byId("partition").value, byId("measure").value];
  const values = importance[b].map((factor, e) => (measure === "weight" ? factor * weights[e] : factor));
  const shown = upTo(edges.length).filter((e) => k === "all" || edges[e][0] === Number(k));
  const most = Math.max(...shown.map((e) => Math.abs(values[e])), 1e-9);
  const places = standing();
  const selfFirst = shown.sort((e, f) => (edges[f][1] === edges[f][2]) - (edges[e][1] === edges[e][2]));
  const drawn = selfFirst.map((e) => {
    const node = edgeShape(e, places, Math.abs(values[e]) / most, values[e].toFixed(3));
    set(node, { class: edgeKind(values[e], measure), "data-edge": e });
    return node;
  });
  const dots = places.map(([cx, cy], v) =>
    shape("circle", { class: "place", cx, cy, r: 2.5 }, shape("title", {}, joints[v])));
  byId("graph").setAttribute("viewBox", `0 0 ${GRAPH.width} ${GRAPH.height}`);
  byId("graph").replaceChildren(...drawn, ...dots, ...sides());
  byId("graph-note").textContent = `${MEASURES[measure]} The widest is ${most.toFixed(2)}. A wedge leads from ` +
    "the joint that gives to the joint that takes; a disc is a joint’s weight for itself.";
  drawChanged(importance[b]);
}

const MEASURES = {
  importance: "Filled: factors of 1 and more; hollow: less than 1.",
  weight: "The adjacency times its factor, which is what the block multiplies by; hollow: below zero.",
};

/** The body faces the viewer, so its right is on the left. */
const sides = () => [["start", 6, "its right"], ["end", GRAPH.width - 6, "its left"]].map(([anchor, x, text]) =>
  shape("text", { class: "side", "text-anchor": anchor, x, y: GRAPH.height - 6 }, text));

function edgeName(e) {
  const { edges, joints, partitions } = state.shown;
  const [k, v, w] = edges[e];
  return (v === w ? `${joints[v]}, itself` : `${joints[v]} → ${joints[w]}, ${partitions[k]}`);
}

function drawChanged(factors) {
  const change = (e) => Math.abs(factors[e] - 1);
  const ranked = upTo(factors.length).sort((e, f) => change(f) - change(e)).slice(0, MOST_CHANGED);
  const learned = state.shown.importance.some((block) => block.some((factor) => factor !== 1));
  byId("changed").replaceChildren(...(learned
    ? ranked.map((e) => changedItem(e, factors[e]))
    : [element("li", {}, "None: all factors of this network are 1.")]));
}

function changedItem(e, factor) {
  const item = element("li", {}, element("b", {}, `× ${factor.toFixed(2)} `), edgeName(e));
  const mark = (on) => byId("graph").querySelector(`[data-edge="${e}"]`)?.classList.toggle("marked", on);
  item.addEventListener("pointerenter", () => mark(true));
  item.addEventListener("pointerleave", () => mark(false));
  return item;
}

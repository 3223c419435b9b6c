// Two opinions on each joint, side by side: its contribution to the logit or to the difference of two logits, and the
// decrease of that value without the joint.

const opinions = () => upTo(state.shown.V).map((v) => ({
  v,
  activation: added([state.m], upTo(state.shown.U), [v]),
  occlusion: occlusionAt(state.m, v),
}));

function drawJoints() {
  const order = byId("order").value;
  const rows = opinions();
  byId("whose").textContent = state.shown.M > 1 ? `Here of ${personName(state.m)}.` : "";
  const ranges = ["activation", "occlusion"].map((name) => [name, rangeOf(rows.map((row) => row[name]))]);
  if (order !== "body") rows.sort((a, b) => b[order] - a[order]);
  byId("joints").replaceChildren(...rows.map((row) => element("tr", { "data-joint": row.v },
    element("th", { scope: "row", title: state.shown.joints[row.v] }, state.shown.joints[row.v]),
    ...ranges.map(([name, range]) => element("td", {}, barOf(row[name], range))),
  )));
}

const rangeOf = (values) => [Math.min(0, ...values), Math.max(0, ...values, 1e-12)];

function barOf(value, [low, high]) {
  const place = (x) => (100 * (x - low)) / (high - low);
  const bar = element("i", value < 0 ? { class: "hollow" } : {});
  bar.style.left = `${place(Math.min(value, 0))}%`;
  bar.style.width = `${place(Math.abs(value) + low)}%`;
  const track = element("div", { "aria-hidden": "true" }, bar);
  track.style.setProperty("--zero", `${place(0)}%`);
  return element("div", { class: "bar-cell" }, track, element("span", {}, signed(value, 3)));
}

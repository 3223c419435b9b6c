// The body at one moment: every person, with joints drawn by activation; beside it the clip as recorded.

const STAGE = { width: 400, height: 400, edge: 14 }; // edge: margin in which a joint at the border is whole
const RADIUS = { least: 3, most: 10 };

/** Shapes for every person, joint and bone of a scene, which `moveStage` moves. */
function buildStage(svg, scene, coloured, enlarged = 1) {
  const { M, V, bones, joints, left } = state.shown;
  const people = upTo(M).map(() => ({
    bones: bones.map(([v, w]) => shape("line", { class: left[v] || left[w] ? "bone left" : "bone" })),
    joints: upTo(V).map((v) => shape("circle", { "data-joint": v }, shape("title", {}, joints[v]))),
  }));
  const empty = shape("text", { class: "empty", x: STAGE.width / 2, y: STAGE.height / 2 });
  svg.setAttribute("viewBox", `0 0 ${STAGE.width} ${STAGE.height}`);
  svg.classList.toggle("turns", scene.D === 3);
  svg.replaceChildren(...people.flatMap((person) => [...person.bones, ...person.joints]), empty);
  return { scene, people, empty, coloured, enlarged, scale: scaleOf(scene) };
}

const scaleOf = (scene) => Math.min(STAGE.width / 2 - STAGE.edge, STAGE.height / 2 - STAGE.edge) / scene.unit;

/** Position of a joint in the picture: null if it is missing; at the border, with `outside`, if it lies beyond. */
function placeOf(stage, m, frame, v) {
  const { points, aside, D } = stage.scene;
  const { T, V } = state.shown;
  const i = ((m * T + frame) * V + v) * D;
  if (points[i] === MISSING) return null;
  const turn = (state.angle * Math.PI) / 180;
  const across = D === 2 ? points[i] : points[i] * Math.cos(turn) - points[i + 2] * Math.sin(turn);
  const x = STAGE.width / 2 + stage.scale * (across + aside[m]);
  const y = STAGE.height / 2 - stage.scale * points[i + 1];
  const innerX = clamp(x, STAGE.edge, STAGE.width - STAGE.edge);
  const innerY = clamp(y, STAGE.edge, STAGE.height - STAGE.edge);
  return { x: innerX, y: innerY, outside: Math.hypot(x - innerX, y - innerY) > 1 };
}

/** Moves a stage's shapes to a frame; returns the number of joints that lie beyond its border. */
function moveStage(stage, frame) {
  let outside = 0;
  let drawn = 0;
  stage.people.forEach((person, m) => {
    const places = person.joints.map((_, v) => placeOf(stage, m, frame, v));
    person.joints.forEach((joint, v) => drawJoint(stage, joint, places[v], m, v));
    person.bones.forEach((bone, b) => drawBone(bone, ...state.shown.bones[b].map((v) => places[v])));
    drawn += places.filter(Boolean).length;
    outside += places.filter((place) => place?.outside).length;
  });
  stage.empty.textContent = drawn ? "" : isPadding(frame) ? "padding: nobody" : "nobody was detected";
  return outside;
}

function drawJoint(stage, joint, place, m, v) {
  joint.style.display = place ? "" : "none";
  if (!place) return;
  const marks = ["joint"];
  if (place.outside) marks.push("outside");
  if (!stage.coloured) {
    set(joint, { class: [...marks, "plain"].join(" "), cx: place.x, cy: place.y, r: RADIUS.least });
    return;
  }
  const share = clamp(activationAt(m, featureAt(state.frame), v) / state.limit, -1, 1);
  if (share < 0) marks.push("hollow");
  if (m === state.m && v === state.v && state.pointed) marks.push("chosen");
  const r = stage.enlarged * (RADIUS.least + (RADIUS.most - RADIUS.least) * Math.abs(share));
  set(joint, { class: marks.join(" "), cx: place.x, cy: place.y, r });
  joint.style.fill = share < 0 ? "" : colourOf(share, 0.35); // small values must differ from the paper too
  joint.style.stroke = share < 0 ? colourOf(share, 0.35) : "";
}

function drawBone(bone, from, to) {
  bone.style.display = from && to ? "" : "none";
  if (!from || !to) return;
  set(bone, { x1: from.x, y1: from.y, x2: to.x, y2: to.y });
  bone.classList.toggle("outside", from.outside || to.outside);
}

let stages = {};
const SMALL = 1.6; // enlargement of joints in the smaller picture beside the map

function buildStages() {
  const { seen, raw } = state.shown;
  stages = {
    seen: buildStage(byId("seen"), seen, true), raw: buildStage(byId("raw"), raw, false),
    beside: buildStage(byId("beside"), seen, true, SMALL),
  };
  byId("turn").hidden = seen.D !== 3 && raw.D !== 3;
}

function drawStages() {
  const frame = state.frame;
  const source = state.shown.frames[frame];
  const notes = { seen: [`frame ${frame} of the window`], raw: source < 0 ? [] : [`frame ${source}`], beside: [] };
  const captions = { seen: byId("seen-note"), raw: byId("raw-note") };
  for (const [name, stage] of Object.entries(stages)) {
    if (stage.scene.aside.some(Boolean)) notes[name].push("each person apart");
    if (stage.scene.follows) notes[name].push("the picture follows the body");
    const outside = moveStage(stage, frame);
    if (outside) notes[name].push(`${outside} beyond the picture, drawn at its border`);
    if (name in captions) captions[name].textContent = notes[name].join(" · ");
  }
}

function turnBy(degrees) {
  state.angle = (state.angle + degrees) % 360;
  drawStages();
}

function listenToStages() {
  for (const button of document.querySelectorAll("[data-turn]")) {
    button.addEventListener("click", () => turnBy(Number(button.dataset.turn)));
  }
  for (const svg of [byId("seen"), byId("raw"), byId("beside")]) {
    svg.addEventListener("pointerdown", (event) => svg.setPointerCapture(event.pointerId));
    svg.addEventListener("pointermove", (event) => {
      if (event.buttons && svg.classList.contains("turns")) turnBy(event.movementX / 2);
    });
  }
}

// The explanations as arrays, and functions for every part of the page. All parts share the scope of this one module.

const MISSING = -32768; // of a coordinate
const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => document.getElementById(id);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** A base64 string's little-endian numbers. */
const numbers = (base64, Type) => new Type(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer);

function decoded(values) {
  const scene = (clip) => clip && { ...clip, points: numbers(clip.points, Int16Array) };
  return {
    ...values,
    activation: numbers(values.activation, Float32Array),
    occlusion: numbers(values.occlusion, Float32Array),
    seen: scene(values.seen),
    raw: scene(values.raw),
  };
}

const explanations = JSON.parse(byId("data").textContent).map(decoded);

// The state of the page. s: index of the chosen class among the explained ones; other: index of the class it is compared
// with (-1: none); against: the selected comparison; m: person of the map; v: joint of the map, which is marked on the
// body after the first pointing at a joint; limit: end of the colours' range.
const state = {
  shown: explanations[0], s: 0, other: -1, against: "strongest", m: 0, v: 0, frame: 0, limit: 1, angle: 0,
  playing: false, request: 0, pointed: false, pointer: "",
};

/** Activation of joint v of person m at feature u for the chosen class, minus that for the other. */
function activationAt(m, u, v) {
  const { M, U, V } = state.shown;
  return compared((s) => state.shown.activation[((s * M + m) * U + u) * V + v]);
}

const occlusionAt = (m, v) => compared((s) => state.shown.occlusion[(s * state.shown.M + m) * state.shown.V + v]);

/** The feature whose centre is nearest to a frame. */
function featureAt(frame) {
  const { U, stride } = state.shown;
  return Math.min(U - 1, Math.floor(frame / stride + 0.5));
}

/** Share of some people, features and joints in the map's mean: their contribution to the logit. */
function added(people, features, joints) {
  const { M, U, V } = state.shown;
  let sum = 0;
  for (const m of people) for (const u of features) for (const v of joints) sum += activationAt(m, u, v);
  return sum / (M * U * V);
}

const upTo = (count) => Array.from({ length: count }, (_, i) => i);
const isPadding = (frame) => state.shown.frames[frame] < 0;

/** An element with text, which is never parsed as HTML: names come from strangers' files. */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function shape(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  set(node, attributes);
  node.append(...children);
  return node;
}

function set(target, attributes) {
  for (const [name, value] of Object.entries(attributes)) target.setAttribute(name, value);
}

/** A number with a true minus sign, and with `plus` before positive ones. */
function signed(value, digits = 2, plus = "+") {
  const text = Math.abs(value).toFixed(digits);
  return (Number(text) === 0 ? "" : value < 0 ? "−" : plus) + text;
}

const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);

// Colours come from the style sheet, so that they are defined once and follow light and dark.

let colours = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  const rgb = (name) => style.getPropertyValue(name).trim().match(/[\da-f]{2}/gi).map((pair) => parseInt(pair, 16));
  const names = ["for", "against", "mid", "strike", "soft"];
  colours = Object.fromEntries(names.map((name) => [name, rgb(`--${name}`)]));
}

const css = (rgb, alpha = 1) => `rgb(${rgb.map(Math.round).join(" ")} / ${alpha})`;

/** The colour of a share in [-1, 1] of the map's range, between the middle colour and that of an end. */
function colourOf(share, least = 0) {
  const part = least + (1 - least) * Math.min(Math.abs(share), 1);
  const end = share < 0 ? colours.against : colours.for;
  return css(colours.mid.map((from, i) => from + part * (end[i] - from)));
}

/** A canvas's context in CSS pixels, cleared, with the resolution of the screen. */
function context(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return pen;
}

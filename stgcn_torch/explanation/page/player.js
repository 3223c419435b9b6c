// Time: the player, the keyboard, and the choice of another clip. The page starts here.

const RATE = 30; // frames per second at a speed of 1; clips have no rate of their own

function drawFrame() {
  drawStages();
  drawCursor();
}

function showFrame(frame) {
  const { T } = state.shown;
  state.frame = clamp(frame, 0, T - 1);
  const slider = byId("frame");
  slider.value = state.frame;
  const range = `frame ${state.frame} (0 to ${T - 1})`;
  slider.setAttribute("aria-valuetext", `${range}, ${sourceText(state.frame)}`);
  byId("moment").textContent = `${range} · ${sourceText(state.frame)}`;
  drawFrame();
}

/** First and last frame of the playback: without padding, unless there is nothing else. */
function livePart() {
  const live = upTo(state.shown.T).filter((frame) => !isPadding(frame));
  return live.length ? [live[0], live.at(-1)] : [0, state.shown.T - 1];
}

function play() {
  const [first, last] = livePart();
  const from = state.frame >= last || state.frame < first ? first : state.frame;
  state.playing = true;
  markPlaying();
  let at = from; // in frames, with fractions
  let before = null;
  const step = (now) => {
    at += before === null ? 0 : ((now - before) / 1000) * RATE * Number(byId("speed").value);
    before = now;
    if (at >= last + 1) at = first;
    if (Math.floor(at) !== state.frame) showFrame(Math.floor(at));
    state.request = requestAnimationFrame(step);
  };
  state.request = requestAnimationFrame(step);
}

function pause() {
  if (!state.playing) return;
  state.playing = false;
  cancelAnimationFrame(state.request);
  markPlaying();
  say(`Paused at frame ${state.frame}`);
}

function markPlaying() {
  const button = byId("play");
  button.setAttribute("aria-pressed", state.playing);
  button.replaceChildren(state.playing ? "❚❚ " : "▶ ", element("span", {}, state.playing ? "Pause" : "Play"));
}

/** Announces a text to screen readers; not used from frame to frame. */
const say = (text) => (byId("status").textContent = text);

function go(frame) {
  pause();
  showFrame(frame);
}

const togglePlaying = () => (state.playing ? pause() : play());

const KEYS = {
  " ": togglePlaying,
  ArrowLeft: (event) => go(state.frame - (event.shiftKey ? 10 : 1)),
  ArrowRight: (event) => go(state.frame + (event.shiftKey ? 10 : 1)),
  Home: () => go(0),
  End: () => go(state.shown.T - 1),
};

const ROWS = { ArrowUp: -1, ArrowDown: 1 }; // on the map, which has rows

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
  if (event.key === " " && event.target.closest("button")) return; // the key presses the button
  if (event.key in ROWS && event.target.closest("#map")) moveRow(ROWS[event.key]);
  else if (/^[1-9]$/.test(event.key)) chooseClass(Number(event.key) - 1);
  else if (event.key in KEYS) KEYS[event.key](event);
  else return;
  event.preventDefault();
  if (event.target.closest("#map")) say(byId("cell").textContent);
}

function choosePerson(m) {
  state.m = m;
  drawMap();
  drawJoints();
  drawFrame();
}

function chooseClip(i) {
  pause();
  const shown = explanations[i];
  Object.assign(state, {
    shown, s: 0, against: "strongest", m: Math.max(shown.present.indexOf(true), 0), v: 0, angle: 0, pointed: false,
  });
  document.title = shown.title;
  byId("title").textContent = shown.title;
  byId("warnings").replaceChildren(...shown.warnings.map((line) => element("li", {}, line)));
  byId("averaged").textContent = shown.averaged;
  byId("occluded").textContent = shown.occluded && `${shown.occluded[0].toUpperCase()}${shown.occluded.slice(1)}.`;
  byId("last-class").textContent = Math.min(shown.S, 9);
  byId("frame").max = shown.T - 1;
  byId("people").hidden = shown.M === 1;
  byId("person").replaceChildren(...upTo(shown.M).map((m) => element("option", { value: m }, personName(m))));
  byId("person").value = state.m;
  byId("preprocessing").replaceChildren(...shown.preprocessing.map((line) => element("li", {}, line)));
  fillGraphMenus();
  compare();
  drawAnswers();
  drawSum();
  drawMap();
  drawJoints();
  drawGraph();
  buildStages();
  showFrame(shown.start);
}

function start() {
  readColours();
  byId("picker").hidden = explanations.length === 1;
  byId("clip").replaceChildren(...explanations.map(({ title }, i) => element("option", { value: i }, title)));
  byId("clip").addEventListener("change", (event) => chooseClip(Number(event.target.value)));
  byId("person").addEventListener("change", (event) => choosePerson(Number(event.target.value)));
  byId("against").addEventListener("change", (event) => chooseOther(event.target.value));
  byId("order").addEventListener("change", drawJoints);
  for (const id of ["block", "partition", "measure"]) byId(id).addEventListener("change", drawGraph);
  byId("play").addEventListener("click", togglePlaying);
  byId("frame").addEventListener("input", (event) => go(Number(event.target.value)));
  document.addEventListener("keydown", onKey);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readColours();
    drawMap();
    drawFrame();
  });
  chooseClip(0);
  listenToStages();
  listenToMap();
}

start();

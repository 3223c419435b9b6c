// The class that the chosen one is compared with. Softmax depends on differences of logits alone: the page therefore
// shows the map of the chosen class minus the map of the other, unless no other class is selected.

/** Index of the strongest other class among the explained ones; -1 if there is none. */
const strongestOther = () => (state.shown.S === 1 ? -1 : state.s === 0 ? 1 : 0);

/** Index of the class that the chosen one is compared with; -1 for no class. */
function otherClass() {
  if (state.against === "none") return -1;
  return state.against === "strongest" || Number(state.against) === state.s ? strongestOther() : Number(state.against);
}

const nameOf = (s) => state.shown.answers[s].name;

/** The value of the chosen class, minus that of the other class. */
function compared(valueOf) {
  return valueOf(state.s) - (state.other < 0 ? 0 : valueOf(state.other));
}

/** Sets `state.other`, which everything else reads, from the choice of classes. */
function compare() {
  state.other = otherClass();
  const strongest = strongestOther();
  const rank = strongest ? "the runner-up" : "the top class";
  const named = strongest < 0 ? [] : [["strongest", `${rank}, ${nameOf(strongest)}`]];
  const others = upTo(state.shown.S).filter((s) => s !== state.s && s !== strongest).map((s) => [s, nameOf(s)]);
  byId("against").replaceChildren(...[...named, ["none", "no other"], ...others].map(([value, text]) =>
    element("option", { value }, text)));
  const choice = [...byId("against").options].find(({ value }) => value === state.against);
  byId("against").value = choice ? state.against : strongest < 0 ? "none" : "strongest";
  writeWords();
}

/** Writes the meaning of a value for the chosen classes. */
function writeWords() {
  const [chosen, other] = [nameOf(state.s), state.other < 0 ? "" : nameOf(state.other)];
  const says = other ? `speaks for ${chosen} rather than ${other}` : `adds to the logit of ${chosen}`;
  byId("asked").textContent = `What ${says}`;
  byId("counts").hidden = Boolean(other);
  byId("filled").textContent = `filled: ${says}`;
  byId("hollow").textContent = other ? `hollow: for ${other} rather than ${chosen}` : "hollow: takes from it";
  const text = other ? `logit of ${chosen} minus that of ${other}` : `logit of ${chosen}`;
  for (const place of document.querySelectorAll(".what")) place.textContent = text;
}

function chooseOther(value) {
  state.against = value;
  showChoice();
}

/** Draws everything that depends on the choice of classes. */
function showChoice() {
  compare();
  drawSum();
  drawMap();
  drawJoints();
  drawFrame();
}

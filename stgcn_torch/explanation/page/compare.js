// Which class the chosen one is compared with. Softmax knows differences of logits alone: what is shown is therefore
// the map of the chosen class minus the map of the other, unless no other is wanted.

/** The place of the strongest other class among those explained; -1 if there is none. */
const strongestOther = () => (state.shown.S === 1 ? -1 : state.s === 0 ? 1 : 0);

/** The place of the class that the chosen one is compared with; -1 if with none. */
function otherClass() {
  if (state.against === "none") return -1;
  return state.against === "strongest" || Number(state.against) === state.s ? strongestOther() : Number(state.against);
}

const nameOf = (s) => state.shown.answers[s].name;

/** Of values for each explained class: the chosen one's, minus the other's. */
function compared(valueOf) {
  return valueOf(state.s) - (state.other < 0 ? 0 : valueOf(state.other));
}

/** Takes up the choice of classes: everything else reads `state.other`. */
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

/** What a value means, in the words of the choice. */
function writeWords() {
  const [chosen, other] = [nameOf(state.s), state.other < 0 ? "" : nameOf(state.other)];
  const says = other ? `speaks for ${chosen} rather than ${other}` : `adds to the logit of ${chosen}`;
  byId("asked").textContent = `What ${says}`;
  byId("counts").hidden = Boolean(other);
  byId("filled").textContent = `filled: ${says}`;
  byId("hollow").textContent = other ? `hollow: for ${other} rather than ${chosen}` : "hollow: takes from it";
  const what = other ? `logit of ${chosen} minus that of ${other}` : `logit of ${chosen}`;
  for (const place of document.querySelectorAll(".what")) place.textContent = what;
}

function chooseOther(value) {
  state.against = value;
  showChoice();
}

/** Draws what depends on the classes. */
function showChoice() {
  compare();
  drawSum();
  drawMap();
  drawJoints();
  drawFrame();
}

// The answer: classes to choose from, and the chosen class's logit as the map's mean plus the bias, or its difference
// from the other class's logit.

function drawAnswers() {
  byId("answers").replaceChildren(...state.shown.answers.map((answer, i) => {
    const share = percent(answer.probability);
    const bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span"));
    bar.firstChild.style.width = `${100 * answer.probability}%`;
    const button = element("button", { type: "button", class: "answer", "aria-pressed": i === state.s },
      element("span", { class: "name" }, answer.name), element("span", { class: "share" }, share), bar);
    if (i >= state.shown.S) set(button, { disabled: "", title: "This class was not explained." });
    button.addEventListener("click", () => chooseClass(i));
    return button;
  }));
}

function drawSum() {
  const { M, U, V, answers } = state.shown;
  const mean = added(upTo(M), upTo(U), upTo(V));
  const [bias, logit] = ["bias", "logit"].map((name) => compared((s) => answers[s][name]));
  const term = (sign, name, value, text = signed(value, 3, "")) => element("div", {},
    element("dt", {}, element("i", {}, sign), name), element("dd", { "data-value": value }, text));
  const { probability } = answers[state.s];
  const terms = state.other < 0
    ? [term("", "mean of the map", mean), term("+", "bias", bias), term("=", "logit", logit),
      term("→", "probability", probability, percent(probability))]
    : [term("", "mean of the maps’ difference", mean), term("+", "difference of the biases", bias),
      term("=", `logit of ${nameOf(state.s)} minus that of ${nameOf(state.other)}`, logit),
      term("→", "times as likely", Math.exp(logit), times(Math.exp(logit)))];
  byId("sum").replaceChildren(...terms);
  byId("parts").textContent = partsOfMean();
}

/** A ratio of probabilities; beyond a thousand its digits say nothing. */
function times(ratio) {
  if (ratio > 1000) return "more than × 1000";
  return ratio < 0.001 ? "less than × 0.001" : `× ${Number(ratio.toPrecision(3))}`;
}

/** The shares of people and of padding in the mean, if there are several people or padding. */
function partsOfMean() {
  const { M, U, V } = state.shown;
  const shares = M === 1 ? [] : upTo(M).map((m) => `${personName(m)} ${signed(added([m], upTo(U), upTo(V)), 3)}`);
  const padding = upTo(U).filter((u) => isPadding(u * state.shown.stride));
  if (padding.length) shares.push(`moments of padding ${signed(added(upTo(M), padding, upTo(V)), 3)}`);
  return shares.length ? `Of the mean: ${shares.join(", ")}.` : "";
}

/** Counted from 0, as in the title and by `predict`. */
const personName = (m) => `person ${m}${state.shown.present[m] ? "" : " (nobody)"}`;

function chooseClass(s) {
  if (s >= state.shown.S) return;
  state.s = s;
  [...byId("answers").children].forEach((button, i) => button.setAttribute("aria-pressed", i === s));
  showChoice();
  const { name, probability } = state.shown.answers[s];
  say(`${name}, ${percent(probability)}${state.other < 0 ? "" : `, compared with ${nameOf(state.other)}`}`);
}

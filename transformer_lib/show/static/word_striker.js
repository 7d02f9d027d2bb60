// --- a classifier of sentences whose words can be struck out ------------------------------------

const LONGEST = 40; // words that are read: the time grows with the square of their number

const cut = (text) =>
  text.toLowerCase().replaceAll("’", "'").replaceAll("''", '"').match(/[a-z]+(?:'[a-z]+)?|\d+|[^\sa-z\d]/g) ?? [];

// How probable it is that a row of ids is praise.
export function praise(weights, config, ids) {
  const logits = linear(weights.head, mean(bertFeatures(weights, config, ids)));
  return softmax(logits)[1];
}

// What the answer loses without each word: above 0 the word speaks for praise.
export function leaveOneOut(weights, config, ids) {
  const whole = praise(weights, config, ids);
  return ids.map((_, i) => whole - praise(weights, config, ids.filter((_, j) => j !== i)));
}

function render({ model, el }) {
  const config = model.get("config");
  const words = new TextDecoder().decode(model.get("words")).split("\n");
  const idOf = new Map(words.map((word, id) => [word, id]));
  const UNKNOWN = 1;
  const weights = unpack(model.get("data"), model.get("contents"));

  let text = [], longer = false, struck = new Set(), waiting, weighing;
  const plain = { spellcheck: "false", autocomplete: "off", autocapitalize: "off" };
  const input = make("input", { type: "text", maxlength: "300", ...plain });
  input.setAttribute("aria-label", "The sentence");
  input.value = model.get("text");
  const sentence = make("div", { class: "tlp-strike", role: "group", "aria-label": "Words to strike out" });
  const scores = bars(2, "What it takes the sentence for");
  const said = make("p", { class: "tlp-said", "aria-live": "polite" });
  const speed = make("p", { class: "tlp-speed" });
  const again = button("All words back", () => (struck.clear(), answer()));

  const id = (word) => idOf.get(word) ?? UNKNOWN;
  const left = () => text.map((_, i) => i).filter((i) => !struck.has(i));

  function read() {
    const all = cut(input.value);
    [text, longer] = [all.slice(0, LONGEST), all.length > LONGEST];
    struck = new Set();
    sentence.replaceChildren(...text.map((word, i) => {
      const part = button(word, () => strike(i), { "aria-pressed": "false" });
      if (!idOf.has(word)) part.classList.add("unknown");
      part.setAttribute("data-lm-suppress-shortcuts", "true");
      return part;
    }));
    answer();
  }

  function strike(i) {
    if (!struck.delete(i)) struck.add(i);
    answer();
  }

  // What it takes the sentence for is shown at once; what each word does to that, a moment later.
  function answer() {
    const begun = performance.now(), places = left();
    clearTimeout(weighing);
    again.disabled = !struck.size;
    [...sentence.children].forEach((part, i) => {
      part.setAttribute("aria-pressed", struck.has(i));
      part.removeAttribute("data-for");
      part.style.removeProperty("--weight");
      part.title = "";
    });
    speed.textContent = "";
    if (!places.length) {
      scores.draw([]);
      said.textContent = text.length ? "No word is left." : "Write a few words.";
      return;
    }
    const ids = places.map((i) => id(text[i])), chance = praise(weights, config, ids);
    scores.draw([{ name: "praise", value: chance, marked: chance >= 0.5 },
                 { name: "blame", value: 1 - chance, marked: chance < 0.5 }]);
    weighing = setTimeout(() => {
      weigh(ids, places, chance);
      speed.textContent = `${(performance.now() - begun).toFixed(0)} ms`;
    });
  }

  function weigh(ids, places, chance) {
    const effects = ids.length > 1 ? leaveOneOut(weights, config, ids) : [];
    effects.forEach((effect, n) => {
      const part = sentence.children[places[n]];
      part.style.setProperty("--weight", Math.min(1, Math.abs(effect)).toFixed(3));
      part.setAttribute("data-for", effect >= 0 ? "praise" : "blame");
      part.title = `without it: praise ${(chance - effect).toFixed(2)}`;
    });
    said.textContent = strongest(effects, places, chance);
  }

  // The word whose absence moves the score most, in a sentence.
  function strongest(effects, places, chance) {
    const unknown = places.filter((i) => !idOf.has(text[i])).length;
    const more = (unknown ? ` ${unknown} of its words it does not know.` : "") +
      (longer ? ` It reads the first ${LONGEST} words.` : "");
    if (!effects.length) return `Praise ${chance.toFixed(2)}.${more}`;
    const size = effects.map(Math.abs), n = size.indexOf(Math.max(...size));
    if (size[n] < 0.005) return `Praise ${chance.toFixed(2)}. No single word moves it.${more}`;
    return `Praise ${chance.toFixed(2)}. Without “${text[places[n]]}” it would be ` +
      `${(chance - effects[n]).toFixed(2)}: no other word moves it more.${more}`;
  }

  input.addEventListener("input", () => (clearTimeout(waiting), (waiting = setTimeout(read, 150))));
  el.replaceChildren(frame("Words to strike out", model.get("caption"),
    make("div", { class: "tlp-prompt" }, make("label", {}, "Sentence", " "), input),
    sentence, scores.list, said, rowOf(again), speed));
  read();
  return () => [waiting, weighing].forEach(clearTimeout);
}

export default { render };

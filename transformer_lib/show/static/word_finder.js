// --- a BERT that says which word it expects, and which words are names ---------------------------

const SHOWN = 7; // guesses
const LONGEST = 60; // words that are read: the time grows with their number
const shelf = (globalThis.tlWeights ??= new Map()); // widgets of one page share their weights

const cut = (text) => text.toLowerCase().match(/[a-z’'-]+|[^\sa-z]/g) ?? [];

function render({ model, el }) {
  const config = model.get("config");
  const words = new TextDecoder().decode(model.get("words")).split("\n");
  const idOf = new Map(words.map((word, id) => [word, id]));
  const [, UNKNOWN, MASK] = [0, 1, 2];
  const probe = model.get("probe"); // d_model weights and a bias: is it a name?
  const name = model.get("shelf"), weights = () => shelf.get(name);
  // In the book its own weights may come after it (widgets.js); until then it shows its first answer.
  const take = () => {
    const data = model.get("data");
    if (data?.byteLength && !weights()) shelf.set(name, unpack(data, model.get("contents")));
  };
  const first = model.get("first");
  take();

  let text = [], hidden = model.get("hidden"), waiting;
  const plain = { spellcheck: "false", autocomplete: "off", autocapitalize: "off" };
  const input = make("input", { type: "text", maxlength: "400", ...plain });
  input.value = model.get("text");
  const verse = make("div", { class: "tlp-verse", role: "group" });
  verse.setAttribute("aria-label", probe.length ? "The words that were read" : "Words to hide");
  const guesses = bars(SHOWN, "What it expects there");
  const said = make("p", { class: "tlp-said", "aria-live": "polite" });
  const speed = make("p", { class: "tlp-speed" });

  const idsOf = (row) => row.map((word) => idOf.get(word) ?? UNKNOWN);
  const known = (word) => idOf.has(word);

  function read() {
    text = cut(input.value).slice(0, LONGEST);
    hidden = Math.max(0, Math.min(hidden, text.length - 1));
    verse.replaceChildren(...text.map((word, i) => {
      const attributes = probe.length ? {} : { "aria-pressed": i === hidden };
      const part = probe.length ? make("span", {}, word) : button(word, () => hide(i), attributes);
      if (!known(word)) part.classList.add("unknown");
      part.setAttribute("data-lm-suppress-shortcuts", "true");
      return part;
    }));
    answer();
  }

  function hide(i) {
    hidden = i;
    [...verse.children].forEach((part, j) => part.setAttribute("aria-pressed", j === i));
    verse.children[i].focus();
    answer();
  }

  function answer() {
    const begun = performance.now();
    const isFirst = input.value === model.get("text") && hidden === model.get("hidden");
    if (!weights() && first.guesses && isFirst) tell(first);
    else if (!weights() && first.guesses) said.textContent = "Its weights are on their way.";
    else if (!weights()) said.textContent = "Its weights come with the first model of this page: run that.";
    else if (!text.length) (guesses.draw([]), (said.textContent = "Write a few words."));
    else if (probe.length) findNames();
    else expect();
    speed.textContent = weights() ? `${(performance.now() - begun).toFixed(0)} ms` : "";
  }

  // Hide one word, and show what might stand there.
  function expect() {
    const ids = idsOf(text);
    ids[hidden] = MASK;
    const features = bertFeatures(weights(), config, ids)[hidden];
    const chances = softmax(hiddenWord(weights(), config, features));
    const order = [...chances.keys()].sort((a, b) => chances[b] - chances[a]);
    const id = idOf.get(text[hidden]), place = order.indexOf(id) + 1;
    const best = order.slice(0, SHOWN).map((id) => [words[id], chances[id]]);
    tell({ guesses: best, place, chance: chances[id] });
  }

  function tell({ guesses: best, place, chance }) {
    guesses.draw(best.map(([name, value]) => ({ name, value, marked: name === text[hidden] })));
    said.textContent = place === 0
      ? `“${text[hidden]}” is not in its vocabulary, so it cannot be expected.`
      : `Behind the mask stands “${text[hidden]}”: number ${place} of what it expects, ` +
        `with probability ${chance.toFixed(2)}.`;
  }

  // Ask of every word whether it is a name.
  function findNames() {
    const bias = probe[probe.length - 1], found = [];
    bertFeatures(weights(), config, idsOf(text)).forEach((x, i) => {
      const score = x.reduce((sum, value, j) => sum + value * probe[j], bias);
      const chance = 1 / (1 + Math.exp(-score));
      verse.children[i].style.setProperty("--weight", chance.toFixed(3));
      verse.children[i].title = `a name: ${chance.toFixed(2)}`;
      if (chance >= 0.5) found.push(`${text[i]} (${chance.toFixed(2)})`);
    });
    const unknown = text.filter((word) => !known(word)).length;
    said.textContent = `Names: ${found.join(", ") || "none"}. ` +
      `${unknown} of the ${text.length} words are unknown to it.`;
  }

  input.addEventListener("input", () => (clearTimeout(waiting), (waiting = setTimeout(read, 150))));
  el.replaceChildren(frame(probe.length ? "Name finder" : "Cloze", model.get("caption"),
    make("div", { class: "tlp-prompt" }, make("label", {}, "Verse", " "), input),
    verse, said, ...(probe.length ? [] : [guesses.list]), speed));
  input.setAttribute("aria-label", "The verse");
  read();
  model.on("change:data", () => (take(), answer()));
  const late = weights() ? 0 : setInterval(() => weights() && (clearInterval(late), read()), 300);
  return () => (clearTimeout(waiting), clearInterval(late));
}

export default { render };

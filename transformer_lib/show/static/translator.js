// --- a translator: the reader's own sentence, and where each written piece looked ------------------

const SHOWN = 5; // source pieces in the list
const LONGEST = 60; // pieces that are read
const SPECIAL = 3; // the ids in front of the pieces

function render({ model, el }) {
  const config = model.get("config"), table = bytePairs(model.get("merges"));
  const weights = unpack(model.get("data"), model.get("contents"));
  let source = [], written = [], chosen = 0, waiting;
  const input = make("input", { type: "text", maxlength: "300", spellcheck: "false" });
  input.value = model.get("text");
  input.setAttribute("aria-label", "The sentence");
  const result = make("p", { class: "tlp-result", "aria-live": "polite" });
  const read = make("div", { class: "tlp-verse", role: "group", "aria-label": "Pieces that were read" });
  const wrote = make("div", { class: "tlp-verse", role: "group", "aria-label": "Pieces that were written" });
  const looks = bars(SHOWN, "Where it looked");
  const said = make("p", { class: "tlp-said", "aria-live": "polite" });
  const speed = make("p", { class: "tlp-speed" });
  const layers = config.num_decoder_layers;
  let layer = layers - 1;

  function translate() {
    const begun = performance.now();
    source = cutText(input.value.trim(), table).slice(0, LONGEST);
    if (!input.value.trim()) source = [];
    const ids = source.map((id) => id + SPECIAL);
    written = ids.length ? translateGreedily(weights, config, ids, 2 * ids.length + 10) : [];
    const text = textOf(written.filter(({ id }) => id >= SPECIAL).map(({ id }) => id - SPECIAL), table);
    result.textContent = ids.length ? text.trim() : "Write a sentence.";
    read.replaceChildren(...source.map((id) => make("span", {}, pieceName(id, table))));
    wrote.replaceChildren(...written.map(({ id }, i) => {
      const part = button(pieceName(id - SPECIAL, table), () => choose(i));
      part.setAttribute("data-lm-suppress-shortcuts", "true");
      part.addEventListener("pointerenter", () => choose(i));
      part.addEventListener("focus", () => choose(i));
      return part;
    }));
    choose(Math.min(chosen, written.length - 1));
    speed.textContent = `${(performance.now() - begun).toFixed(0)} ms`;
  }

  // Shade the source by the mean weight over the heads of a layer.
  function choose(i) {
    chosen = Math.max(0, i);
    [...wrote.children].forEach((part, j) => part.setAttribute("aria-pressed", j === chosen));
    if (!written.length) return (looks.draw([]), (said.textContent = ""));
    const weight = mean(written[chosen].maps[layer]);
    [...read.children].forEach((part, j) => part.style.setProperty("--weight", weight[j].toFixed(3)));
    const order = [...weight.keys()].sort((a, b) => weight[b] - weight[a]).slice(0, SHOWN);
    looks.draw(order.map((j) => ({ name: pieceName(source[j], table), value: weight[j] })));
    said.textContent = `For “${pieceName(written[chosen].id - SPECIAL, table)}”, written with ` +
      `probability ${written[chosen].chance.toFixed(2)}, it looked most at ` +
      `“${pieceName(source[order[0]], table)}” (${weight[order[0]].toFixed(2)}).`;
  }

  const which = Array.from({ length: layers }, (_, i) => String(i + 1));
  input.addEventListener("input", () => (clearTimeout(waiting), (waiting = setTimeout(translate, 150))));
  el.replaceChildren(frame("Translator", model.get("caption"),
    make("div", { class: "tlp-prompt" }, make("label", {}, "Sentence", " "), input),
    result, make("p", { class: "tlp-name" }, "written"), wrote,
    make("p", { class: "tlp-name" }, "read"), read, said,
    choice("Decoder layer", which, layer, (i) => ((layer = i), choose(chosen))), looks.list, speed));
  translate();
  return () => clearTimeout(waiting);
}

export default { render };

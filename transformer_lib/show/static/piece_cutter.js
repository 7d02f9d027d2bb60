// --- a text of the reader's own, cut with more and more merges -------------------------------------

function render({ model, el }) {
  const table = bytePairs(model.get("merges"));
  const input = make("input", { type: "text", maxlength: "200", spellcheck: "false" });
  input.value = model.get("text");
  input.setAttribute("aria-label", "The text");
  const slider = make("input", { type: "range", min: 0, max: table.rank.size, step: 1 });
  slider.value = model.get("known");
  slider.setAttribute("aria-label", "Merges");
  const number = make("output", {}, "");
  const pieces = make("div", { class: "tlp-verse", role: "group", "aria-label": "Pieces" });
  const said = make("p", { class: "tlp-said", "aria-live": "polite" });

  function draw() {
    const known = Number(slider.value), ids = cutText(input.value, table, known);
    number.textContent = known.toLocaleString("en");
    pieces.replaceChildren(...ids.map((id) => make("span", {}, pieceName(id, table))));
    const next = nextMerge(ids, table, known);
    const size = new TextEncoder().encode(input.value).length + 1; // with the blank in front
    said.textContent = `${ids.length} pieces for ${size} bytes. ${next}`;
  }

  // The next merge that would change this text: the slider can jump to it.
  function soonest(ids) {
    const ranks = ids.slice(1).map((id, i) => table.rank.get(65536 * ids[i] + id));
    return Math.min(...ranks.filter((rank) => rank >= Number(slider.value)), Infinity);
  }

  function nextMerge(ids) {
    const rank = soonest(ids);
    if (rank === Infinity) return "No further merge changes it.";
    return `Merge ${(rank + 1).toLocaleString("en")} is the next that changes it: ` +
      `“${pieceName(256 + rank, table)}”.`;
  }

  function step() {
    const rank = soonest(cutText(input.value, table, Number(slider.value)));
    slider.value = rank === Infinity ? table.rank.size : rank + 1;
    draw();
  }

  input.addEventListener("input", draw);
  slider.addEventListener("input", draw);
  const start = () => ((slider.value = 0), draw());
  el.replaceChildren(frame("Pieces of words", model.get("caption"),
    make("div", { class: "tlp-prompt" }, make("label", {}, "Text", " "), input),
    rowOf(button("Next merge", step, { class: "main" }), button("Bytes", start),
      field("Merges", slider, number)),
    pieces, said));
  draw();
}

export default { render };

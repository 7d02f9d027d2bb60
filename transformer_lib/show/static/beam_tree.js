// A beam search, searched again after every press: how many beams, and which are kept by hand.
const beamTree = (figure) => {
  const { names, first, after, steps, column, pill, row, top } = JSON.parse(figure.dataset.state);
  const beams = figure.querySelector("input"), again = figure.querySelector("button");
  const svg = figure.querySelector("svg"), tree = figure.querySelector(".tlb-tree");
  let turned = new Set(); // texts that the reader keeps or drops, against the search
  const shown = (p) => p.toFixed(3);
  const text = (tokens) => tokens.map((token) => names[token]).join(" ");

  function search() {
    const columns = [];
    let live = [{ tokens: [], p: 1 }], ended = 0;
    for (let t = 0; t < steps && live.length; t++) {
      const grown = live.flatMap(({ tokens, p }) =>
        (tokens.length ? after[tokens.at(-1)] : first)
          .map((share, token) => ({ tokens: [...tokens, token], p: p * share, share }))
          .filter(({ share }) => share > 0));
      grown.sort((a, b) => b.p - a.p);
      const places = Number(beams.value) - ended;
      grown.forEach((one, n) => (one.kept = n < places !== turned.has(String(one.tokens))));
      columns.push(grown);
      const kept = grown.filter((one) => one.kept);
      ended += kept.filter((one) => one.tokens.at(-1) === 0).length;
      live = kept.filter((one) => one.tokens.at(-1) !== 0);
    }
    return columns;
  }

  function drawn(columns, t) {
    const x = column * t + (column - pill) / 2;
    const lines = columns[t].map((one, n) => {
      if (!t) return "";
      const parent = columns[t - 1].findIndex((p) => String(p.tokens) === String(one.tokens.slice(0, -1)));
      const from = `${x + pill - column} ${top + row * parent}`;
      return `<path class="line${one.kept ? "" : " dropped"}" d="M${from}L${x} ${top + row * n}"></path>`;
    });
    const pills = columns[t].map((one, n) => {
      const end = one.tokens.at(-1), y = top + row * n;
      return `<g class="tlb-one ${one.kept ? "kept" : "dropped"}${end ? "" : " ended"}"
        data-tokens="${one.tokens.join(" ")}" role="button" tabindex="0" aria-pressed="${one.kept}"
        aria-label="${text(one.tokens)}, ${shown(one.p)}">
        <rect x="${x}" y="${y - 11}" width="${pill}" height="22" rx="11"></rect>
        <text x="${x + pill / 2}" y="${y}">${names[end]} ${shown(one.p)}</text></g>`;
    });
    return lines.join("") + pills.join("");
  }

  function draw() {
    const columns = search(), held = document.activeElement?.dataset?.tokens;
    tree.innerHTML = columns.map((_, t) => drawn(columns, t)).join("");
    const height = top + row * Math.max(...columns.map((one) => one.length));
    svg.setAttribute("viewBox", `0 0 ${steps * column} ${height}`);
    if (held) tree.querySelector(`[data-tokens="${held}"]`)?.focus();
    const whole = columns.flat().filter((one) => one.kept && one.tokens.at(-1) === 0);
    const best = whole.reduce((a, b) => (a && a.p >= b.p ? a : b), null);
    const found = best ? `${text(best.tokens)}, with p = ${shown(best.p)}` : "none that ended";
    const count = `${beams.value} beam${beams.value > 1 ? "s" : ""}`;
    figure.querySelector("output").value = beams.value;
    figure.querySelector(".tlb-said").textContent =
      `${count}${turned.size ? ", and your hand" : ""}: the best text found is ${found}. ` +
      `${columns.flat().length} were looked at.`;
    again.disabled = !turned.size;
  }

  function turn(event) {
    const one = event.target.closest(".tlb-one");
    if (!one) return;
    const tokens = one.dataset.tokens.replaceAll(" ", ",");
    if (!turned.delete(tokens)) turned.add(tokens);
    draw();
  }
  tree.addEventListener("click", turn);
  tree.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    turn(event);
  });
  beams.addEventListener("input", draw);
  again.addEventListener("click", () => {
    turned = new Set();
    draw();
  });
  for (const node of figure.querySelectorAll("[hidden]")) node.hidden = false;
  draw();
};

// Moves two words along a ruler, and looks up the scores of the one with the other at every place.
// The figure holds the first state, drawn; here only what moves is moved.
const ruler = (figure) => {
  const { scores, words, left, step, first, row, half, peaks } = JSON.parse(figure.dataset.state);
  const all = (what) => [...figure.querySelectorAll(what)];
  const sliders = Object.fromEntries(all("input").map((input) => [input.dataset.for, input]));
  const kinds = Object.entries(scores), places = kinds[0][1].length;
  const bars = all(".tlr-bar"), written = all(".tlr-score"), svg = figure.querySelector("svg");
  const at = { key: Number(sliders.key.value), query: Number(sliders.query.value) };

  const shown = (score) => score.toFixed(2).replace("-", "−");
  const place = (n) =>
    `${n % (places / 2)} of the ${n < places / 2 ? "memory" : "segment"}`;

  function draw() {
    for (const [name, slider] of Object.entries(sliders)) {
      slider.value = at[name];
      slider.setAttribute("aria-valuetext", place(at[name]));
      svg.querySelector(`.tlr-word.${name}`)
        .setAttribute("transform", `translate(${left + step * (at[name] + 0.5)} 0)`);
    }
    const said = kinds.map(([name, rows], i) => {
      rows[at.query].forEach((value, n) => {
        const score = n <= at.query ? value : 0, high = (Math.abs(score) / peaks[i]) * half;
        const bar = bars[i * places + n];
        bar.setAttribute("y", (first + i * row + 30 - (score > 0 ? high : 0)).toFixed(1));
        bar.setAttribute("height", high.toFixed(1));
        bar.classList.toggle("lit", n === at.key);
      });
      return `${name} ${(written[i].textContent = shown(rows[at.query][at.key]))}`;
    });
    figure.querySelector(".tlr-said").textContent =
      `${words[1]} at ${place(at.query)}, ${words[0]} at ${place(at.key)}, ` +
      `${at.query - at.key} back: ${said.join(", ")}.`;
  }

  // The key never stands ahead of the query: the one pushes the other.
  function move(name, n) {
    at[name] = Math.max(0, Math.min(places - 1, n));
    if (at.key > at.query) at[name === "key" ? "query" : "key"] = at[name];
    draw();
  }

  for (const [name, slider] of Object.entries(sliders)) {
    slider.addEventListener("input", () => move(name, Number(slider.value)));
  }
  for (const button of all("button")) {
    button.addEventListener("click", () => {
      const by = Number(button.dataset.by);
      if (at.key + by < 0 || at.query + by >= places) return; // together, or not at all
      at.key += by;
      at.query += by;
      draw();
    });
  }

  // A pointer takes the word that is nearer; where both are as near, the one of its height.
  let held = null;
  function spot(event) {
    const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }
  const under = (x) => Math.floor((x - left) / step);
  svg.addEventListener("pointerdown", (event) => {
    const [x, y] = spot(event), away = (name) => Math.abs(under(x) - at[name]);
    const nearer = away("key") - away("query") || y - 27;
    held = nearer < 0 ? "key" : "query";
    svg.setPointerCapture(event.pointerId);
    move(held, under(x));
  });
  svg.addEventListener("pointermove", (event) => held && move(held, under(spot(event)[0])));
  for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => (held = null));

  figure.querySelector(".tlr-row").hidden = false;
};

// Keeps and drops the inputs of layers, and draws what is in memory over the time of a step.
function start(figure) {
  const told = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  const n = told.layers, squares = [...figure.querySelectorAll(".tlk-squares input")];
  const slider = figure.querySelector("input[type=range]");
  const radios = [...figure.querySelectorAll("input[type=radio]")];
  const svg = figure.querySelector("svg"), least = {};
  const LEFT = 26, TOP = 20, MAP = 144, BARS = 84, BASE = 274, RIGHT = 356;
  const row = MAP / n, wide = (RIGHT - LEFT) / (2 + told.backward) / n;
  const x = (time) => (LEFT + wide * time).toFixed(1);

  // What happens at each time, as `moments` in show/checkpoints.py has it.
  function moments(kept, inside) {
    const found = [];
    let now = 0, held = 0, end = n;
    function add(kind, layer, length, units) {
      found.push({ kind, layer, begin: now, length, units });
      now += length;
    }
    kept.forEach((keep, layer) => {
      held += keep;
      add("forward", layer, 1, held);
    });
    for (let first = n - 1; first >= 0; first--) {
      if (!kept[first]) continue;
      const opened = (layer) => held + inside * (layer - first + 1) - 1;
      if (opened(end - 1) > held)
        for (let layer = first; layer < end; layer++) add("again", layer, 1, opened(layer));
      for (let layer = end - 1; layer >= first; layer--)
        add("backward", layer, told.backward, opened(layer));
      held -= 1;
      end = first;
    }
    return found;
  }

  function draw() {
    const kept = squares.map((square) => square.checked);
    const inside = told.inside[radios.findIndex((one) => one.checked)];
    const step = moments(kept, inside), scale = BARS / (n * inside);
    const until = (layer) => step.find((m) => m.kind === "backward" && m.layer === layer);
    const rects = step.map(({ kind, layer, begin }) => {
      const there = kept[layer] && inside === 1; // and need not be computed again
      if (kind === "backward" || (kind === "forward" ? !kept[layer] : there)) return "";
      const end = until(layer).begin + told.backward, name = kind === "again" ? "again" : "kept";
      return `<rect class="${name}" x="${x(begin)}" y="${(TOP + row * layer).toFixed(1)}" ` +
        `width="${(wide * (end - begin)).toFixed(1)}" height="${(row - 1).toFixed(1)}"/>`;
    });
    svg.querySelector(".tlk-held").innerHTML = rects.join("");
    svg.querySelector(".tlk-runs").setAttribute("d", step.map((m) =>
      `M${x(m.begin)} ${(TOP + row * (m.layer + 0.5) - 0.5).toFixed(1)}` +
      `h${(wide * m.length).toFixed(1)}`).join(""));
    svg.querySelector(".tlk-curve").setAttribute("d", `M${x(0)} ${BASE}` + step.map((m) =>
      `V${(BASE - m.units * scale).toFixed(1)}H${x(m.begin + m.length)}`).join("") + `V${BASE}Z`);
    const most = Math.max(...step.map((m) => m.units)), top = BASE - most * scale;
    svg.querySelector(".tlk-most").setAttribute("d", `M${LEFT} ${top.toFixed(1)}H${RIGHT}`);
    const number = svg.querySelector(".tlk-number");
    number.setAttribute("y", (top - 9).toFixed(1));
    number.textContent = most;
    const again = step.filter((m) => m.kind === "again").length;
    const usual = (1 + told.backward) * n, time = usual + again;
    least[inside] = Math.min(least[inside] ?? Infinity, most);
    const said = `Kept: ${kept.filter(Boolean).length} of ${n} inputs. ` +
      `Most at any time: ${most} units` +
      (inside > 1 ? ` (without checkpoints ${n * inside})` : "") +
      `. Run again: ${again} layers; time ${time} in place of ${usual}, ` +
      `${(time / usual).toFixed(2)} times.`;
    figure.querySelector(".tlk-said").textContent = `${said} Your least so far: ${least[inside]}.`;
    svg.setAttribute("aria-label", said);
  }

  slider.addEventListener("input", () => {
    slider.nextElementSibling.value = slider.value;
    squares.forEach((square, layer) => (square.checked = layer % slider.value === 0));
    draw();
  });
  squares.forEach((square, layer) => {
    square.tabIndex = layer === 1 ? 0 : -1; // one stop for the tab key; arrows go on from there
    square.addEventListener("input", draw);
    square.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const next = squares[layer + by];
      if (!next || next.disabled) return;
      event.preventDefault();
      square.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
  });
  for (const input of [slider, ...radios, ...squares.slice(1)]) input.disabled = false;
  for (const radio of radios) radio.addEventListener("input", draw);
  squares[0].classList.add("fixed"); // what goes in is always there
  draw();
}

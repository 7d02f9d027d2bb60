// Moves the token that asks, and looks up what is kept and computed at a length and with heads.
function start(figure) {
  const data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  const rows = [...figure.querySelectorAll(".past-row")];
  const sliders = Object.fromEntries(
    [...figure.querySelectorAll("input[type=range]")].map((input) => [input.dataset.for, input]));
  const views = [...figure.querySelectorAll("input[type=radio]")];
  const said = figure.querySelector(".past-said");
  const comma = (x, digits) =>
    x.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

  function describe(kept, products, time) {
    const size = kept < 2 ** 20 ? `${comma(kept / 1024, 0)} KiB` : `${comma(kept / 2 ** 20, 1)} MiB`;
    const count = products < 1e6 ? `${comma(products / 1e3, 0)}k` : `${comma(products / 1e6, 1)}M`;
    return `${size} · ${count} products` + (time === undefined ? "" : ` · ${comma(time, 1)}×`);
  }

  const bar = (kept) => Math.min(100, Math.max(1, (Math.log2(kept / 1024) / 16) * 100));

  function draw() {
    const ask = Number(sliders.ask.value) - 1;
    const view = Number(views.find((one) => one.checked).value);
    const length = data.lengths[sliders.length.value], heads = data.heads[sliders.heads.value];
    sliders.ask.nextElementSibling.value = ask + 1;
    sliders.length.nextElementSibling.value = comma(length, 0);
    sliders.heads.nextElementSibling.value = heads;
    rows.forEach((row, r) => {
      const kind = data.kinds[r], shades = kind.seen[view][ask];
      [...row.querySelectorAll("rect")].forEach((square, j) => {
        const shade = shades[j] ?? ".";
        square.setAttribute("fill-opacity", shade === "." ? 0 : 0.08 + (0.92 * shade) / 9);
        square.classList.toggle("ahead", j > ask);
        square.classList.toggle("asks", j === ask);
      });
      const kept = kind.kept[sliders.heads.value][sliders.length.value];
      const products = kind.products[sliders.heads.value][sliders.length.value];
      const time = heads === data.measured ? kind.times[length] : undefined;
      row.querySelector(".past-numbers").textContent = describe(kept, products, time);
      row.querySelector(".past-bar i").style.width = `${bar(kept).toFixed(1)}%`;
      const found = [...shades].filter((shade) => shade !== ".").length;
      row.querySelector("svg").setAttribute(
        "aria-label", `${kind.name}: token ${ask + 1} depends on ${found} tokens`);
    });
    const count = (r) => [...data.kinds[r].seen[view][ask]].filter((s) => s !== ".").length;
    said.textContent = `Token ${ask + 1} depends on: ` +
      data.kinds.map((kind, r) => `${kind.name} ${count(r)}`).join(", ") + ".";
  }

  for (const row of rows) {
    const svg = row.querySelector("svg");
    const point = (event) => {
      const box = svg.getBoundingClientRect();
      const size = Number(sliders.ask.max);
      const at = Math.floor(((event.clientX - box.left) / box.width) * size) + 1;
      sliders.ask.value = Math.min(size, Math.max(1, at));
      draw();
    };
    svg.addEventListener("pointerdown", (event) => {
      svg.setPointerCapture(event.pointerId);
      point(event);
    });
    svg.addEventListener("pointermove", (event) => {
      if (event.buttons) point(event);
    });
  }
  for (const input of [...Object.values(sliders), ...views]) {
    input.disabled = false;
    input.addEventListener("input", draw);
  }
  figure.dataset.play = "";
  draw();
}

// What may be drawn next, and how likely: the three steps of the library's Sampler, and lots.
const nextToken = (figure) => {
  const { names, prefixes, shown, bar } = JSON.parse(figure.dataset.state);
  const sliders = ["temperature", "top-k", "top-p"].map((name) =>
    figure.querySelector(`[data-for="${name}"]`));
  const radios = [...figure.querySelectorAll('[type="radio"]')];
  const rows = [...figure.querySelectorAll(".tln-row")];
  const svg = figure.querySelector("svg"), said = figure.querySelector(".tln-said");
  let drawn = [], seed = 0; // how often each was drawn, the likeliest first

  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const scaled = (values) => {
    const total = sum(values);
    return values.map((value) => value / total);
  };

  // Probabilities, likeliest first: at this temperature, and of those also what may be drawn.
  function shares() {
    const [temperature, topK, topP] = sliders.map((slider) => Number(slider.value));
    const { logits } = prefixes[radios.findIndex((one) => one.checked)];
    const before = scaled(logits.map((logit) => Math.exp((logit - logits[0]) / temperature)));
    const few = scaled(before.map((p, i) => (i < topK ? p : 0)));
    let likelier = 0; // the probability of all that rank higher
    const kept = few.map((p) => {
      const stays = topP === 1 || likelier < topP;
      likelier += p;
      return stays ? p : 0;
    });
    return { before, now: scaled(kept) };
  }

  // Random numbers that are the same for the same seed: mulberry32, by Tommy Ettinger.
  function random() {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  function lot(now) {
    let left = random();
    const found = now.findIndex((p) => (left -= p) < 0);
    return found < 0 ? now.findLastIndex((p) => p > 0) : found;
  }

  // A value for each row: the last one is for all others together.
  const byRow = (values) => [...values.slice(0, shown), sum(values.slice(shown))];

  function show() {
    const { before, now } = shares();
    const { tokens } = prefixes[radios.findIndex((one) => one.checked)];
    const widths = [byRow(before), byRow(now)], times = drawn.length ? byRow(drawn) : [];
    rows.forEach((row, i) => {
      const name = row.querySelector(".right");
      if (i < shown) name.textContent = names[tokens[i]];
      row.classList.toggle("dropped", widths[1][i] === 0);
      row.querySelectorAll("rect").forEach((rect, n) =>
        rect.setAttribute("width", (bar * widths[n][i]).toFixed(1)));
      row.querySelector(".tln-share").textContent = widths[1][i].toFixed(2);
      row.querySelector(".tln-times").textContent = times.length ? `${times[i]}×` : "";
    });
    const may = now.filter((p) => p > 0).length;
    said.textContent =
      `${may} of ${now.length} may be drawn. ${names[tokens[0]]}, the likeliest, has ` +
      `${now[0].toFixed(2)}; the ${names.length - shown} others together have ` +
      `${widths[1][shown].toFixed(2)}.` +
      (times.length ? ` Drawn ${sum(drawn)} times: the counts stand at the right.` : "");
    svg.setAttribute("aria-label", said.textContent);
  }

  function moved() {
    const [temperature, topK, topP] = sliders;
    temperature.nextElementSibling.value = Number(temperature.value).toFixed(1);
    topK.nextElementSibling.value = topK.value === topK.max ? "all" : topK.value;
    topP.nextElementSibling.value = Number(topP.value) === 1 ? "all" : Number(topP.value).toFixed(2);
    drawn = [];
    show();
  }

  for (const input of [...sliders, ...radios]) input.addEventListener("input", moved);
  figure.querySelector("button").addEventListener("click", () => {
    const { now } = shares();
    if (!drawn.length) drawn = now.map(() => 0);
    for (let n = 0; n < 100; n++) drawn[lot(now)]++;
    show();
  });
  for (const node of figure.querySelectorAll("[hidden]")) node.hidden = false;
  moved();
};

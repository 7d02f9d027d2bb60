// The cover's line: book/_ext/first_line.py in the page. Weights come at the first touch.
"use strict";
(() => {
  const figure = document.currentScript.parentElement;
  const find = (what) => figure.querySelector(what);
  const [input, svg, problem, said] = ["input", "svg.line", ".tlp-problem", ".tlp-said"].map(find);
  const [arcs, letters] = svg.children;
  const STEP = 22, FOOT = 84, HIGH = 70;
  const shown = (letter) => ({ " ": "␣", "\n": "↵" })[letter] ?? letter;
  const x = (i) => STEP * i + STEP / 2;
  input.readOnly = false;

  const draw = (name, attributes, text = "") => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.textContent = text;
    return node;
  };

  let loading;
  const loaded = () => (loading ??= new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: figure.dataset.weights });
    script.onload = () => resolve(self.versesGpt);
    script.onerror = reject;
    document.head.append(script);
  }));

  // The tokens of the line; none, and a message, where it cannot be read.
  function tokens({ characters }) {
    const line = [...input.value], unknown = line.find((c) => !characters.includes(c));
    problem.textContent = !line.length ? "Type at least one letter."
      : unknown ? `It has never seen “${unknown}”.` : "";
    input.setAttribute("aria-invalid", problem.textContent !== "");
    return problem.textContent ? [] : line.map((c) => characters.indexOf(c));
  }

  function drawLine(line, looks = []) {
    const last = line.length - 1;
    svg.setAttribute("viewBox", `0 0 ${STEP * Math.max(line.length, 15)} ${FOOT + 30}`);
    letters.replaceChildren(...line.map((c, i) => draw("text",
      { x: x(i), y: FOOT + 18, ...(looks[i] >= 0.3 && { class: "strong" }) }, shown(c))));
    arcs.replaceChildren(...[...looks].slice(0, -1).flatMap((w, j) => {
      if (w < 0.02) return [];
      const top = (FOOT - (Math.min(HIGH, (x(last) - x(j)) * 0.5) * 4) / 3).toFixed(1);
      return draw("path", {
        d: `M${x(last)} ${FOOT}C${x(last)} ${top} ${x(j)} ${top} ${x(j)} ${FOOT}`,
        "stroke-width": (1 + 5 * w).toFixed(1),
        "stroke-opacity": (0.3 + 0.7 * w).toFixed(2),
      });
    }));
  }

  function drawBars(chances, characters) {
    const likely = [...chances.keys()].sort((a, b) => chances[b] - chances[a]);
    [...find(".tlp-bars").children].forEach((line, i) => {
      const [name, bar, number] = line.children;
      name.textContent = shown(characters[likely[i]]);
      bar.style.setProperty("--value", chances[likely[i]].toFixed(3));
      number.textContent = chances[likely[i]].toFixed(2);
    });
    return likely[0];
  }

  const pause = () => new Promise((resolve) => setTimeout(resolve));
  let asked = 0; // lines so far: who comes back to another one gives up

  async function read() {
    const mine = ++asked, gpt = await loaded();
    if (mine !== asked) return;
    const line = [...input.value], ids = tokens(gpt), last = ids.length - 1;
    if (!ids.length) return;
    const { config, weights, characters } = gpt;
    const says = (run) => gpt.softmax(gpt.reading(weights, config, run.streams.at(-1)[last]));
    const whole = gpt.pass(weights, config, ids), chances = says(whole);
    const token = drawBars(chances, characters), p = chances[token];
    drawLine(line);
    let least = { without: Infinity };
    for (let layer = 1; layer < config.num_layers; layer++)
      for (let head = 0; head < config.num_heads; head++) {
        await pause(); // for the next key
        if (mine !== asked) return;
        const hands = { off: new Set([`${layer}.${head}`]), known: whole, from: layer };
        const without = says(gpt.pass(weights, config, ids, hands))[token];
        if (without < least.without) least = { without, layer, head };
      }
    const looks = whole.maps[least.layer][least.head][last];
    drawLine(line, looks);
    const at = looks.indexOf(Math.max(...looks));
    const name = `head ${least.head + 1} of layer ${least.layer + 1}`;
    const where = `looks at “${shown(line[at])}” with ${looks[at].toFixed(2)} of its weight`;
    const letter = `“${shown(characters[token])}”`;
    const numbers = `from ${p.toFixed(2)} to ${least.without.toFixed(2)}`;
    said.textContent = least.without < p / 2
      ? `One head decides: ${name}. From the last letter it ${where}; ` +
        `without this head ${letter} falls ${numbers}.`
      : `No single head decides. Most hangs on ${name}, which ${where}; ` +
        `without it ${letter} goes ${numbers}.`;
    figure.dataset.read = input.value;
  }

  for (const touch of ["pointerover", "focusin"]) figure.addEventListener(touch, loaded, { once: true });
  input.addEventListener("input", read);
  for (const button of figure.querySelectorAll("button"))
    button.addEventListener("click", () => ((input.value = button.dataset.line), read()));
})();

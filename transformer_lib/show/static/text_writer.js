// --- a GPT that writes -------------------------------------------------------------------------

// Draw a token with these probabilities.
function draw(probabilities, random) {
  let rest = random();
  return Math.max(0, probabilities.findIndex((p) => (rest -= p) < 0));
}

// Read tokens one by one; whatever begins as the last text did is remembered, not read again.
export function reader(weights, config) {
  const cache = [], read = [], seen = []; // seen[t]: logits and attention after token t
  return (tokens) => {
    let same = 0;
    while (same < tokens.length && read[same] === tokens[same]) same++;
    for (const { keys, values } of cache) keys.length = values.length = same;
    read.length = seen.length = same;
    for (const token of tokens.slice(same)) {
      seen.push(gptStep(weights, config, token, cache));
      read.push(token);
    }
    return seen;
  };
}

const PACES = { "slow": 4, "quick": 60, "full speed": Infinity }; // characters a second
const MAP = 24; // characters that the small maps show, the last ones
const visible = (character) => ({ " ": "␣", "\n": "↵" })[character] ?? character;

// All heads to choose from, each as the map of where the last characters looked; head 0 stands for
// the mean of all.
function headPad(config, layer, head, changed) {
  const names = ["mean", ...Array.from({ length: config.num_heads }, (_, i) => i + 1)];
  const set = make("fieldset", { class: "tlp-pad-of-heads" }, make("legend", {}, "Which head"));
  const grid = make("div", { style: `--columns:${names.length}` }, make("span"),
    ...names.map((name) => make("span", { "aria-hidden": "true" }, name)));
  const group = `tlp-${Math.random().toString(36).slice(2)}`, maps = [];
  const pad = { layer, head, set, of: (attention) => part(attention[pad.layer], pad.head) };
  const part = (maps, head) => (head ? maps[head - 1] : mean(maps));
  for (let l = 0; l < config.num_layers; l++) {
    grid.append(make("span", { "aria-hidden": "true" }, `layer ${l + 1}`));
    names.forEach((name, h) => {
      const what = h ? `head ${name}` : "mean of its heads";
      const input = make("input", { type: "radio", name: group, "aria-label": `Layer ${l + 1}, ${what}` });
      const canvas = make("canvas");
      input.checked = l === layer && h === head;
      input.addEventListener("change", () => ((pad.layer = l), (pad.head = h), changed()));
      maps.push([canvas, l, h]);
      grid.append(make("label", {}, input, canvas));
    });
  }
  set.append(grid);
  // Rows are the characters up to `from`, columns what they look at.
  pad.draw = (seen, from) => {
    const first = Math.max(0, from + 1 - MAP);
    for (const [canvas, l, h] of maps) {
      const picture = new Float32Array(MAP * MAP);
      for (let i = first; i <= from; i++) {
        const weights = part(seen[i].attention[l], h), begin = i + 1 - weights.length;
        for (let j = Math.max(first, begin); j <= i; j++)
          picture[(i - first) * MAP + j - first] = Math.sqrt(weights[j - begin]);
      }
      paint(canvas, picture, MAP);
    }
  };
  return pad;
}

function render({ model, el }) {
  const config = model.get("config"), characters = [...model.get("characters")];
  const read = reader(unpack(model.get("data"), model.get("contents")), config);
  // Learned positions end with the window; turned ones go on, and only the window is looked at.
  const room = config.positions === "rotary" ? Infinity : config.max_len;

  let text = []; // tokens: the prompt, then what was written
  let begin = 0; // length of the prompt
  let from = 0; // the token whose look is shown
  let held = null; // the one that was pressed: from there the text is written anew
  let drawn = []; // the probability that each written character was drawn with
  let dice = []; // the random number of each: what is written anew throws the same
  let random, running = null, pace = 1;
  let rewriting = null; // how long the text was that is written anew
  let clock = { characters: 0, milliseconds: 0 };

  // What the reader works with.
  const plain = { spellcheck: "false", autocomplete: "off", autocapitalize: "off" };
  const prompt = make("input", { type: "text", maxlength: Math.min(120, room - 1), ...plain });
  const problem = make("p", { class: "tlp-problem", role: "alert" });
  const temperature = make("input", { type: "range", min: "0.1", max: "2", step: "0.1" });
  const seed = make("input", { type: "number", min: "0", max: "9999", step: "1" });
  const place = make("input", { type: "range", min: "1", step: "1" });
  const shown = make("output");
  prompt.value = model.get("prompt");
  temperature.value = model.get("temperature");
  seed.value = model.get("seed");
  const main = button("Write", () => (running ? stop() : goOn()), { class: "main" });
  const one = button("Step", () => (stop(), write(1), state(), look()));
  const over = button("Start over", () => restart());
  const roll = button("⚄ New dice", () => {
    seed.value = Number(seed.value) + 1;
    restart();
    goOn();
  });
  const pad = headPad(config, model.get("layer"), model.get("head"), () => look(from));

  const page = make("p", { class: "tlp-page", "aria-hidden": "true" });
  const aloud = make("p", { class: "tlp-aloud" });
  const box = make("div", { class: "tlp-box", tabindex: "0", role: "region" }, page, aloud);
  box.setAttribute("aria-label", "The text");
  const next = bars(5, "The five likeliest next characters");
  const said = make("p", { class: "tlp-said", "aria-live": "polite" });
  const speed = make("p", { class: "tlp-speed" });

  // The tokens of the prompt; none, and a message, if there is a character that is not known.
  function tokens() {
    const given = [...prompt.value], wanted = given.map((c) => characters.indexOf(c));
    const unknown = wanted.indexOf(-1);
    let message = "";
    if (!wanted.length) message = "Type at least one character for it to begin with.";
    else if (unknown >= 0)
      message = `It has never seen “${given[unknown]}” (character ${unknown + 1}): ` +
        `it knows ${characters.map(visible).join(" ")}`;
    if (problem.textContent !== message) problem.textContent = message;
    prompt.setAttribute("aria-invalid", message !== "");
    for (const control of [main, one, over, roll]) control.disabled = message !== "";
    return message ? [] : wanted;
  }

  // Begin anew from the prompt, with the random numbers of the seed.
  function restart() {
    stop();
    text = tokens();
    begin = text.length;
    drawn = [];
    dice = [];
    held = null;
    random = randomNumbers(Math.trunc(Number(seed.value)) || 0);
    clock = { characters: 0, milliseconds: 0 };
    read(text);
    page.replaceChildren(...text.map(letter));
    state();
    look();
  }

  const letter = (token, i) => make("span", i < begin ? { class: "given" } : {}, characters[token]);
  const full = () => text.length - begin >= model.get("length") || text.length >= room;
  const chances = (t) => softmax(read(text)[t].logits.map((logit) => logit / temperature.value));

  // Write so many characters, or fewer: to the end of the text, or until the time is up.
  function write(count, until = Infinity) {
    for (; count > 0 && begin && !full(); count--) {
      const start = performance.now();
      const probabilities = chances(text.length - 1);
      const token = draw(probabilities, () => (dice[text.length - begin] ??= random()));
      drawn[text.length] = probabilities[token];
      text.push(token);
      read(text);
      clock.characters++;
      clock.milliseconds += performance.now() - start;
      page.append(letter(token, text.length - 1));
      if (performance.now() > until) break;
    }
  }

  // Write to the end, or until there are so many characters.
  function goOn(speed = PACES[Object.keys(PACES)[pace]], end = Infinity) {
    if (full()) restart();
    if (!begin) return;
    const began = performance.now();
    let written = 0;
    const frame = (now) => {
      const due = Math.min(Math.ceil(speed * ((now - began) / 1000) - written), end - text.length);
      const before = text.length;
      write(due, performance.now() + 20); // then let the browser draw
      written += text.length - before;
      if (text.length > before) look(held ?? undefined);
      if (full() || text.length >= end) stop();
      else running = requestAnimationFrame(frame);
    };
    running = requestAnimationFrame(frame);
    state();
  }

  // Write anew, with the same dice, what stands after the pressed character, or else all of it.
  function rewrite() {
    if (running && rewriting === null) return; // what is still to come has the new temperature
    const end = rewriting ?? text.length, keep = Math.max(begin, (held ?? 0) + 1);
    stop();
    look(from);
    if (end <= keep) return;
    rewriting = end;
    text.length = drawn.length = keep;
    page.replaceChildren(...text.map(letter));
    goOn(Infinity, end);
  }

  function stop() {
    cancelAnimationFrame(running);
    running = rewriting = null;
    state();
  }

  function state() {
    const partial = begin > 0 && text.length > begin && !full();
    main.textContent = running ? "Stop" : partial ? "Go on" : "Write";
    said.setAttribute("aria-live", running ? "off" : "polite"); // not every character aloud
    if (!running) aloud.textContent = text.map((token) => characters[token]).join("");
  }

  // Show where token `at` looks, by default the last, and what it makes of it.
  function look(at = text.length - 1) {
    from = Math.max(0, Math.min(at, text.length - 1));
    place.max = Math.max(1, text.length);
    place.value = from + 1;
    shown.textContent = Number(temperature.value).toFixed(1);
    if (!begin) {
      next.draw([]);
      said.textContent = speed.textContent = "";
      return;
    }
    const name = (t) => `“${visible(characters[text[t]])}”`;
    place.setAttribute("aria-valuetext", `character ${from + 1}, ${name(from)}`);
    const weights = pad.of(read(text)[from].attention);
    pad.draw(read(text), from);
    const first = from + 1 - weights.length; // of the window
    const strongest = Math.max(...weights);
    [...page.children].forEach((span, t) => {
      const weight = (weights[t - first] ?? 0) / strongest;
      span.style.setProperty("--weight", weight > 0.02 ? weight.toFixed(2) : 0);
      span.classList.toggle("from", t === from);
      span.classList.toggle("later", t > from);
    });
    if (from === text.length - 1) box.scrollTop = box.scrollHeight;

    const probabilities = chances(from);
    const likely = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
    next.draw(likely.slice(0, 5).map((token) => ({
      name: visible(characters[token]),
      value: probabilities[token],
      marked: token === text[from + 1],
    })));
    const top = [...weights.keys()].sort((a, b) => weights[b] - weights[a]).slice(0, 3);
    const looks = top.map((t) => `${name(first + t)} ${weights[t].toFixed(2)}` +
      (first + t === from ? " (itself)" : ` (${from - first - t} back)`));
    const chance = drawn[from + 1]?.toFixed(2); // none for the prompt, and none for what is to come
    said.textContent = `Character ${from + 1}, ${name(from)}, looks at ${looks.join(", ")}.` +
      (chance ? ` ${name(from + 1)} was drawn, with probability ${chance}.` : "");
    const each = clock.milliseconds / clock.characters;
    speed.textContent = clock.characters
      ? `${clock.characters} characters written, ${each.toFixed(1)} ms for each: ` +
        `it could write ${Math.round(1000 / each)} a second.`
      : "";
  }

  prompt.addEventListener("input", restart);
  prompt.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    restart();
    goOn();
  });
  seed.addEventListener("change", restart);
  temperature.addEventListener("input", rewrite);
  const hold = (t) => (stop(), (held = t < text.length - 1 ? t : null), look(t));
  place.addEventListener("input", () => hold(place.value - 1));
  const pointed = (event) => [...page.children].indexOf(event.target);
  page.addEventListener("pointerover", (event) => {
    if (event.pointerType === "mouse" && !running && pointed(event) >= 0) look(pointed(event));
  });
  page.addEventListener("pointerleave", () => running || look(held ?? undefined));
  page.addEventListener("click", (event) => pointed(event) >= 0 && hold(pointed(event)));

  prompt.id = `tlp-${Math.random().toString(36).slice(2)}`;
  const likely = make("div", { class: "tlp-likely" },
    make("p", { class: "tlp-name" }, "What comes next"), next.list);
  el.replaceChildren(frame("Text writer", model.get("caption"),
    make("div", { class: "tlp-prompt" },
      make("label", { for: prompt.id }, "It begins with"), prompt,
      make("div", { class: "tlp-buttons" }, main, one)),
    problem,
    make("div", { class: "tlp-written" }, make("div", {}, box, field("Look from", place)), likely),
    said,
    make("div", { class: "tlp-knobs" },
      make("div", {},
        field("Temperature", temperature, shown),
        make("p", { class: "tlp-name" },
          "Moved, it writes the text anew, with the same dice: all of it, or what stands after a " +
          "character that you pressed."),
        choice("Pace", Object.keys(PACES), pace, (i) => ((pace = i), running && (stop(), goOn()))),
        rowOf(make("div", { class: "tlp-buttons" }, over, roll), field("Dice", seed)),
        speed),
      pad.set),
  ));
  restart();
  return stop;
}

export default { render };

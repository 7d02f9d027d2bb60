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
const visible = (character) => ({ " ": "␣", "\n": "↵" })[character] ?? character;

function render({ model, el }) {
  const config = model.get("config"), characters = [...model.get("characters")];
  const read = reader(unpack(model.get("data"), model.get("contents")), config);
  // Learned positions end with the window; turned ones go on, and only the window is looked at.
  const room = config.positions === "rotary" ? Infinity : config.max_len;

  let text = []; // tokens: the prompt, then what was written
  let begin = 0; // length of the prompt
  let from = 0; // the token whose look is shown
  let drawn = []; // the probability that each written character was drawn with
  let random, running = null, pace = 1;
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
  const one = button("One more", () => (stop(), write(1), state(), look()));
  const again = button("Again", () => (restart(), goOn()));
  const another = button("Another", () => {
    seed.value = Number(seed.value) + 1;
    restart();
    goOn();
  });
  const start = { layer: model.get("layer"), head: model.get("head") };
  const chosen = heads(config, start, () => look(from));

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
    for (const control of [main, one, again, another]) control.disabled = message !== "";
    return message ? [] : wanted;
  }

  // Begin anew from the prompt, with the random numbers of the seed.
  function restart() {
    stop();
    text = tokens();
    begin = text.length;
    drawn = [];
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
      const token = draw(probabilities, random);
      drawn[text.length] = probabilities[token];
      text.push(token);
      read(text);
      clock.characters++;
      clock.milliseconds += performance.now() - start;
      page.append(letter(token, text.length - 1));
      if (performance.now() > until) break;
    }
  }

  function goOn() {
    if (full()) restart();
    if (!begin) return;
    const began = performance.now();
    let written = 0;
    const frame = (now) => {
      const due = PACES[Object.keys(PACES)[pace]] * ((now - began) / 1000) - written;
      const before = text.length;
      write(Math.ceil(due), performance.now() + 20); // then let the browser draw
      written += text.length - before;
      if (text.length > before) look();
      if (full()) stop();
      else running = requestAnimationFrame(frame);
    };
    running = requestAnimationFrame(frame);
    state();
  }

  function stop() {
    cancelAnimationFrame(running);
    running = null;
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
    const weights = chosen.of(read(text)[from].attention[chosen.layer]);
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
  temperature.addEventListener("input", () => look(from));
  place.addEventListener("input", () => (stop(), look(place.value - 1)));
  const point = (event) => {
    const t = [...page.children].indexOf(event.target);
    if (t >= 0 && !running) look(t);
  };
  page.addEventListener("pointerover", (event) => event.pointerType === "mouse" && point(event));
  page.addEventListener("click", point);

  prompt.id = `tlp-${Math.random().toString(36).slice(2)}`;
  el.replaceChildren(frame("Text writer", model.get("caption"),
    make("div", { class: "tlp-prompt" },
      make("label", { for: prompt.id }, "It begins with"), prompt),
    problem,
    rowOf(make("div", { class: "tlp-buttons" }, main, one, again, another), field("Seed", seed)),
    rowOf(field("Temperature", temperature, shown),
      choice("Pace", Object.keys(PACES), pace, (i) => ((pace = i), running && (stop(), goOn())))),
    rowOf(...chosen.controls),
    box,
    field("Look from", place),
    said,
    make("p", { class: "tlp-name" }, "What comes next"),
    next.list,
    speed,
  ));
  restart();
  return stop;
}

export default { render };

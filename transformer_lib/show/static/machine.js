// --- the machine, opened -----------------------------------------------------------------------

const LONGEST = 40; // letters

function render({ model, el }) {
  const config = model.get("config"), characters = [...model.get("characters")];
  const weights = unpack(model.get("data"), model.get("contents"));
  const L = config.num_layers, H = config.num_heads, table = weights.embedding.weight;
  const parts = (l) => [...Array(H).keys(), "ff"].map((part) => `${l}.${part}`);
  const nameOf = (key) => {
    const [l, part] = key.split(".");
    return `layer ${+l + 1} ${part === "ff" ? "feed-forward" : `head ${+part + 1}`}`;
  };

  const off = new Set(), patch = new Set(); // parts that are off; places that are put in
  let a = [], b = [], at = 0, layer = 2, head = 3, token = null, effects = null;
  let plain, other, run, scanning = null, letters = [];
  let anew = 0, fresher = 0, looking, writing; // letters read in the last pass; the text with arcs over it, twice

  // What stays in sight: the texts, what comes next, what was done.
  const write = { type: "text", maxlength: LONGEST, spellcheck: "false", autocapitalize: "off" };
  const text = make("input", write), beside = make("input", write);
  const temperature = make("input", { type: "range", min: "0.1", max: "2", step: "0.1" });
  const heat = make("output");
  temperature.value = 1;
  const problem = make("p", { class: "tlp-problem", role: "alert" });
  const next = bars(5, "The five likeliest next letters");
  const said = make("p", { class: "tlp-said", "aria-live": "polite" });
  const examples = make("div", { class: "tlp-buttons" }, ...model.get("examples").map(([one, two]) =>
    button(one.trim() + " …", () => {
      [text.value, beside.value] = [one, two];
      typed();
    })));
  const allOn = button("All on again", () => (off.clear(), patch.clear(), compute()));

  // The parts of the page that are made anew when the text is.
  const row1 = make("div", { class: "letters", role: "group", "aria-label": "Letters" });
  const vector = make("div"), near = make("p");
  const tower = make("div", { class: "tower", role: "group", "aria-label": "Heads and feed-forwards" });
  const inside = make("div", { class: "inside scrolls", tabindex: "0", role: "region" });
  inside.setAttribute("aria-label", "Inside the chosen head");
  const lens = make("table", { class: "lens" }), places = make("table", { class: "places" });
  const scanned = make("span", { class: "tlp-name", role: "status" });
  const scan = button("Try every place", scanAll);
  const sum = make("ol", { class: "sum", "aria-label": "Who added how much" });
  const summed = make("p"), units = make("ol", { class: "units", "aria-label": "Strongest units" });
  const arcs = make("div", { class: "scrolls", tabindex: "0", role: "region" });
  arcs.setAttribute("aria-label", "Where the chosen head looks");
  const cache = make("div", { class: "scrolls", tabindex: "0", role: "region" });
  cache.setAttribute("aria-label", "The cache");
  const kept = make("p"), on = button("Write on", () => (writes ? rest() : writeOn()));
  const awake = make("p"), tasks = make("ol", { class: "tasks" });
  const seed = make("input", { type: "number", min: "0", max: "9999", step: "1", value: "1" });
  const top = make("input", { type: "number", min: "1", max: String(characters.length), value: "5" });

  const chances = (x) => {
    const logits = reading(weights, config, x);
    return softmax(logits.map((logit) => logit / temperature.value));
  };
  const end = (pass) => pass.streams[L].at(-1);

  function encode(box, name) {
    const given = [...box.value], ids = given.map((c) => characters.indexOf(c));
    const unknown = ids.indexOf(-1);
    box.setAttribute("aria-invalid", unknown >= 0 || !ids.length);
    if (!ids.length) return [`${name} needs at least one letter.`, ids];
    return [unknown < 0 ? "" : `${name}: it has never seen “${given[unknown]}”.`, ids];
  }

  function fresh() {
    patch.clear();
    effects = token = null;
    cancelAnimationFrame(scanning);
    scanned.textContent = "";
    const [wrong, ids] = encode(text, "The text"), [wrongToo, idsToo] = encode(beside, "The second text");
    problem.textContent = wrong || wrongToo;
    if (wrong || wrongToo) return;
    read(ids, idsToo);
  }

  // Read tokens after a run; what both begin with is kept, as in the cache of a model that writes.
  function readAfter(run, tokens) {
    const differs = tokens.findIndex((token, i) => token !== run?.tokens[i]);
    const same = differs < 0 ? tokens.length : differs;
    return [pass(weights, config, tokens, { kept: same ? begun(run, same) : null }), tokens.length - same];
  }
  const second = () => (other = other?.tokens === b ? other : readAfter(other, b)[0]); // when asked

  function read(ids, idsToo, grown = false) {
    [a, b, at] = [ids, idsToo, ids.length - 1];
    [plain, fresher] = readAfter(plain, a);
    build();
    compute(grown ? run : null);
  }

  function compute(before = null) {
    const put = new Map([...patch].map((key) => {
      const [l, i] = key.split(".");
      return [key, second().streams[l][i]];
    }));
    // Below the lowest part that is changed, all is as it was.
    const from = Math.min(...[...off, ...put.keys()].map((key) => parseInt(key)));
    const hands = before ? { off, patch: put, kept: before } : { off, patch: put, known: plain, from };
    run = off.size || put.size ? pass(weights, config, a, hands) : plain;
    anew = run === plain ? fresher : a.length - (before?.tokens.length ?? 0);
    drawAll();
  }

  function build() {
    letters = a.map((id, i) => {
      const letter = button(shown(characters[id]), () => ((at = i), drawAll()));
      letter.setAttribute("aria-label", `letter ${i + 1}, ${shown(characters[id])}`);
      return letter;
    });
    row1.replaceChildren(...letters);
    oneStop([letters], letters.at(-1));
    const tall = a.length === b.length;
    scan.disabled = !tall;
    if (!tall) scanned.textContent = "The two texts must be equally long.";
    const title = () => make("tr", {}, make("th"), ...a.map((id) =>
      make("th", { scope: "col" }, shown(characters[id]))));
    const stage = (l) => make("th", { scope: "row" }, l ? `after layer ${l}` : "at the start");
    lens.replaceChildren(title(), ...rowsOf(L + 1, (l) => [stage(l), ...a.map(() => make("td"))]));
    const cells = rowsOf(tall ? L : 0, (l) => [stage(l), ...a.map((id, i) => {
      const key = `${l}.${i}`;
      const cell = button("·", () => (patch.delete(key) || patch.add(key), compute()));
      cell.setAttribute("aria-label", `${l ? `after layer ${l}` : "at the start"}, letter ${i + 1}`);
      cell.dataset.key = key;
      return make("td", {}, cell);
    })]);
    places.replaceChildren(...(tall ? [title(), ...cells] : []));
    if (tall) oneStop(cells.map((line) => [...line.querySelectorAll("button")]));
    const names = a.map((id) => shown(characters[id]));
    looking = arcsOver(names);
    writing = arcsOver(names, rowsOf(L, (l) =>
      [make("th", { scope: "row" }, `layer ${l + 1}`), ...a.map(() => make("td"))]));
    arcs.replaceChildren(looking.table);
    cache.replaceChildren(writing.table);
    requestAnimationFrame(() => { // the last letters matter
      for (const box of [lens.parentNode, places.parentNode, arcs, cache]) box.scrollLeft = box.scrollWidth;
    });
  }
  const rowsOf = (count, of) =>
    Array.from({ length: count }, (_, l) => make("tr", {}, ...of(l)));

  // The tower stands once; what its buttons show changes.
  const towers = Array.from({ length: L }, (_, l) => parts(l).map((key) => {
    const [, part] = key.split("."), price = model.get("prices")[l][part === "ff" ? H : part];
    const picture = make("span", { class: "map" });
    const press = button("", () => (off.delete(key) || off.add(key), choose(), compute()));
    press.append(picture, make("span", { class: "tlp-aloud" }, `layer ${l + 1} `),
      part === "ff" ? "feed-forward " : `head ${+part + 1} `,
      make("small", {}, `${price.toFixed(2)} bits`), make("small", { class: "adds" }));
    const choose = () => {
      layer = l;
      if (part !== "ff") head = +part;
      drawLooks();
    };
    press.addEventListener("focus", choose);
    press.addEventListener("pointerenter", choose);
    press.dataset.key = key;
    return press;
  }));
  tower.append(...towers.map((line, l) =>
    make("div", { class: "layer" }, make("span", { class: "tlp-name" }, `Layer ${l + 1}`), ...line)));
  oneStop(towers);

  function drawAll() {
    const p = chances(end(run)), was = chances(end(plain));
    heat.textContent = Number(temperature.value).toFixed(1);
    const best = likeliest(p, 5);
    next.draw(best.map((id) => ({ name: shown(characters[id]), value: p[id] })));
    [...next.list.children].forEach((line, i) =>
      line.querySelector(".bar").style.setProperty("--was", was[best[i]]));
    const done = [...off].map((key) => `${nameOf(key)} off`).concat([...patch].map((key) => {
      const [l, i] = key.split(".");
      return `“${shown(characters[b[i]])}” of the second text put in ${+l ? `after layer ${l}` : "at the start"}`;
    }));
    const first = likeliest(was, 1)[0], say = (id) => `“${shown(characters[id])}”`;
    said.textContent = `${done.length ? `With ${done.join(", ")}: ` : ""}${say(best[0])} comes next ` +
      `with ${p[best[0]].toFixed(2)}.` +
      (done.length ? ` Untouched it was ${say(first)} with ${was[first].toFixed(2)}.` : "");
    allOn.disabled = !done.length;
    if (token === null || done.length === 0) token = best[0];

    towers.flat().forEach((press) => {
      const [l, part] = press.dataset.key.split(".");
      press.setAttribute("aria-pressed", off.has(press.dataset.key));
      if (part !== "ff") press.querySelector(".map").replaceChildren(mapPicture(run.maps[l][part]));
    });
    run.streams.forEach((xs, l) => xs.forEach((x, i) => {
      const cell = lens.rows[l + 1].cells[i + 1], chance = softmax(reading(weights, config, x));
      const [id] = likeliest(chance, 1);
      cell.textContent = shown(characters[id]);
      cell.title = chance[id].toFixed(2);
      cell.style.setProperty("--weight", chance[id].toFixed(2));
    }));
    for (const cell of places.querySelectorAll("button")) {
      const effect = effects?.get(cell.dataset.key);
      cell.setAttribute("aria-pressed", patch.has(cell.dataset.key));
      cell.textContent = effect > 0.095 ? Math.round(effect * 100) : "·";
      cell.style.setProperty("--weight", Math.max(0, effect ?? 0).toFixed(2));
    }
    drawLooks();
    drawSum();
    drawTasks(p);
  }

  // What was read in the last pass has a frame; what the last letter reads of it is shaded.
  function drawCache() {
    const last = a.length - 1, rows = [...writing.table.rows].slice(2);
    writing.draw(run.maps[layer][head][last], last);
    rows.forEach((line, l) => a.forEach((_, i) => {
      const cell = line.cells[i + 1], share = mean(run.maps[l].map((map) => map[last]))[i];
      cell.classList.toggle("anew", i >= a.length - anew);
      cell.style.setProperty("--weight", share.toFixed(2));
      cell.title = `letter ${i + 1}: ${share.toFixed(2)}`;
    }));
    kept.textContent = (anew < a.length
      ? `Read in the last step: ${anew} of ${a.length} letters, in each of ${L} layers a key and a value ` +
        "(framed). The others were in the cache. "
      : `All ${anew} letters were read at once and fill the cache: in each of ${L} layers a key and a value ` +
        "of each (framed). ") +
      `Shaded is how much the last letter reads of each, on average over the ${H} heads; the arcs ` +
      `are those of layer ${layer + 1} head ${head + 1}.`;
  }

  // What depends on the chosen letter, layer and head.
  function drawLooks() {
    if (!run) return;
    for (const press of towers.flat())
      press.classList.toggle("chosen", press.dataset.key === `${layer}.${head}`);
    const looks = run.maps[layer][head][at];
    letters.forEach((letter, i) => {
      letter.setAttribute("aria-pressed", i === at);
      letter.style.setProperty("--weight", (looks[i] ?? 0).toFixed(2));
    });
    const x = run.streams[0][at], size = (v) => Math.sqrt(dot(v, 0, v, 0, v.length));
    vector.replaceChildren(strip(x));
    const cosines = characters.map((_, id) => {
      const y = row(table, id, config.d_model);
      return dot(x, 0, y, 0, x.length) / (size(x) * size(y));
    });
    near.textContent = `${config.d_model} numbers for “${shown(characters[a[at]])}”. Nearest to it: ` +
      likeliest(cosines, 4).slice(1).map((id) =>
        `“${shown(characters[id])}” ${cosines[id].toFixed(2)}`).join(", ") + " (cosine).";
    looking.draw(looks, at);
    drawCache();
    drawInside(looks);
    drawUnits();
  }

  function drawInside(looks) {
    const { q, k, v } = queriesKeysValues(weights.stack.layers[layer], run.streams[layer], config);
    const width = config.d_model / H, f = head * width, cut = (x) => x.subarray(f, f + width);
    const line = (i) => make("tr", {},
      make("th", { scope: "row" }, `${shown(characters[a[i]])} ${i + 1}`),
      make("td", { class: "key" }, strip(cut(k[i]))),
      make("td", {}, (dot(q[at], f, k[i], f, width) / Math.sqrt(width)).toFixed(1)),
      make("td", {}, looks[i].toFixed(2)),
      make("td", { class: "value" }, strip(cut(v[i]))));
    const names = ["letter", "its key", "q·k/√" + width, "weight", "its value"];
    inside.replaceChildren(
      make("p", {}, `Layer ${layer + 1}, head ${head + 1}, asked by “${shown(characters[a[at]])}” ` +
        `(letter ${at + 1}) with the query`, strip(cut(q[at]))),
      make("table", {}, make("tr", {}, ...names.map((n) => make("th", { scope: "col" }, n))),
        ...likeliest(looks, 4).map(line)));
    inside.querySelector(".strip").classList.add("query");
  }

  function drawUnits() {
    const values = hidden(weights, config, run, layer, at), places = model.get("units");
    const [each, length] = model.get("unit_shape");
    const count = values.filter((value) => value !== 0).length;
    awake.textContent = `Layer ${layer + 1} at “${shown(characters[a[at]])}” (letter ${at + 1}): ` +
      `${count} of ${values.length} hidden units are not zero.`;
    units.replaceChildren(...likeliest(values, 6).map((unit) => make("li", {},
      make("b", {}, `unit ${unit} · ${values[unit].toFixed(1)}`),
      ...Array.from({ length: each }, (_, n) => {
        const from = ((layer * values.length + unit) * each + n) * length;
        const ids = Array.from({ length }, (_, i) => places.getUint8(from + i));
        return make("code", {}, ids.map((id) => shown(characters[id])).join(""));
      }))));
  }

  const signless = (share) => share.toFixed(1).replace(/^-0\.0$/, "0.0");
  function drawSum() {
    const list = shares(weights, config, run, at, token), peak = Math.max(...list.map(([, s]) => Math.abs(s)));
    const total = list.reduce((s, [, share]) => s + share, 0);
    const strongest = new Map([...list].sort((x, y) => y[1] - x[1]).slice(0, 3));
    for (const press of towers.flat()) {
      const share = strongest.get(press.dataset.key);
      press.querySelector(".adds").textContent = share === undefined ? "" : `adds ${signless(share)}`;
    }
    sum.replaceChildren(...list.map(([key, share]) => {
      const bar = make("span", { class: share < 0 ? "bar minus" : "bar" });
      bar.style.setProperty("--value", Math.abs(share / peak).toFixed(3));
      return make("li", strongest.has(key) ? { class: "marked" } : {},
        make("span", {}, key === "start" ? "the letter itself" : nameOf(key)), bar,
        make("span", { class: "number" }, signless(share)));
    }));
    summed.textContent = `Added up for “${shown(characters[token])}” after letter ${at + 1}: ` +
      `${total.toFixed(1)} above the mean of all letters. The three parts that add most are marked, in the tower too.`;
  }

  // One vector of the second text at a time, in every place, a few in each frame.
  function scanAll() {
    const base = softmax(reading(weights, config, end(plain)));
    const goal = softmax(reading(weights, config, end(second())));
    const [letter] = likeliest(goal.map((g, i) => g - base[i]), 1);
    const todo = [...places.querySelectorAll("button")].map((cell) => cell.dataset.key);
    effects = new Map();
    const some = () => {
      for (const key of todo.splice(0, 5)) {
        const [l, i] = key.split(".");
        const put = new Map([[key, other.streams[l][i]]]);
        const p = softmax(reading(weights, config,
          end(pass(weights, config, a, { patch: put, known: plain, from: +l }))));
        effects.set(key, (p[letter] - base[letter]) / (goal[letter] - base[letter]));
      }
      drawAll();
      if (todo.length) scanning = requestAnimationFrame(some);
      else scanned.textContent = `Per cent of “${shown(characters[letter])}” that comes along.`;
    };
    some();
  }

  // Three tasks with known answers; what is on the page tells whether they are solved.
  function drawTasks(p) {
    const is = (one) => text.value === one, letter = (c) => p[characters.indexOf(c)];
    const one = off.size === 1 && [...off][0], [l] = one ? one.split(".") : [];
    const whole = Array.from({ length: L }, (_, n) => n).filter((n) => parts(n).every((k) => off.has(k)));
    const harm = model.get("layer_prices"), least = harm.indexOf(Math.min(...harm));
    const alone = whole.length === 1 && off.size === H + 1;
    const list = [
      ["“And it came to ”: without which one head of layers 2 to 4 is the “p” lost?",
        is("And it came to ") && one && l > 0 && !one.endsWith("ff") && letter("p") < 0.5 && !patch.size],
      ["“Surely they wil”, second text “Surely thou wil”: make it say “t” with one vector.",
        is("Surely they wil") && patch.size === 1 && !off.size && letter("t") > 0.5],
      ["Which whole layer costs least when it is off, on average? Switch off its four heads and its feed-forward; any text will do.",
        alone && whole[0] === least],
    ];
    tasks.replaceChildren(...list.map(([task, solved]) =>
      make("li", solved ? { class: "solved" } : {}, task, solved ? " Solved." : "")));
    if (alone)
      tasks.lastChild.append(` Without layer ${whole[0] + 1} a letter costs ` +
        `${harm[whole[0]].toFixed(2)} bits more.`);
  }

  const random = { seed: null, next: null };
  function sayOne() {
    if (random.seed !== seed.value) Object.assign(random, { seed: seed.value, next: randomNumbers(+seed.value || 0) });
    const p = chances(end(run)), likely = likeliest(p, Math.max(1, +top.value || 1));
    let left = random.next() * likely.reduce((s, id) => s + p[id], 0);
    const id = likely.find((id) => (left -= p[id]) < 0) ?? likely[0];
    const grown = Math.max(a.length, b.length) < LONGEST; // else the first letter goes, and all moves
    for (const box of [text, beside]) box.value = (box.value + characters[id]).slice(-LONGEST);
    if (!grown) return fresh();
    effects = token = null;
    cancelAnimationFrame(scanning);
    scanned.textContent = "";
    read([...a, id], [...b, id], true);
  }
  let writes = null;
  function rest() {
    clearTimeout(writes);
    writes = null;
    on.textContent = "Write on";
  }
  function writeOn() {
    on.textContent = "Stop";
    sayOne();
    writes = setTimeout(a.length < LONGEST ? writeOn : rest, 400);
  }

  const typed = () => (rest(), fresh());
  text.addEventListener("input", typed);
  beside.addEventListener("input", typed);
  temperature.addEventListener("input", drawAll);
  [text.value, beside.value] = model.get("examples")[0];
  const screens = []; // each has a number to jump to it
  const screen = (title, sentence, ...what) => {
    const name = make("p", { class: "title", role: "heading", "aria-level": "2", tabindex: "-1" }, title);
    const jump = button(String(screens.length + 1), () => (name.focus(), name.scrollIntoView()));
    jump.title = title;
    jump.setAttribute("aria-label", `To ${title}`);
    jump.setAttribute("data-lm-suppress-shortcuts", "true");
    screens.push(jump);
    return make("section", {}, name, make("p", {}, sentence), ...what);
  };
  const scrolls = (node, name) =>
    make("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": name }, node);
  const jumps = make("div", { class: "tlp-buttons", role: "group", "aria-label": "Screens" });
  const figure = frame("The machine", model.get("caption"),
    make("div", { class: "sight" },
      make("div", {}, field("Text", text), problem, said), next.list),
    make("div", { class: "tlp-row" }, field("Second text", beside), field("Temperature", temperature, heat)),
    make("div", { class: "tlp-row" }, examples, allOn),
    make("div", { class: "tlp-row" }, make("span", { class: "tlp-name" }, "To screen"), jumps),
    screen("1 · Letters become vectors",
      "Choose a letter. The shade behind each letter shows how much the chosen head looks at it from there.", row1, vector, near),
    screen("2 · Four times: attention, then feed-forward",
      "The line at the left is the stream: every part reads it and adds to it. Press a part to switch it off; a mark on each bar at the top is where it was. The bits are what a letter costs more without it, on average over held-out text. The arcs show where the chosen head looks.",
      arcs, tower, inside),
    screen("3 · What it would say, if it stopped here",
      "The last norm and the output layer, applied early: after each layer, at each place.", scrolls(lens, "Logit lens")),
    screen("4 · Where the answer is kept",
      "One vector of the second text goes into the first, at one place. Press a cell to put it in, and again to take it out.",
      make("div", { class: "tlp-row" }, scan, scanned), scrolls(places, "Places to put a vector in")),
    screen("5 · Who said so", "What leaves the last layer is a sum; so is each letter's logit.", summed, sum),
    screen("6 · What moves the feed-forward",
      "The strongest units at the chosen letter, each with the places of held-out text that move it most.", awake, units),
    screen("7 · Say it", "Draw the next letter at random, by its probability; the text grows by it. What was read of the earlier letters is kept (the key/value cache), so only the new one goes through the layers.",
      make("div", { class: "tlp-row" }, button("Say a letter", sayOne), on, field("Seed", seed),
        field("Among the likeliest", top)), cache, kept),
    screen("8 · Your turn", "The page sees when a task is solved.", tasks));
  figure.classList.add("tlm");
  jumps.append(...screens);
  figure.addEventListener("keydown", (event) => {
    if (event.key === "Escape") (rest(), allOn.click());
  });
  el.replaceChildren(figure);
  fresh();
  return () => (rest(), cancelAnimationFrame(scanning));
}

export default { render };

// --- a detector that finds the digits one moves ------------------------------------------------

const SPRITE = 28; // pixels along a digit's picture
const SURE = 0.4; // from here on a query names an object: best on scenes of training digits

const drawn = (tag, attributes, ...children) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

function render({ model, el }) {
  const config = model.get("config"), { num_queries: numQueries } = config;
  const weights = unpack(model.get("data"), model.get("contents"));
  const side = config.backbone.image_size, grid = side / config.backbone.patch_size;
  const bytes = model.get("samples"), grain = model.get("noise");
  const noise = Float32Array.from({ length: side * side }, (_, i) => grain.getInt8(i) / 127);
  const anchors = Array.from({ length: numQueries }, (_, q) =>
    row(weights.anchors, q, 4).map(sigmoid));

  const digits = model.get("labels").map((label, i) => {
    const area = SPRITE * SPRITE;
    const ink = Float32Array.from({ length: area }, (_, j) => bytes.getUint8(i * area + j) / 255);
    const [x, y] = model.get("places")[i];
    return { label, ink, x, y, there: x >= 0, owner: null };
  });
  let layers = [], last = digits[0], stage = config.num_layers, noisy = true, pending = null;

  // What the model sees: the brightest digit in each pixel, and noise.
  function scene() {
    const picture = new Float32Array(side * side);
    for (const { ink, x, y } of digits.filter((digit) => digit.there))
      ink.forEach((value, i) => {
        const column = x - SPRITE / 2 + (i % SPRITE);
        const line = y - SPRITE / 2 + Math.floor(i / SPRITE);
        if (column < 0 || line < 0 || column >= side || line >= side) return;
        const at = line * side + column;
        picture[at] = Math.max(picture[at], value);
      });
    return noisy ? picture.map((v, i) => Math.min(1, Math.max(0, v + noise[i]))) : picture;
  }

  // What the queries say after a layer; at stage 0 their anchors.
  function guesses(after) {
    return layers.at(-1).logits.map((logits, query) => {
      const chances = classChances(logits, config), chance = Math.max(...chances);
      const box = after ? layers[after - 1].boxes[query] : anchors[query];
      return { query, chance, label: String(chances.indexOf(chance)), box };
    });
  }

  const canvas = make("canvas");
  const sheet = drawn("svg", { viewBox: `0 0 ${side} ${side}`, "aria-hidden": "true" });
  const grips = digits.map((digit) => {
    const grip = make("button", { type: "button", class: "tlp-grip" });
    let from = null; // where the pointer took hold, and where the digit was
    grip.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button) return;
      grip.setPointerCapture(event.pointerId);
      from = [event.clientX, event.clientY, digit.x, digit.y];
    });
    grip.addEventListener("pointermove", (event) => {
      if (!from) return;
      const scale = side / canvas.getBoundingClientRect().width;
      move(digit, from[2] + (event.clientX - from[0]) * scale,
        from[3] + (event.clientY - from[1]) * scale);
    });
    for (const end of ["pointerup", "pointercancel"])
      grip.addEventListener(end, () => (from = null));
    grip.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      const step = steps[event.key];
      if (!step) return;
      event.preventDefault();
      move(digit, digit.x + 2 * step[0], digit.y + 2 * step[1]);
    });
    return grip;
  });

  function move(digit, x, y) {
    const inside = (value) => Math.round(Math.min(side - 8, Math.max(8, value)));
    [digit.x, digit.y, last] = [inside(x), inside(y), digit];
    schedule();
  }

  // Many moves before the next frame make one reading.
  function schedule() {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(look);
  }

  function look() {
    const picture = scene();
    paint(canvas, picture, side);
    layers = detect(weights, config, picture);
    const sure = guesses(config.num_layers).filter(({ chance }) => chance >= SURE);
    const passed = [];
    for (const digit of digits) {
      const away = ({ box }) => Math.hypot(box[0] * side - digit.x, box[1] * side - digit.y);
      const mine = sure.filter((guess) => digit.there && away(guess) < 10);
      const owner = mine.sort((a, b) => away(a) - away(b))[0]?.query ?? null;
      if (owner !== null && digit.owner !== null && owner !== digit.owner)
        passed.push(`Query ${digit.owner + 1} hands the ${digit.label} to query ${owner + 1}. `);
      digit.owner = owner;
    }
    draw();
    const words = sure.map(({ query, label, chance }) =>
      `query ${query + 1} a ${label} (${chance.toFixed(2)})`);
    said.textContent = passed.join("") + (words.length ? `Found: ${words.join(", ")}; ` : "") +
      `${numQueries - sure.length} of ${numQueries} name no digit.`;
  }

  function draw() {
    const looks = last.owner === null ? null : mean(layers.at(-1).attention[last.owner]);
    const most = looks && Math.max(...looks), step = side / grid;
    const patches = [...(looks ?? [])].map((weight, i) =>
      drawn("rect", { x: (i % grid) * step, y: Math.floor(i / grid) * step, width: step,
        height: step, class: "look", "fill-opacity": (0.6 * weight / most).toFixed(3) }));
    const spots = []; // where they stand; two queries may claim one digit
    const marks = guesses(stage).map(({ query, chance, label, box }) => {
      const [x, y, width, height] = box.map((part) => part * side), found = chance >= SURE;
      const [fromX, fromY] = anchors[query].map((part) => part * side), left = x - width / 2;
      const parts = [
        drawn("circle", { cx: fromX, cy: fromY, r: found ? 0.9 : 0.6 }),
        drawn("rect", { x: left, y: y - height / 2, width, height }),
      ];
      const above = Math.max(3.5, y - height / 2 - 0.8), below = y + height / 2 + 3;
      const covers = ([a, b]) => Math.abs(a - left) < 20 && Math.abs(b - above) < 4;
      if (found) parts.push(
        drawn("line", { x1: fromX, y1: fromY, x2: x, y2: y }),
        drawn("text", { x: left, y: spots.some(covers) ? Math.min(side - 1, below) : above },
          `${label} · query ${query + 1}`));
      if (found) spots.push([left, above]);
      return drawn("g", { class: found ? "found" : "none" }, ...parts);
    });
    sheet.replaceChildren(...patches, ...marks);
    digits.forEach((digit, i) => {
      const grip = grips[i];
      grip.hidden = !digit.there;
      grip.style.setProperty("--x", `${(100 * digit.x) / side}%`);
      grip.style.setProperty("--y", `${(100 * digit.y) / side}%`);
      grip.setAttribute("aria-label",
        `Digit ${digit.label}, ${digit.x} from the left, ${digit.y} from the top: use arrow keys`);
      shelf[i].setAttribute("aria-pressed", digit.there);
    });
  }

  const shelf = digits.map((digit) => {
    const small = make("canvas");
    paint(small, digit.ink, SPRITE);
    return button(small, () => {
      digit.there = !digit.there;
      if (digit.x < 0) [digit.x, digit.y] = [side / 2, side / 2];
      last = digit;
      schedule();
    }, { "aria-label": `The ${digit.label}`, class: "tlp-sample" });
  });
  const grained = make("input", { type: "checkbox" });
  grained.checked = noisy;
  grained.addEventListener("change", () => ((noisy = grained.checked), schedule()));
  const depths = [...Array(config.num_layers + 1).keys()];
  const names = depths.map((depth) => (depth ? `layer ${depth}` : "anchors"));
  const stages = choice("Boxes", names, stage, (i) => ((stage = i), draw()));
  const said = make("p", { class: "tlp-said", "aria-live": "polite" });
  const rack = make("div", { class: "tlp-buttons", role: "group" }, ...shelf);
  rack.setAttribute("aria-label", "Digits to put in and take out");
  el.replaceChildren(frame("Digit finder", model.get("caption"),
    make("div", { class: "tlp-scene" }, canvas, sheet, ...grips),
    said,
    rack,
    rowOf(stages, make("label", { class: "tlp-field" }, grained, "noise")),
  ));
  look();
  return () => cancelAnimationFrame(pending);
}

export default { render };

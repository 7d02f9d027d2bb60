// --- a ViT that reads digits -------------------------------------------------------------------

const PEN = 22; // width of its line: about two pixels of the picture, as in the training digits

// The picture with its patches in another order: at place i stands what was at place order[i].
function mixPatches(picture, order, side, size) {
  const mixed = new Float32Array(picture.length), grid = side / size;
  const start = (place, y) => (Math.floor(place / grid) * size + y) * side + (place % grid) * size;
  order.forEach((from, to) => {
    for (let y = 0; y < size; y++)
      mixed.set(picture.subarray(start(from, y), start(from, y) + size), start(to, y));
  });
  return mixed;
}

// The weights with the rows of their positions in that order; a class token keeps its own.
function mixPositions(weights, order, width) {
  const table = weights.positions.table.weight, moved = table.slice();
  const before = table.length / width - order.length;
  order.forEach((from, to) => moved.set(row(table, before + from, width), (before + to) * width));
  return { ...weights, positions: { table: { weight: moved } } };
}

function render({ model, el }) {
  const config = model.get("config"), classes = model.get("classes");
  const weights = unpack(model.get("data"), model.get("contents"));
  const side = config.image_size, size = config.patch_size, grid = side / size;
  const all = config.num_layers; // the choice behind the last layer: all of them, by rollout

  let picture = new Float32Array(side * side); // what the model reads
  let attention = null, chances = []; // [layer][query][head][key] and the classes' probabilities
  let pending = null;

  const label = "Drawing pad: draw a digit with mouse, finger or pen";
  const { pad, clear: wipe, put, drawn } = drawingPad(label, PEN, () => schedule());

  const tick = (changed) => {
    const box = make("input", { type: "checkbox" });
    box.addEventListener("change", () => changed());
    return box;
  };
  const centred = tick(() => schedule());
  centred.checked = true;
  // Two ticks for readers who are given an order in which the patches may be mixed.
  const order = model.get("order");
  const mixed = tick(() => classify()), along = tick(() => classify());
  const moved = order.length ? mixPositions(weights, order, config.d_model) : weights;
  const clear = button("Clear", () => (wipe(), schedule()));

  // Digits of the test set, as buttons. Their pixels go to the model as they are.
  const pixels = model.get("samples");
  const samples = model.get("labels").map((label, i) => {
    const area = side * side, at = i * area;
    const sample = Float32Array.from({ length: area }, (_, j) => pixels.getUint8(at + j) / 255);
    const small = make("canvas");
    paint(small, sample, side);
    return button(small, () => {
      put(small);
      schedule(sample);
    }, { "aria-label": `Test digit ${i + 1}: ${label}`, class: "tlp-sample" });
  });

  // What the model reads: the picture cut into its patches.
  const patches = Array.from({ length: grid * grid }, () => make("canvas"));
  const cells = patches.map((patch) => make("span", {}, patch));
  const cut = make("div", { class: "tlp-patches", role: "img" }, ...cells);
  cut.style.setProperty("--grid", grid);
  const scores = bars(classes.length, "Probability of each class");
  const said = make("p", { class: "tlp-said", "aria-live": "polite" });
  const start = { layer: model.get("layer") ?? all, head: 0 };
  const chosen = heads(config, start, () => look(), ["all"]);

  // Read the drawing, or a sample, before the next frame; many strokes make one reading.
  function schedule(sample = null) {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(() => {
      picture = sample ?? (centred.checked ? centre : shrink)(drawn(), SIZE, side);
      classify();
    });
  }

  function classify() {
    const seen = mixed.checked ? mixPatches(picture, order, side, size) : picture;
    patches.forEach((canvas, i) => {
      const left = (i % grid) * size, top = Math.floor(i / grid) * size;
      const part = Float32Array.from({ length: size * size }, (_, j) =>
        seen[(top + Math.floor(j / size)) * side + left + (j % size)]);
      paint(canvas, part, size);
    });
    const empty = picture.every((value) => value === 0);
    const read = empty ? null : vitForward(along.checked ? moved : weights, config, seen);
    attention = read?.attention;
    chances = read ? [...softmax(read.logits)] : [];
    const best = chances.indexOf(Math.max(...chances));
    scores.draw(classes.map((name, i) => ({ name, value: chances[i], marked: i === best })));
    look();
  }

  // Where it looks: from the class token, or from all patches whose mean it takes.
  function look() {
    let weights = new Float32Array(grid * grid);
    const hasClass = config.pooling === "class";
    if (attention) {
      const rolled = chosen.layer === all;
      const maps = rolled ? rollout(attention) : attention[chosen.layer].map(chosen.of);
      weights = hasClass ? maps[0].slice(1) : mean(maps);
    }
    chosen.controls[1].disabled = chosen.layer === all; // rollout takes the mean of the heads
    const strongest = Math.max(...weights) || 1;
    cells.forEach((cell, i) =>
      cell.style.setProperty("--weight", (weights[i] / strongest).toFixed(3)));
    const at = weights.indexOf(strongest);
    const where = `row ${Math.floor(at / grid) + 1}, column ${(at % grid) + 1}`;
    cut.setAttribute("aria-label", attention
      ? `The picture in ${grid} times ${grid} patches; it looks most at ${where}`
      : `An empty picture in ${grid} times ${grid} patches`);
    const order = [...chances.keys()].sort((a, b) => chances[b] - chances[a]);
    const name = (i) => `${classes[i]} (${chances[i].toFixed(2)})`;
    const second = chances[order[1]] >= 0.05 ? `, or perhaps ${name(order[1])}` : "";
    said.textContent = attention
      ? `It reads ${name(order[0])}${second}. It looks most at the patch in ${where}.`
      : "Draw a digit on the left, or choose one below.";
  }

  const part = (kind, name, ...rest) =>
    make("div", { class: kind }, make("p", { class: "tlp-name" }, name), ...rest);
  const named = (box, name) => make("label", { class: "tlp-field" }, box, name);
  const mixing = [named(mixed, "mix the patches"), named(along, "mix the positions, too")];
  const shelf = make("div", { class: "tlp-buttons", role: "group" }, ...samples);
  shelf.setAttribute("aria-label", "Digits of the test set");
  el.replaceChildren(frame("Digit reader", model.get("caption"),
    make("div", { class: "tlp-parts" },
      part("tlp-draw", "Draw here", make("div", { class: "tlp-pad" }, pad)),
      part("tlp-see", "What it reads, and where it looks", cut),
      part("tlp-class", "What it is", scores.list)),
    rowOf(clear, named(centred, "scale and centre, as in training"),
      ...(order.length ? mixing : [])),
    said,
    shelf,
    rowOf(...chosen.controls),
  ));
  classify();
  if (samples.length) samples[0].click();
  return () => cancelAnimationFrame(pending);
}

export default { render };

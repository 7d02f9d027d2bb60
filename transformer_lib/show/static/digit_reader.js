// --- a ViT that reads digits -------------------------------------------------------------------

// Put a drawing where the training digits stand: its box is 20 of 28 pixels long, and its centre of
// mass lies in the pixel right and below of the middle, on average in the middle of that. `ink`
// holds size² numbers from 0 to 1, the result side².
export function centre(ink, size, side) {
  let left = size, right = 0, top = size, bottom = 0, mass = 0, massX = 0, massY = 0;
  ink.forEach((value, i) => {
    const x = i % size, y = Math.floor(i / size);
    mass += value;
    massX += value * (x + 0.5);
    massY += value * (y + 0.5);
    if (value < 0.1) return;
    [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
  });
  if (!mass) return new Float32Array(side * side);
  const longer = Math.max(right - left, bottom - top, size / 8); // a dot stays a dot
  const scale = longer / ((side * 20) / 28), half = scale / 2;
  return shrink(ink, size, side, scale, massX / mass - half, massY / mass - half);
}

// Each of side² pixels is the mean of a square of `scale` points; (x, y) gets into the middle.
export function shrink(ink, size, side, scale = size / side, x = size / 2, y = size / 2) {
  const fine = 8; // points along a pixel
  const at = (middle, i, k) => Math.floor(middle + (i - side / 2 + (k + 0.5) / fine) * scale);
  const picture = new Float32Array(side * side);
  for (let i = 0; i < picture.length; i++) {
    for (let k = 0; k < fine * fine; k++) {
      const px = at(x, i % side, k % fine), py = at(y, Math.floor(i / side), Math.floor(k / fine));
      if (px >= 0 && py >= 0 && px < size && py < size) picture[i] += ink[py * size + px];
    }
    picture[i] /= fine * fine;
  }
  return picture;
}

const SIZE = 280; // points along the pad
const PEN = 22; // width of its line: about two pixels of the picture, as in the training digits

function render({ model, el }) {
  const config = model.get("config"), classes = model.get("classes");
  const weights = unpack(model.get("data"), model.get("contents"));
  const side = config.image_size, size = config.patch_size, grid = side / size;
  const all = config.num_layers; // the choice behind the last layer: all of them, by rollout

  let picture = new Float32Array(side * side); // what the model reads
  let attention = null, chances = []; // [layer][query][head][key] and the classes' probabilities
  let pending = null;

  // The pad: pointer events serve mouse, finger and pen alike.
  const pad = make("canvas", { width: SIZE, height: SIZE, role: "img" });
  pad.setAttribute("aria-label", "Drawing pad: draw a digit with mouse, finger or pen");
  const ink = pad.getContext("2d", { willReadFrequently: true });
  Object.assign(ink, { lineWidth: PEN, lineCap: "round", lineJoin: "round" });
  let last = null;
  const point = (event) => {
    const box = pad.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top].map((p) => (p * SIZE) / box.width);
  };
  const line = (event) => {
    const to = point(event);
    ink.beginPath();
    ink.moveTo(...last);
    ink.lineTo(...to); // of no length at first: round caps make it a dot
    ink.stroke();
    last = to;
    schedule();
  };
  pad.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button) return;
    event.preventDefault();
    pad.setPointerCapture(event.pointerId);
    last = point(event);
    line(event);
  });
  pad.addEventListener("pointermove", (event) => {
    if (last && event.isPrimary) (event.getCoalescedEvents?.() ?? [event]).forEach(line);
  });
  for (const end of ["pointerup", "pointercancel"])
    pad.addEventListener(end, (event) => event.isPrimary && ((last = null), schedule()));

  const centred = make("input", { type: "checkbox" });
  centred.checked = true;
  centred.addEventListener("change", () => schedule());
  const clear = button("Clear", () => (ink.clearRect(0, 0, SIZE, SIZE), schedule()));

  // Digits of the test set, as buttons. Their pixels go to the model as they are.
  const pixels = model.get("samples");
  const samples = model.get("labels").map((label, i) => {
    const area = side * side, at = i * area;
    const sample = Float32Array.from({ length: area }, (_, j) => pixels.getUint8(at + j) / 255);
    const small = make("canvas");
    paint(small, sample, side);
    return button(small, () => {
      ink.clearRect(0, 0, SIZE, SIZE);
      ink.drawImage(small, 0, 0, SIZE, SIZE);
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
      const { data } = ink.getImageData(0, 0, SIZE, SIZE);
      const drawn = Float32Array.from({ length: SIZE * SIZE }, (_, i) => data[4 * i + 3] / 255);
      picture = sample ?? (centred.checked ? centre : shrink)(drawn, SIZE, side);
      classify();
    });
  }

  function classify() {
    patches.forEach((canvas, i) => {
      const left = (i % grid) * size, top = Math.floor(i / grid) * size;
      const part = Float32Array.from({ length: size * size }, (_, j) =>
        picture[(top + Math.floor(j / size)) * side + left + (j % size)]);
      paint(canvas, part, size);
    });
    const empty = picture.every((value) => value === 0);
    const read = empty ? null : vitForward(weights, config, picture);
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
  const shelf = make("div", { class: "tlp-buttons", role: "group" }, ...samples);
  shelf.setAttribute("aria-label", "Digits of the test set");
  el.replaceChildren(frame("Digit reader", model.get("caption"),
    make("div", { class: "tlp-parts" },
      part("tlp-draw", "Draw here", make("div", { class: "tlp-pad" }, pad)),
      part("tlp-see", "What it reads, and where it looks", cut),
      part("tlp-class", "What it is", scores.list)),
    rowOf(clear,
      make("label", { class: "tlp-field" }, centred, "scale and centre, as in training")),
    said,
    shelf,
    rowOf(...chosen.controls),
  ));
  classify();
  if (samples.length) samples[0].click();
  return () => cancelAnimationFrame(pending);
}

export default { render };

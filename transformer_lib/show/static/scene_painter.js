// --- a painter of scenes: the masks follow the brush --------------------------------------------

const BRUSH = 1.3; // radius in pixels: about a stroke of the training digits
const RUBBER = 3;
const LEAST = 12; // pixels of one class side by side that are worth a label

// What belongs together: for every group of neighbours of one class its class, size and middle.
function regions(classes, side, background) {
  const seen = new Uint8Array(classes.length), found = [];
  for (let start = 0; start < classes.length; start++) {
    if (seen[start] || classes[start] === background) continue;
    const queue = [start];
    seen[start] = 1;
    let x = 0, y = 0;
    for (let n = 0; n < queue.length; n++) {
      const at = queue[n], column = at % side, line = Math.floor(at / side);
      x += column + 0.5;
      y += line + 0.5;
      for (let dy = -1; dy <= 1; dy++)
        for (let dx = -1; dx <= 1; dx++) {
          const next = at + dy * side + dx;
          const inside = column + dx >= 0 && column + dx < side && line + dy >= 0 && line + dy < side;
          if (!inside || seen[next] || classes[next] !== classes[start]) continue;
          seen[next] = 1;
          queue.push(next);
        }
    }
    const size = queue.length;
    found.push({ label: classes[start], size, x: x / size, y: y / size });
  }
  return found.filter(({ size }) => size >= LEAST);
}

function render({ model, el }) {
  const config = model.get("config"), classes = model.get("classes"), background = classes.length - 1;
  const weights = unpack(model.get("data"), model.get("contents"));
  const side = config.image_size;
  let picture = new Float32Array(side * side); // what the model reads
  let chances = []; // [pixel][class]
  let shown = background; // a class whose chances are shown; the last stands for all of them
  let rubs = false, last = null, pending = null;

  // The scene: paint on it, or move it by the arrow keys.
  const scene = make("canvas", { role: "img", tabindex: 0 });
  scene.setAttribute("aria-label",
    "The scene: paint with mouse, finger or pen; the arrow keys move it by a pixel");
  const point = (event) => {
    const box = scene.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top].map((p) => (p * side) / box.width);
  };
  const stroke = (event) => {
    const to = point(event);
    const [dx, dy] = [to[0] - last[0], to[1] - last[1]], steps = Math.ceil(2 * Math.hypot(dx, dy)) + 1;
    for (let n = 1; n <= steps; n++) stamp(last[0] + (dx * n) / steps, last[1] + (dy * n) / steps);
    last = to;
    schedule();
  };
  function stamp(x, y) {
    const radius = rubs ? RUBBER : BRUSH, reach = Math.ceil(radius + 1);
    for (let j = Math.floor(y) - reach; j <= y + reach; j++)
      for (let i = Math.floor(x) - reach; i <= x + reach; i++) {
        if (i < 0 || j < 0 || i >= side || j >= side) continue;
        const ink = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(i + 0.5 - x, j + 0.5 - y)));
        const at = j * side + i;
        picture[at] = rubs ? Math.min(picture[at], 1 - ink) : Math.max(picture[at], ink);
      }
  }
  scene.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button) return;
    scene.setPointerCapture(event.pointerId);
    last = point(event);
    stroke(event);
  });
  scene.addEventListener("pointermove", (event) => {
    if (last && event.isPrimary) (event.getCoalescedEvents?.() ?? [event]).forEach(stroke);
  });
  for (const end of ["pointerup", "pointercancel"])
    scene.addEventListener(end, (event) => event.isPrimary && (last = null));
  const moves = {
    ArrowLeft: ["←", -1, 0, "left"], ArrowUp: ["↑", 0, -1, "up"],
    ArrowDown: ["↓", 0, 1, "down"], ArrowRight: ["→", 1, 0, "right"],
  };
  function move([, dx, dy]) {
    picture = picture.map((_, i) => {
      const x = (i % side) - dx, y = Math.floor(i / side) - dy;
      return x < 0 || y < 0 || x >= side || y >= side ? 0 : picture[y * side + x];
    });
    schedule();
  }
  scene.addEventListener("keydown", (event) => {
    if (!(event.key in moves)) return;
    event.preventDefault();
    move(moves[event.key]);
  });
  const arrows = Object.values(moves).map((to) =>
    button(to[0], () => move(to), { "aria-label": `Move the scene ${to[3]} by a pixel` }));

  // The masks: a colour for each class and its name beside it, or the chances of one class.
  const masks = make("canvas", { role: "img" });
  const names = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  names.setAttribute("viewBox", `0 0 ${side} ${side}`);
  names.setAttribute("aria-hidden", "true");
  const said = make("p", { class: "tlp-said", "aria-live": "polite" });
  const choices = [...classes.slice(0, background), "all"];
  const show = choice("Show", choices, background, (i) => ((shown = i), draw()));
  const tool = choice("Brush", ["paint", "rub out"], 0, (i) => (rubs = i === 1));

  const pixels = model.get("samples");
  const samples = Array.from({ length: pixels.byteLength / (side * side) }, (_, i) => {
    const area = side * side, at = i * area;
    const sample = Float32Array.from({ length: area }, (_, j) => pixels.getUint8(at + j) / 255);
    const small = make("canvas");
    paint(small, sample, side);
    return button(small, () => ((picture = sample.slice()), schedule()), {
      "aria-label": `Test scene ${i + 1}`, class: "tlp-sample" });
  });
  const clear = button("Clear", () => (picture.fill(0), schedule()));

  // Read the scene before the next frame; many strokes make one reading.
  function schedule() {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(read);
  }
  function read() {
    paint(scene, picture, side);
    chances = segment(weights, config, picture);
    draw();
  }
  function draw() {
    const best = chances.map((p) => p.indexOf(Math.max(...p)));
    const found = regions(best, side, background);
    masks.width = masks.height = side;
    const image = new ImageData(side, side), palette = colours(classes.length);
    chances.forEach((p, i) => {
      const k = shown === background ? best[i] : shown;
      const alpha = shown === background ? Number(k !== background) : p[k];
      image.data.set([...palette[k], 255 * alpha], 4 * i);
    });
    masks.getContext("2d").putImageData(image, 0, 0);
    const label = ({ label, x, y }) => {
      const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
      text.setAttribute("x", x);
      text.setAttribute("y", y);
      text.textContent = classes[label];
      return text;
    };
    const named = found.filter(({ label }) => shown === background || label === shown);
    names.replaceChildren(...named.map(label));
    const listed = found.map(({ label, size }) => `${classes[label]} (${size} pixels)`);
    const what = listed.length ? `It sees ${listed.join(", ")}.` : "It sees nothing but background.";
    said.textContent = what;
    masks.setAttribute("aria-label", what);
  }

  // Eleven hues that stay apart on white and on black; the last, of the background, is not used.
  function colours(count) {
    return ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#A6761D", "#7B61C9",
      "#8DA829", "#8A8A8A", "#000000"].slice(0, count)
      .map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  }

  const part = (name, ...rest) => make("div", {}, make("p", { class: "tlp-name" }, name), ...rest);
  const shelf = make("div", { class: "tlp-buttons", role: "group" }, ...samples);
  shelf.setAttribute("aria-label", "Test scenes");
  el.replaceChildren(frame("Scene painter", model.get("caption"),
    make("div", { class: "tlp-halves" },
      part("Paint here", make("div", { class: "tlp-paper" }, scene)),
      part("Which digit each pixel belongs to", make("div", { class: "tlp-paper masks" }, masks, names))),
    rowOf(tool, make("div", { class: "tlp-buttons" }, clear, ...arrows)),
    said,
    shelf,
    rowOf(show),
  ));
  if (samples.length) samples[0].click();
  else read();
  return () => cancelAnimationFrame(pending);
}

export default { render };

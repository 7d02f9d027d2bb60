// --- parts that the widgets share --------------------------------------------------------------

const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children); // strings become text nodes, never markup
  return node;
};

// The frame of a widget. Keys that are pressed on its parts are no shortcuts of JupyterLab, which
// looks for the attribute at the very element that has the focus.
function frame(label, caption, ...parts) {
  const figure = make("figure", { class: "tlp", "aria-label": label });
  if (caption) figure.append(make("figcaption", {}, caption));
  figure.append(...parts);
  for (const part of figure.querySelectorAll("input, button, [tabindex]"))
    part.setAttribute("data-lm-suppress-shortcuts", "true");
  return figure;
}

// A control with its name before it.
const field = (name, ...parts) =>
  make("label", { class: "tlp-field" }, make("span", {}, name), ...parts);

const rowOf = (...parts) => make("div", { class: "tlp-row" }, ...parts);

// A row of radio buttons; the browser gives it arrow keys and one tab stop.
function choice(legend, labels, chosen, changed) {
  const name = `tlp-${Math.random().toString(36).slice(2)}`;
  const set = make("fieldset", { class: "tlp-choice" }, make("legend", {}, legend));
  labels.forEach((label, i) => {
    const input = make("input", { type: "radio", name, value: i });
    input.checked = i === chosen;
    input.addEventListener("change", () => changed(i));
    set.append(make("label", {}, input, make("span", {}, label)));
  });
  return set;
}

const button = (text, clicked, attributes = {}) => {
  const node = make("button", { type: "button", ...attributes }, text);
  node.addEventListener("click", clicked);
  return node;
};

// Numbers from 0 to 1 as more or less opaque ink on a canvas.
function paint(canvas, picture, side) {
  canvas.width = canvas.height = side;
  const image = new ImageData(side, side);
  picture.forEach((value, i) => (image.data[4 * i + 3] = Math.round(255 * value)));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Probabilities as bars: a list, each line a name, a bar and a number.
function bars(count, label) {
  const list = make("ol", { class: "tlp-bars", "aria-label": label });
  const parts = () => ["name", "bar", "number"].map((name) => make("span", { class: name }));
  for (let i = 0; i < count; i++) list.append(make("li", {}, ...parts()));
  const draw = (lines) =>
    [...list.children].forEach((line, i) => {
      const { name = "", value, marked = false } = lines[i] ?? {};
      line.querySelector(".name").textContent = name;
      line.querySelector(".bar").style.setProperty("--value", value ?? 0);
      line.querySelector(".number").textContent = value === undefined ? "" : value.toFixed(2);
      line.classList.toggle("marked", marked);
    });
  return { list, draw };
}

// Layers and heads to choose from; head 0 stands for the mean of all.
function heads(config, start, changed, more = []) {
  const chosen = { layer: start.layer, head: start.head };
  const count = (n) => Array.from({ length: n }, (_, i) => String(i + 1));
  const pick = (what) => (i) => ((chosen[what] = i), changed());
  chosen.controls = [
    choice("Layer", [...count(config.num_layers), ...more], start.layer, pick("layer")),
    choice("Head", ["mean", ...count(config.num_heads)], start.head, pick("head")),
  ];
  chosen.of = (maps) => (chosen.head ? maps[chosen.head - 1] : mean(maps)); // maps: [head][key]
  return chosen;
}

// Random numbers that are the same for the same seed: mulberry32, by Tommy Ettinger.
export function randomNumbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// --- words find icons, and a drawing finds its names ----------------------------------------------

const SHOWN = 24; // icons
const NAMED = 6; // names
const PEN = 20; // width of its line: two pixels of the picture, as in outlined icons

// Words with signs: "folder lock - lock + star". A word without one is added.
export function readTerms(text, numberOf) {
  const terms = [], unknown = [];
  let sign = 1;
  for (const part of text.toLowerCase().match(/[+−-]|[a-z0-9]+/g) ?? []) {
    if (/^[+−-]$/.test(part)) sign = part === "+" ? 1 : -1;
    else if (numberOf.has(part)) terms.push([numberOf.get(part), sign]);
    else unknown.push(part);
    if (/[a-z0-9]/.test(part)) sign = 1;
  }
  return { terms, unknown };
}

function render({ model, el }) {
  const config = model.get("config"), side = config.image_size;
  const weights = unpack(model.get("data"), model.get("contents"));
  const lines = (name) => new TextDecoder().decode(model.get(name)).split("\n");
  const words = lines("words"), names = lines("names"), iconNames = lines("icon_names");
  const numberOf = new Map(words.map((word, i) => [word, i]));
  const table = weights.words.weight, width = table.length / words.length;
  const ofName = (name) => textVector(table, width, readTerms(name, numberOf).terms);
  let nameTable = null; // made for the first picture that is read
  function namesAsVectors() {
    const vectors = new Float32Array(names.length * width);
    names.forEach((name, i) => vectors.set(ofName(name), i * width));
    return vectors;
  }
  let pending = null;

  // The icons: two pixels to a byte, 16 shades.
  const bytes = model.get("icons"), area = side * side;
  const shade = (at) => ((bytes.getUint8(at >> 1) >> (at % 2 ? 0 : 4)) & 15) / 15;
  const pictureOf = (i) => Float32Array.from({ length: area }, (_, j) => shade(i * area + j));
  const icons = new Map(); // an icon is drawn when it is found
  function icon(i) {
    if (!icons.has(i)) {
      const small = make("canvas");
      paint(small, pictureOf(i), side);
      icons.set(i, button(small, () => show(i), { class: "tlp-sample", title: iconNames[i] }));
    }
    return icons.get(i);
  }

  const plain = { spellcheck: "false", autocomplete: "off", autocapitalize: "off" };
  const input = make("input", { type: "text", maxlength: "80", "aria-label": "Words", ...plain });
  input.value = model.get("text");
  const shelf = make("div", { class: "tlp-buttons tlp-found", role: "group" });
  shelf.setAttribute("aria-label", "The icons that fit best, best first");
  const found = make("p", { class: "tlp-said", "aria-live": "polite" });
  const examples = model.get("examples").map((text) =>
    button(text, () => ((input.value = text), search())));

  function search() {
    const { terms, unknown } = readTerms(input.value, numberOf);
    const rest = unknown.length ? ` It never saw the word ${unknown.join(", ")}.` : "";
    const best = terms.length ? nearest(weights.icons, textVector(table, width, terms), SHOWN) : [];
    shelf.replaceChildren(...best.map(([i, cosine]) => {
      icon(i).setAttribute("aria-label", `${iconNames[i]}, cosine ${cosine.toFixed(2)}`);
      return icon(i);
    }));
    const said = best.slice(0, 3).map(([i, cosine]) => `${iconNames[i]} (${cosine.toFixed(2)})`);
    found.textContent = said.length ? `It finds ${said.join(", ")}.${rest}` : `Type a word.${rest}`;
  }
  input.addEventListener("input", search);

  const label = "Drawing pad: draw an icon with mouse, finger or pen";
  const { pad, clear, put, drawn } = drawingPad(label, PEN, () => schedule());
  const scores = bars(NAMED, "The names that fit best, with their cosines");
  scores.list.classList.add("tlp-names");
  const wipe = button("Clear", () => (clear(), schedule()));
  const read = make("p", { class: "tlp-said", "aria-live": "polite" });

  function show(i) {
    put(icon(i).querySelector("canvas"));
    schedule(pictureOf(i), iconNames[i]);
  }

  // Read the drawing, or an icon, before the next frame; many strokes make one reading.
  function schedule(picture = null, name = null) {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(() => answer(picture ?? shrink(drawn(), SIZE, side), name));
  }

  function answer(picture, name) {
    const empty = picture.every((value) => value === 0);
    nameTable ??= namesAsVectors();
    const best = empty ? [] : nearest(nameTable, imageVector(weights, config, picture), names.length);
    scores.draw(best.slice(0, NAMED).map(([i, cosine]) => (
      { name: names[i], value: Math.max(0, cosine), marked: names[i] === name })));
    const place = name === null ? 0 : best.findIndex(([i]) => names[i] === name) + 1;
    read.textContent = empty ? "Draw an icon, or choose one."
      : name === null ? `It reads “${names[best[0][0]]}”.`
      : `Its name, “${name}”, is number ${place} of ${names.length}.`;
  }

  const part = (kind, name, ...rest) =>
    make("div", { class: kind }, make("p", { class: "tlp-name" }, name), ...rest);
  el.replaceChildren(frame("Icon finder", model.get("caption"),
    make("div", { class: "tlp-prompt" }, make("label", {}, "Words", " "), input),
    rowOf(make("div", { class: "tlp-buttons" }, ...examples)),
    found,
    shelf,
    make("div", { class: "tlp-icon-halves" },
      part("tlp-draw", "Draw here", make("div", { class: "tlp-pad" }, pad), rowOf(wipe)),
      part("tlp-class", `What it is called, of ${names.length} names`, scores.list, read)),
  ));
  search();
  const then = setTimeout(() => { // words answer before the tower has read a picture
    if (shelf.firstChild) shelf.firstChild.click();
    else answer(new Float32Array(area), null);
  });
  return () => (clearTimeout(then), cancelAnimationFrame(pending));
}

export default { render };

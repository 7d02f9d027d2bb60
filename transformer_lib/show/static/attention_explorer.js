// Attention explorer: choose a token (hover, tap, focus, arrow keys) and see where it looks.
// State: weights[layer][head][query][key] in thousandths; layer, head, query are what is chosen.

const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children); // strings become text nodes, never markup
  return node;
};
// A blank and the end of a line, so that one sees them.
const visible = (text) => ({ "\n": "↵" })[text] ?? (text.trim() === "" ? "␣" : text);
const show = (thousandths) => (thousandths / 1000).toFixed(2);

// A row of radio buttons; the browser gives it arrow keys and one tab stop.
function choice(model, trait, legend, labels, name) {
  const set = make("fieldset", { class: "tlx-choice" }, make("legend", {}, legend));
  const inputs = labels.map((label, i) => {
    const input = make("input", { type: "radio", name: `${name}-${trait}`, value: i });
    input.addEventListener("change", () => {
      model.set(trait, i);
      model.save_changes();
    });
    set.append(make("label", {}, input, make("span", {}, label)));
    return input;
  });
  const update = () => (inputs[model.get(trait)].checked = true);
  return { set, update };
}

function render({ model, el }) {
  const id = `tlx-${Math.random().toString(36).slice(2)}`; // radio buttons of one widget
  const queries = model.get("query_tokens").map(visible);
  const cross = model.get("key_tokens") !== null;
  const keys = cross ? model.get("key_tokens").map(visible) : queries;
  // Many single letters stand close, as in a line of text; their weights are in the table.
  const rows = [queries, keys].map((row) =>
    row.length > 20 && row.every((text) => [...text].length === 1) ? "tlx-tokens letters" : "tlx-tokens");
  const layers = model.get("layers");
  const heads = model.get("weights")[0].map((_, i) => String(i + 1));
  const map = () => model.get("weights")[model.get("layer")][model.get("head")];

  const choose = (i) => {
    model.set("query", i);
    model.save_changes();
  };

  // Tokens that look: one radio group with a roving tab stop.
  const group = make("div", { class: rows[0], role: "radiogroup" });
  const token = (text) => [
    make("span", { class: "tlx-text" }, text),
    make("span", { class: "tlx-weight", "aria-hidden": "true" }, "\u00a0"),
  ];
  const lookers = queries.map((text, i) => {
    const button = make("span", { class: "tlx-token", role: "radio", "aria-label": text });
    button.append(...(cross ? [token(text)[0]] : token(text)));
    button.addEventListener("pointerenter", (e) => e.pointerType === "mouse" && choose(i));
    button.addEventListener("click", () => (choose(i), button.focus()));
    group.append(button);
    return button;
  });
  group.setAttribute("aria-label", "Token that looks");
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  group.addEventListener("keydown", (event) => {
    const n = queries.length;
    let next = (model.get("query") + (steps[event.key] ?? 0) + n) % n;
    if (event.key === "Home") next = 0;
    else if (event.key === "End") next = n - 1;
    else if (!(event.key in steps)) return;
    event.preventDefault();
    choose(next);
    lookers[next].focus();
  });

  // Tokens that are looked at: the same ones (self-attention) or a second row (cross-attention).
  const targets = cross
    ? keys.map((text) => make("li", { class: "tlx-token" }, ...token(text)))
    : lookers;

  const layer = choice(model, "layer", "Layer", layers, id);
  const head = choice(model, "head", "Head", heads, id);
  const said = make("p", { class: "tlx-said", "aria-live": "polite" });
  const body = make("tbody");
  const title = make("caption");
  const corner = make("td");
  const columns = keys.map((key) => make("th", { scope: "col" }, key));
  const table = make("table", {}, title, make("thead", {}, make("tr", {}, corner, ...columns)), body);
  const scroll = make("div", { class: "tlx-scroll", tabindex: "0", role: "region" }, table);
  scroll.setAttribute("aria-label", "Attention weights, table");

  const drawMap = () => {
    layer.update();
    head.update();
    title.textContent = `Layer ${layers[model.get("layer")]}, head ${heads[model.get("head")]}: `;
    title.append("each row says how much one token looks at each of the others.");
    body.replaceChildren(
      ...map().map((row, i) =>
        make("tr", {}, make("th", { scope: "row" }, queries[i]),
          ...row.map((weight) => make("td", {}, show(weight))))),
    );
    drawQuery();
  };
  const drawQuery = () => {
    const i = model.get("query");
    const row = map()[i];
    lookers.forEach((looker, j) => {
      looker.setAttribute("aria-checked", j === i);
      looker.tabIndex = j === i ? 0 : -1;
    });
    targets.forEach((target, j) => {
      target.style.setProperty("--weight", row[j] / 1000);
      target.querySelector(".tlx-weight").textContent = show(row[j]);
    });
    const top = row.map((weight, j) => [weight, j]).filter(([weight]) => weight >= 5);
    top.sort((a, b) => b[0] - a[0]);
    const list = top.slice(0, 3).map(([weight, j]) => `“${keys[j]}” ${show(weight)}`);
    said.textContent = `“${queries[i]}” looks at ${list.join(", ") || "nothing"}` +
      (top.length > 3 ? " …" : ".");
  };

  const figure = make("figure", { class: "tlx", "aria-label": "Attention explorer" });
  if (model.get("caption")) figure.append(make("figcaption", {}, model.get("caption")));
  const controls = make("div", { class: "tlx-controls" });
  if (layers.length > 1) controls.append(layer.set);
  if (heads.length > 1) controls.append(head.set);
  if (controls.hasChildNodes()) figure.append(controls);
  if (cross) {
    figure.append(make("p", { class: "tlx-name" }, "Queries: the tokens that look"), group);
    figure.append(make("p", { class: "tlx-name" }, "Keys: the tokens that are looked at"));
    figure.append(make("ol", { class: rows[1] }, ...targets));
  } else figure.append(group);
  figure.append(said, make("details", {}, make("summary", {}, "All weights as a table"), scroll));
  el.replaceChildren(figure);
  drawMap();

  for (const trait of ["layer", "head"]) model.on(`change:${trait}`, drawMap);
  model.on("change:query", drawQuery);
  return () => {
    for (const trait of ["layer", "head"]) model.off(`change:${trait}`, drawMap);
    model.off("change:query", drawQuery);
  };
}

export default { render };

// A slide show: a slider or a list above pictures that were drawn beforehand.
// State: pictures (SVG), labels (one each), label (the control's name), index (which is shown).

const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children); // strings become text nodes, never markup
  return node;
};

function render({ model, el }) {
  const labels = model.get("labels");
  const slider = model.get("control") === "slider";
  const control = slider
    ? make("input", { type: "range", min: 0, max: labels.length - 1, step: 1 })
    : make("select", {}, ...labels.map((label, i) => make("option", { value: i }, label)));
  const said = make("output", { class: "tls-said" });
  // On a phone the picture scrolls in a box of its own, by keys too.
  const box = make("div", { class: "tls-box", tabindex: 0, role: "group" });
  box.setAttribute("aria-label", `Picture for ${model.get("label")}`);

  const update = () => {
    const i = model.get("index");
    control.value = i;
    if (slider) control.setAttribute("aria-valuetext", labels[i]);
    said.textContent = slider ? labels[i] : "";
    const drawn = new DOMParser().parseFromString(model.get("pictures")[i], "text/html");
    box.replaceChildren(drawn.body.firstElementChild);
  };
  control.addEventListener("input", () => {
    model.set("index", Number(control.value));
    model.save_changes();
  });
  model.on("change:index", update);
  update();

  const name = make("span", { class: "tls-label" }, model.get("label"));
  const row = make("div", { class: "tls-control" }, make("label", {}, name, control), said);
  el.append(make("div", { class: "tls" }, row, box));
}

export default { render };

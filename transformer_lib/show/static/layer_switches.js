// Shows the setting that is chosen at the depth that is chosen; a part that is clicked on is taken
// away. Python has drawn the first state and computed every number; here they are only shown.
const layerSwitches = (figure) => {
  const { settings, axis, lefts } =
    JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  const all = (what) => [...figure.querySelectorAll(what)];
  const fields = all("fieldset"), drawings = all(".tlw-drawing");
  const slider = figure.querySelector('input[type="range"]');
  const cells = all(".cell"), curves = all(".curve"), marks = all(".at");
  const along = (n) => (axis.wide * n) / slider.max;

  const path = (powers, i) => "M" + powers.map((power, n) => {
    const y = axis.top + (axis.tall * (axis.high - power)) / (axis.high - axis.low);
    return `${(lefts[i] + along(n)).toFixed(1)} ${y.toFixed(1)}`;
  }).join("L");

  function shown(power) {
    if (power <= axis.low) return `below 1e${axis.low}`;
    if (power >= axis.high) return `above 1e${axis.high}`;
    const value = 10 ** power;
    return value >= 0.01 && value < 1000 ? value.toFixed(2) : value.toExponential(1);
  }

  function draw() {
    const chosen = settings[fields.map((f) => f.querySelector(":checked").value).join("|")];
    const layer = Number(slider.value);
    slider.nextElementSibling.value = layer;
    drawings.forEach((drawing, i) => { drawing.hidden = i !== chosen.drawing; });
    chosen.cosines[layer].forEach((cosine, i) => {
      cells[i].setAttribute("fill-opacity", cosine / 100);
    });
    chosen.curves.forEach((powers, i) => {
      curves[i].setAttribute("d", path(powers, i));
      marks[i].setAttribute("d", `M${lefts[i] + along(layer)} ${axis.top}v${axis.tall}`);
    });
    const [size, spread, gradient] = chosen.curves.map((powers) => shown(powers[layer]));
    figure.querySelector(".tlw-said").textContent =
      `${layer ? `After layer ${layer}` : "Before the first layer"}: size ${size}, spread ` +
      `${spread}. A gradient of 1 at the top is ${gradient} here.`;
  }

  // A box says whose it is ("norm2: LayerNorm, …"); a plus is a circle.
  function takeAway(event) {
    const box = event.target.closest("g")?.querySelector("title")?.textContent;
    const part = box ? box.match(/^[a-z_]+/)[0] : event.target.matches("circle, circle + text") ? "plus" : "";
    const field = fields.find((one) => one.dataset.part === part);
    if (!field) return;
    [...field.querySelectorAll("input")].at(-1).checked = true;
    draw();
  }

  drawings.forEach((drawing) => drawing.addEventListener("click", takeAway));
  const controls = figure.querySelector(".tlw-fields");
  controls.addEventListener("input", draw);
  controls.hidden = false;
  draw(); // a page that is loaded again may keep what was chosen
};

// What is left of a gradient after each step: of a recurrence of one number, and along an LSTM's cell.
// The figure holds the first state, drawn; here only what moves is moved.
const handedDown = (figure) => {
  const { steps, first, lowest, highest, left, top, broad, high } = JSON.parse(figure.dataset.state);
  const sliders = Object.fromEntries(
    [...figure.querySelectorAll("input")].map((input) => [input.dataset.for, input]));
  const svg = figure.querySelector("svg");
  const value = (name) => Number(sliders[name].value);

  function recurrence(w) {
    const found = [];
    for (let t = 0, h = first, size = 1; t < steps; t++) {
      h = Math.tanh(w * h);
      size *= Math.abs(w * (1 - h * h));
      found.push(size);
    }
    return found;
  }

  const cell = (bias) =>
    Array.from({ length: steps }, (_, t) => (1 / (1 + Math.exp(-bias))) ** (t + 1));

  function height(size) {
    const power = Math.max(lowest, Math.min(highest, Math.log10(size)));
    return top + (high * (highest - power)) / (highest - lowest);
  }

  const path = (line) => "M" + [1, ...line].map((size, t) =>
    `${(left + (broad * t) / steps).toFixed(1)} ${height(size).toFixed(1)}`).join("L");

  const shown = (size) => size >= 0.01 && size < 1000 ? size.toFixed(2) : size.toExponential(1);

  function draw() {
    const lines = { recurrence: recurrence(value("w")), gated: cell(value("bias")) };
    for (const [name, line] of Object.entries(lines)) {
      svg.querySelector(`.tlh-line.${name}`).setAttribute("d", path(line));
    }
    const at = value("distance");
    svg.querySelector(".tlh-at").setAttribute("d", `M${left + (broad * at) / steps} ${top}v${high}`);
    for (const input of Object.values(sliders)) input.nextElementSibling.value = Number(input.value);
    figure.querySelector(".tlh-said").textContent =
      `After ${at} steps: ${shown(lines.recurrence[at - 1])} of the gradient is left in the ` +
      `recurrence, ${shown(lines.gated[at - 1])} along the LSTM's cell.`;
  }

  function point(event) {
    const box = figure.querySelector(".tlh-field").getBoundingClientRect();
    sliders.distance.value = Math.round((steps * (event.clientX - box.left)) / box.width);
    draw();
  }
  svg.addEventListener("pointerdown", point);
  svg.addEventListener("pointermove", (event) => event.buttons && point(event));

  for (const input of Object.values(sliders)) {
    input.parentElement.hidden = false;
    input.addEventListener("input", draw);
  }
  draw();
};

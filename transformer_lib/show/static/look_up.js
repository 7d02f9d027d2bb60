// A look-up in the plane: the query is dragged, and weights and answer follow.
// The figure holds the first state, drawn; here only what moves is moved.
const lookUp = (figure) => {
  const { keys, values, keyNames, valueNames, reach, divisors, scale } = JSON.parse(figure.dataset.state);
  const state = JSON.parse(figure.dataset.start); // query, divisor
  const part = (name) => figure.querySelector(`.tlq-${name}`);
  const parts = (name) => [...figure.querySelectorAll(`.tlq-${name}`)];
  const set = (node, attributes) => {
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  };
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1];
  const shown = (x) => (Math.round(x * 100) / 100 + 0).toFixed(2);

  function attend() {
    const scores = keys.map((key) => dot(key, state.query) / state.divisor);
    const largest = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - largest));
    const sum = powers.reduce((a, b) => a + b);
    const weights = powers.map((power) => power / sum);
    const answer = [0, 1].map((i) => values.reduce((a, value, j) => a + weights[j] * value[i], 0));
    return { scores, weights, answer };
  }

  function nearest(point) {
    const far = values.map((value) => Math.hypot(value[0] - point[0], value[1] - point[1]));
    return valueNames[far.indexOf(Math.min(...far))];
  }

  function draw() {
    const { scores, weights, answer } = attend();
    const [x, y] = state.query;
    set(part("query"), { x2: x * scale, y2: -y * scale });
    set(part("answer"), { x2: answer[0] * scale, y2: -answer[1] * scale });
    for (const end of parts("at")) set(end, { cx: x * scale, cy: -y * scale });
    scores.forEach((score, i) => {
      parts("score")[i].textContent = shown(score);
      parts("weight")[i].textContent = shown(weights[i]);
      set(parts("bar")[i], { width: weights[i] * parts("bar")[i].dataset.full });
    });
    set(part("handle"), { "aria-valuenow": shown(x), "aria-valuetext": `right ${shown(x)}, up ${shown(y)}` });
    const each = keyNames.map((name, i) => `${name} ${shown(weights[i])}`).join(", ");
    part("said").textContent = `Weights: ${each}. The answer lies nearest to ${nearest(answer)}.`;
  }

  function moveTo(x, y) {
    const within = (value) => Math.max(-reach, Math.min(reach, Math.round(value * 20) / 20));
    state.query = [within(x), within(y)];
    draw();
  }

  const plane = part("plane");
  function follow(event) {
    const box = part("ground").getBoundingClientRect();
    const unit = box.width / (2 * reach);
    moveTo((event.clientX - box.left) / unit - reach, reach - (event.clientY - box.top) / unit);
  }
  let held = false;
  plane.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch" && !event.target.matches(".tlq-grip")) return; // may scroll
    held = true;
    plane.setPointerCapture(event.pointerId);
    follow(event);
  });
  plane.addEventListener("pointermove", (event) => held && follow(event));
  for (const end of ["pointerup", "pointercancel"]) plane.addEventListener(end, () => (held = false));
  plane.addEventListener("click", (event) => event.pointerType !== "mouse" && follow(event)); // a tap

  const steps = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  part("handle").addEventListener("keydown", (event) => {
    if (event.key === "Home") moveTo(0, 0);
    else if (event.key in steps) {
      const [x, y] = steps[event.key].map((step) => step * (event.shiftKey ? 0.5 : 0.1));
      moveTo(state.query[0] + x, state.query[1] + y);
    } else return;
    event.preventDefault();
  });

  const slider = part("divisor");
  slider.addEventListener("input", () => {
    state.divisor = divisors[slider.value];
    slider.setAttribute("aria-valuetext", state.divisor);
    part("divided").textContent = state.divisor;
    draw();
  });
  slider.closest("label").hidden = false;
  part("how").hidden = false;
};

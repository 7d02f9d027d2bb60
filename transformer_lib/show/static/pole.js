// --- a pole that stands as long as one asks -----------------------------------------------------

// Fifty of these are a second: Gymnasium's CartPole-v1, as in data/worlds.py.
const TRACK = 2.4, LEAN = (12 * Math.PI) / 180, LONGEST = 500, SECOND = 50;
function push([place, speed, angle, turning], action) {
  const sin = Math.sin(angle), cos = Math.cos(angle);
  const along = (20 * action - 10 + 0.05 * turning ** 2 * sin) / 1.1;
  const tilt = (9.8 * sin - cos * along) / (0.5 * (4 / 3 - (0.1 * cos ** 2) / 1.1));
  const rates = [speed, along - (0.05 * tilt * cos) / 1.1, turning, tilt];
  return [place, speed, angle, turning].map((value, i) => value + 0.02 * rates[i]);
}
const isOver = ([place, , angle]) => Math.abs(place) > TRACK || Math.abs(angle) > LEAN;

// The chances of each action after what was asked for, seen and done; there is a wish and a state
// more than actions. `first` is the step at which this begins.
function chancesOf(weights, config, wishes, states, actions, first) {
  const cache = [], width = config.d_model;
  let last; // what the stack made of the last token, a state
  states.forEach((state, i) => {
    const tokens = [
      linear(weights.return_proj, [wishes[i] / config.return_scale]),
      linear(weights.state_proj, state),
      ...(i < actions.length ? [row(weights.action_embedding.weight, actions[i], width)] : []),
    ];
    const position = row(weights.positions.weight, first + i, width);
    for (const token of tokens) {
      const x = norm(weights.norm, add(token, position), config);
      last = encoder(weights.stack, [x], cache, config).xs[0];
    }
  });
  return softmax(linear(weights.head, last));
}

// A game: each step asks the model, which is shown the last `context` steps.
function game(weights, config, context, wish, start) {
  const wishes = [wish], states = [], actions = [];
  let state = start, over = false;
  const see = ([place, speed, angle, turning]) => [place, speed, 10 * angle, turning];
  const step = () => {
    states.push(see(state));
    const from = Math.max(0, states.length - context);
    const known = [wishes, states, actions].map((list) => list.slice(from));
    const [left, right] = chancesOf(weights, config, ...known, from);
    actions.push(Number(right > left));
    state = push(state, actions.at(-1));
    wishes.push(wish - actions.length); // each step that it stands was worth 1
    over = isOver(state) || actions.length === LONGEST;
  };
  return {
    step,
    get state() { return state; },
    get over() { return over; },
    get steps() { return actions.length; },
    get action() { return actions.at(-1); },
  };
}

// The same number for the same seed: mulberry32, by Tommy Ettinger.
const luck = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};

const PACES = { "as in life": 1, "five times as fast": 5, "at once": Infinity };

const poleOnRequest = (figure) => {
  const { config, contents, context, zoom, chart } = JSON.parse(figure.dataset.state);
  const bytes = Uint8Array.from(atob(figure.dataset.weights), (c) => c.charCodeAt(0));
  const weights = unpack(bytes, contents);
  const part = (name) => figure.querySelector(`.tlc-${name}`);
  const dial = part("dial"), button = part("play"), pace = part("pace"), said = part("said");
  let now = null, games = 0, running = null;

  function draw() {
    const [place, , angle] = now ? now.state : [0, 0, 0];
    part("cart").setAttribute("transform", `translate(${place * zoom} 0)`);
    part("pole").setAttribute("transform", `rotate(${(angle * 180) / Math.PI})`);
    const left = Number(dial.value) - (now ? now.steps : 0);
    part("left").textContent = `still to gain ${left}`;
    part("steps").textContent = `step ${now ? now.steps : 0}`;
    part("push").setAttribute("transform", now?.action ? "" : "scale(-1 1)");
    part("push").style.visibility = now && !now.over ? "visible" : "hidden";
  }

  // A dot in the chart: asked for so much, and got so much.
  function mark(asked, got) {
    const dot = part("dot").cloneNode();
    dot.setAttribute("cx", chart.left + asked * chart.scale);
    dot.setAttribute("cy", chart.bottom - got * chart.scale);
    dot.setAttribute("class", "tlc-mine");
    part("chart").append(dot);
  }

  function begin() {
    const random = luck(++games);
    const start = [0, 0, 0, 0].map(() => 0.1 * random() - 0.05);
    now = game(weights, config, context, Number(dial.value), start);
    const began = performance.now();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const speed = still ? Infinity : PACES[pace.value];
    const frame = (time) => {
      const due = speed === Infinity ? LONGEST : (speed * SECOND * (time - began)) / 1000;
      const until = performance.now() + 25; // then let the browser draw
      while (!now.over && now.steps < due && performance.now() < until) now.step();
      draw();
      if (now.over) end();
      else running = requestAnimationFrame(frame);
    };
    running = requestAnimationFrame(frame);
    button.textContent = "Stop";
  }

  function end() {
    cancelAnimationFrame(running);
    running = null;
    button.textContent = "Play";
    if (!now.over) return;
    const asked = Number(dial.value), all = now.steps === LONGEST && !isOver(now.state);
    mark(asked, now.steps);
    said.textContent = all
      ? `Asked for ${asked}: still up after ${now.steps} steps, where a game ends.`
      : `Asked for ${asked}: it fell at step ${now.steps}.`;
  }

  dial.addEventListener("input", () => {
    if (running) end();
    now = null;
    part("asked").textContent = dial.value;
    draw();
  });
  button.addEventListener("click", () => (running ? end() : begin()));
  for (const node of figure.querySelectorAll("[hidden]")) node.hidden = false;
  draw();
};

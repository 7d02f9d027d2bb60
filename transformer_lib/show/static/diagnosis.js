// A quiz of curves. The page holds the cards, the names and the data; this lets them be answered:
// drag a name onto a curve, or press the name and then the curve, with pointer, finger or keys.

const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children); // strings become text nodes, never markup
  return node;
};

const point = (share) => { // on a half circle, 0 at its left end
  const angle = Math.PI * (1 - share);
  return [50 + 38 * Math.cos(angle), 46 - 38 * Math.sin(angle)];
};

function dial({ name, value, at }) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 100 52");
  svg.setAttribute("aria-hidden", "true");
  const [x, y] = point(at);
  for (const [kind, d] of [["face", "M12 46A38 38 0 0 1 88 46"], ["needle", `M50 46L${x} ${y}`]]) {
    const path = document.createElementNS(space, "path");
    path.setAttribute("class", kind);
    path.setAttribute("d", d);
    svg.append(path);
  }
  return make("div", { class: "dx-dial" }, svg, make("b", {}, String(value)), make("span", {}, name));
}

function start(root) {
  const cases = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const cards = [...root.querySelectorAll(".dx-card")];
  const names = [...root.querySelectorAll(".dx-name")];
  const panel = root.querySelector(".dx-panel"), said = root.querySelector(".dx-said");
  const answers = cards.map(() => null); // for each card the name that lies on it
  let picked = null; // a name that waits for its curve

  function pick(name) {
    picked = picked === name ? null : name;
    for (const node of names) node.setAttribute("aria-pressed", String(node === picked));
    if (picked) said.textContent = `${picked.textContent}: now choose a curve.`;
  }

  function look(i) {
    cards.forEach((card, j) => card.setAttribute("aria-pressed", String(i === j)));
    panel.replaceChildren(...cases[i].dials.map(dial));
    const numbers = cases[i].dials.map(({ name, value }) => `${name} ${value}`).join(", ");
    panel.setAttribute("aria-label", `Training ${cards[i].dataset.letter}: ${numbers}`);
  }

  function lay(name, i) {
    const before = answers.indexOf(name);
    if (before >= 0) answers[before] = null;
    answers[i] = name;
    draw();
    said.textContent = `${cards[i].dataset.letter}: ${name.textContent}.`;
    look(i);
  }

  function draw(checked = false) {
    cards.forEach((card, i) => {
      const slot = card.querySelector(".dx-slot"), text = answers[i]?.textContent ?? "";
      const right = text === cases[i].name;
      slot.className = `dx-slot${checked && text ? (right ? " right" : " wrong") : ""}`;
      slot.textContent = checked && text ? `${right ? "✓" : "✗"} ${text}` : text;
    });
    for (const node of names) node.classList.toggle("placed", answers.includes(node));
  }

  function check() {
    draw(true);
    const count = cases.filter((own, i) => answers[i]?.textContent === own.name).length;
    said.textContent = `${count} of ${cases.length} right.`;
  }

  function press(i) {
    if (picked) {
      const name = picked;
      pick(picked);
      lay(name, i);
    } else look(i);
    if (cards[i].querySelector(".right")) said.textContent = `${cards[i].dataset.letter}: ${cases[i].tells}.`;
  }

  cards.forEach((card, i) => {
    card.setAttribute("role", "button");
    card.setAttribute("tabindex", "0");
    card.setAttribute("aria-label", card.querySelector("svg").getAttribute("aria-label"));
    card.addEventListener("click", () => press(i));
    card.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      press(i);
    });
  });

  for (const name of names) {
    name.disabled = false;
    name.setAttribute("aria-pressed", "false");
    let from = null, ghost = null;
    const under = (event) => document.elementFromPoint(event.clientX, event.clientY)?.closest(".dx-card");
    name.addEventListener("pointerdown", (event) => {
      from = [event.clientX, event.clientY];
      name.setPointerCapture(event.pointerId);
    });
    name.addEventListener("pointermove", (event) => {
      if (!from) return;
      if (!ghost && Math.hypot(event.clientX - from[0], event.clientY - from[1]) < 6) return;
      if (!ghost) root.append((ghost = make("div", { class: "dx-ghost" }, name.textContent)));
      ghost.style.transform = `translate(${event.clientX + 8}px, ${event.clientY - 14}px)`;
      const card = under(event);
      for (const other of cards) other.classList.toggle("over", other === card);
    });
    const end = (event) => {
      const card = ghost && event.type === "pointerup" ? under(event) : null;
      if (card && root.contains(card)) lay(name, cards.indexOf(card));
      if (!ghost && from && event.type === "pointerup") pick(name);
      ghost?.remove();
      for (const other of cards) other.classList.remove("over");
      from = ghost = null;
    };
    name.addEventListener("pointerup", end);
    name.addEventListener("pointercancel", end);
    name.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      pick(name);
    });
  }

  const buttons = [["Check", check], ["Begin again", () => (answers.fill(null), draw(), (said.textContent = ""))]];
  const row = make("div", { class: "dx-row" });
  for (const [text, act] of buttons) {
    const node = make("button", { type: "button" }, text);
    node.addEventListener("click", act);
    row.append(node);
  }
  said.before(row);
  look(0);
}

// --- small parts of the machine ----------------------------------------------------------------

const shown = (character) => ({ " ": "␣", "\n": "↵" })[character] ?? character;
const likeliest = (p, n) => [...p.keys()].sort((a, b) => p[b] - p[a]).slice(0, n);

// Buttons in rows are one tab stop; arrow keys move among them.
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
function oneStop(rows, first = rows[0][0]) {
  rows.forEach((buttons, r) => buttons.forEach((button, c) => {
    button.tabIndex = button === first ? 0 : -1;
    button.setAttribute("data-lm-suppress-shortcuts", "true");
    button.addEventListener("focus", () => {
      for (const other of rows.flat()) other.tabIndex = other === button ? 0 : -1;
    });
    button.addEventListener("keydown", (event) => {
      const [down, right] = STEPS[event.key] ?? [];
      const next = down === undefined ? null : rows[r + down]?.[c + right];
      if (!next) return;
      event.preventDefault();
      next.focus();
    });
  }));
}

// A head's map as a picture: a path for each of four strengths, a square for each pair.
const SVG = "http://www.w3.org/2000/svg";
function mapPicture(map) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${map.length} ${map.length}`);
  svg.setAttribute("aria-hidden", "true");
  const least = [0.05, 0.2, 0.45, 0.75], squares = ["", "", "", ""];
  map.forEach((looks, i) => looks.forEach((w, j) => {
    if (w >= least[0]) squares[least.findLastIndex((low) => w >= low)] += `M${j} ${i}h1v1h-1z`;
  }));
  squares.forEach((d, n) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    path.setAttribute("opacity", least[n + 1] ?? 1);
    svg.append(path);
  });
  return svg;
}

// A vector as a strip: blue and full is large, orange and full is far below zero.
function strip(vector) {
  const peak = Math.max(1e-9, ...vector.map(Math.abs));
  return make("span", { class: "strip", "aria-hidden": "true" }, ...[...vector].map((value) => {
    const cell = make("i", { class: value < 0 ? "minus" : "" });
    cell.style.setProperty("--weight", Math.abs(value / peak).toFixed(2));
    return cell;
  }));
}


// A line of text with arcs over it, in a table: `more` are rows below it. `draw` takes how much the
// letter at a place looks at each, and the arcs go from there to all that get a fiftieth or more.
function arcsOver(names, more = []) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${names.length} 2`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const letters = names.map((name) => make("th", { scope: "col" }, name));
  const table = make("table", { class: "arcs" },
    make("tr", {}, make("td"), make("td", { colspan: names.length }, svg)),
    make("tr", {}, make("th"), ...letters), ...more);
  const draw = (looks, at) => {
    const arc = (weight, i) => {
      const path = document.createElementNS(SVG, "path"), high = 2 - (2.4 * (at - i)) / names.length;
      path.setAttribute("d", `M${at + 0.5} 2C${at + 0.5} ${high} ${i + 0.5} ${high} ${i + 0.5} 2`);
      path.style.setProperty("--weight", weight.toFixed(2));
      return path;
    };
    svg.replaceChildren(...[...looks].flatMap((w, i) => (w >= 0.02 && i !== at ? [arc(w, i)] : [])));
    letters.forEach((letter, i) => {
      letter.classList.toggle("asks", i === at);
      letter.classList.toggle("asked", (looks[i] ?? 0) > 0.3);
    });
  };
  return { table, draw };
}

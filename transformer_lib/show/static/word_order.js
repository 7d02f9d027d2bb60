// A layer of attention, computed again for every order of the words and every kind of position.
// The figure holds the first state, drawn; here only what changes is changed.
const wordOrder = (figure) => {
  const { words, x, numHeads, starts, swap, layer } = JSON.parse(figure.dataset.state);
  const part = (name) => figure.querySelector(`.tlw-${name}`);
  const nodes = [...figure.querySelectorAll(".tlw-word")]; // by word, wherever it stands
  const places = words.map((_, i) => i);
  let order = [...places]; // the word at each place
  const width = x[0].length, headDim = width / numHeads;

  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const add = (a, b) => a.map((value, i) => value + b[i]);
  const linear = ({ weight, bias }, v) => weight.map((row, i) => dot(row, v) + bias[i]);
  const speed = (pair, size) => 10000 ** ((-2 * pair) / size);

  function waves(position) {
    return x[0].map((_, i) => {
      const angle = position * speed(Math.floor(i / 2), width);
      return i % 2 ? Math.cos(angle) : Math.sin(angle);
    });
  }

  // Features i and i + half of a head are one pair.
  function turned(v, position) {
    const half = headDim / 2;
    return v.map((value, i) => {
      const angle = position * speed(i % half, headDim);
      return value * Math.cos(angle) + (i < half ? -v[i + half] : v[i - half]) * Math.sin(angle);
    });
  }

  function softmax(scores) {
    const largest = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - largest));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / sum);
  }

  // What the layer gives to each word.
  function attend(order, kind, start) {
    const read = order.map((word, i) => (kind === "sinusoidal" ? add(x[word], waves(start + i)) : x[word]));
    const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name) => read.map((one) => linear(layer[name], one)));
    const joined = places.map(() => []);
    for (let h = 0; h < numHeads; h++) {
      const cut = (rows, turns) => rows.map((row, i) => {
        const own = row.slice(h * headDim, (h + 1) * headDim);
        return turns && kind === "rotary" ? turned(own, start + i) : own;
      });
      const queries = cut(q, true), keys = cut(k, true), values = cut(v, false);
      const slope = 2 ** ((-8 * (h + 1)) / numHeads);
      queries.forEach((query, i) => {
        const scores = keys.map((key, j) => {
          if (kind === "causal mask alone" && j > i) return -Infinity;
          return dot(query, key) / Math.sqrt(headDim) - (kind === "ALiBi" ? slope * Math.abs(i - j) : 0);
        });
        const weights = softmax(scores);
        joined[i].push(...values[0].map((_, f) => weights.reduce((sum, w, j) => sum + w * values[j][f], 0)));
      });
    }
    const out = [];
    joined.forEach((one, i) => (out[order[i]] = linear(layer.out_proj, one)));
    return out;
  }

  function draw() {
    const kind = part("kind").value, start = starts[part("start").value];
    const before = attend(places, kind, 0), now = attend(order, kind, start);
    const peak = Math.max(...now.flat().map(Math.abs));
    const changes = now.map((row, word) => Math.max(...row.map((value, i) => Math.abs(value - before[word][i]))));
    order.forEach((word, place) => {
      const node = nodes[word], change = changes[word].toFixed(2);
      node.style.order = place;
      node.querySelector(".tlw-change").textContent = change;
      node.setAttribute("aria-description", `word ${place + 1}, changed by ${change}`);
      node.classList.toggle("tlw-changed", changes[word] >= 0.005);
      const columns = width / 4;
      node.querySelectorAll("g").forEach((cell, i) => {
        const value = now[word][(i % columns) * 4 + Math.floor(i / columns)];
        const [rect, dash] = cell.children, left = Number(rect.getAttribute("x")), top = Number(rect.getAttribute("y"));
        rect.setAttribute("fill-opacity", ((Math.abs(value) / peak) * 0.9).toFixed(2));
        rect.firstChild.textContent = value.toFixed(2);
        dash.setAttribute("d", value < 0 ? `M${left + 3} ${top + 5}h4` : "");
      });
    });
    part("at").textContent = start;
    part("start").setAttribute("aria-valuetext", start);
    const moved = changes.filter((change) => change >= 0.005).length;
    const largest = changes.indexOf(Math.max(...changes));
    part("said").textContent = moved
      ? `${order.map((word) => words[word]).join(" ")}: ${moved} of ${words.length} words changed, ` +
        `most of all “${words[largest]}”, by ${changes[largest].toFixed(2)}.`
      : `${order.map((word) => words[word]).join(" ")}: no word has changed.`;
  }

  function move(word, place) {
    order = order.filter((other) => other !== word);
    order.splice(Math.max(0, Math.min(words.length - 1, place)), 0, word);
    draw();
  }

  // The place whose middle is nearest to a point; words stand in one row or in several.
  function placeAt(event) {
    const far = order.map((word) => {
      const box = nodes[word].getBoundingClientRect();
      return Math.hypot(box.x + box.width / 2 - event.clientX, box.y + box.height / 2 - event.clientY);
    });
    return far.indexOf(Math.min(...far));
  }

  nodes.forEach((node, word) => {
    node.disabled = false;
    node.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      move(word, order.indexOf(word) + step);
    });
    node.addEventListener("pointerdown", (event) => {
      node.setPointerCapture(event.pointerId);
      node.classList.add("tlw-held");
    });
    node.addEventListener("pointermove", (event) => {
      if (!node.classList.contains("tlw-held")) return;
      const place = placeAt(event);
      if (order[place] !== word) move(word, place);
    });
    for (const end of ["pointerup", "pointercancel"])
      node.addEventListener(end, () => node.classList.remove("tlw-held"));
  });
  part("swap").addEventListener("click", () => {
    const [a, b] = swap.map((word) => order.indexOf(word));
    [order[a], order[b]] = [order[b], order[a]];
    draw();
  });
  part("back").addEventListener("click", () => {
    order = [...places];
    draw();
  });
  for (const name of ["kind", "start"]) part(name).addEventListener("input", draw);
  part("controls").hidden = false;
  part("how").hidden = false;
};

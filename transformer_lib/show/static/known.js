// Shows what the tokens know after as many layers as the slider says, and where one of them looks.
function start(figure) {
  const ways = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  const [slider, ...radios] = figure.querySelectorAll("input");
  const picked = figure.querySelector("select");
  const rows = [...figure.querySelectorAll(".known-row")];
  const svg = figure.querySelector("svg");

  function draw() {
    const layer = Number(slider.value), token = picked.selectedIndex;
    const way = ways[radios.findIndex((one) => one.checked)];
    const asked = layer ? way.looks[layer - 1][token] : -1;
    slider.nextElementSibling.value = layer;
    rows.forEach((row, i) => {
      row.classList.toggle("asks", i === token);
      row.classList.toggle("asked", i === asked);
      const cells = row.querySelectorAll("rect:not(.whole)");
      const marks = row.querySelectorAll("text:not(.right)");
      [...way.since[i]].forEach((since, j) => {
        const has = since !== "." && since <= layer;
        cells[j].classList.toggle("has", has);
        cells[j].classList.toggle("new", has && layer > 0 && Number(since) === layer);
        marks[j].textContent = has ? since : "";
      });
    });
    const said = way.said[layer][token];
    figure.querySelector(".known-said").textContent = said;
    svg.setAttribute("aria-label", said);
  }

  rows.forEach((row, i) =>
    row.addEventListener("click", () => {
      picked.selectedIndex = i;
      draw();
    }));
  for (const input of [slider, picked, ...radios]) {
    input.disabled = false;
    input.addEventListener("input", draw);
  }
  draw();
}

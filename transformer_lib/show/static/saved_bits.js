// A text and what a memory saves at each character: another length, another memory, one character.
// The figure holds the first state, drawn; here only what moves is moved.
const savedBits = (figure) => {
  const { lengths, segLen, bits, said } = JSON.parse(figure.dataset.state);
  const slider = figure.querySelector("input[type=range]");
  const ways = [...figure.querySelectorAll("input[type=radio]")];
  const text = figure.querySelector(".tlb-text");
  const letters = [...text.querySelectorAll("i")];
  let way = 0, picked = -1;

  function about(at) {
    if (picked < 0) return "";
    const [without, now] = [bits[way][0][picked], bits[way][at][picked]];
    return ` “${letters[picked].textContent}” at place ${picked % segLen + 1} of its segment: ` +
      `${without.toFixed(2)} bits without, ${now.toFixed(2)} now.`;
  }

  function draw() {
    const at = Number(slider.value);
    letters.forEach((letter, i) => {
      letter.style.setProperty("--s", (bits[way][0][i] - bits[way][at][i]).toFixed(2));
      letter.classList.toggle("tlb-picked", i === picked);
    });
    slider.nextElementSibling.value = lengths[at];
    slider.setAttribute("aria-valuetext", lengths[at]);
    figure.querySelector(".tlb-said").textContent = said[way][at] + about(at);
  }

  function pick(i) {
    picked = Math.max(0, Math.min(letters.length - 1, i));
    draw();
  }

  text.addEventListener("click", (event) => {
    const i = letters.indexOf(event.target);
    if (i >= 0) pick(i);
  });
  text.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: picked - 1, ArrowRight: picked + 1,
                 ArrowUp: picked - segLen, ArrowDown: picked + segLen }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    pick(to);
  });
  slider.addEventListener("input", draw);
  ways.forEach((input, i) => input.addEventListener("input", () => ((way = i), draw())));
  figure.querySelector(".tlb-controls").hidden = false;
  draw();
};

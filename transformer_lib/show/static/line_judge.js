// A line judged word by word: the weights of TF-IDF, and how far each word pulls.
function lineJudge(figure) {
  const bytes = Uint8Array.from(atob(figure.dataset.state), (letter) => letter.charCodeAt(0));
  const { table, bias, classes } = JSON.parse(new TextDecoder().decode(bytes));
  const [input, words, meter, said] = ["input", ".tlj-words", "meter", ".tlj-said"].map((name) =>
    figure.querySelector(name));
  const pulls = (text) => {
    const counts = new Map();
    for (const word of text.toLowerCase().match(/[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s]/gu) ?? [])
      if (Object.hasOwn(table, word)) counts.set(word, (counts.get(word) ?? 0) + 1);
    const weights = [...counts].map(([word, count]) => [word, (1 + Math.log(count)) * table[word][0]]);
    const length = Math.hypot(...weights.map(([, weight]) => weight)) || 1;
    return weights.map(([word, weight]) => [word, (weight / length) * table[word][1]]);
  };
  const judge = () => {
    const found = pulls(input.value);
    words.replaceChildren(...found.map(([word, pull]) => {
      const chip = document.createElement("span"), value = document.createElement("b");
      chip.className = pull > 0 ? "tlj-plus" : "tlj-minus";
      value.textContent = (pull > 0 ? "+" : "") + pull.toFixed(2);
      chip.append(`${word} `, value);
      return chip;
    }));
    const share = 1 / (1 + Math.exp(-bias - found.reduce((sum, [, pull]) => sum + pull, 0)));
    meter.value = share;
    const percent = Math.round(100 * share);
    said.textContent = `${classes[1]} ${percent} %, ${classes[0]} ${100 - percent} %`;
  };
  input.addEventListener("input", judge);
}

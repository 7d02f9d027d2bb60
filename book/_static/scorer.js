// How the search orders what it finds, and what it makes of sentences and typing errors. Sphinx puts
// this file behind its own search and before the index.
//
// A word of the glossary finds the place that derives it first (an entry of the index, 100), then
// its meaning (an object, 26), then titles (15) and words in the text (5).
"use strict";
var Scorer = {
  score(result) {
    const [page, title, anchor, , score] = result;
    if (anchor && !title.includes(" > ")) result[1] = withHeading(page, title, anchor);
    const chapter = page.match(/^notebooks\/(\d+)/); // of two equals the earlier chapter
    const lists = !anchor && /^book\/(api|bibliography)/.test(page); // what it lists, a chapter tells
    return score / (lists ? 4 : 1) - (chapter ? Number(chapter[1]) : 50) / 100;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};

/** "9 · What came before" and "#the-lstm" as "9 · What came before > The LSTM". */
function withHeading(page, title, anchor) {
  const file = Search._index.docnames.indexOf(page);
  for (const [heading, places] of Object.entries(Search._index.alltitles))
    if (places.some(([where, id]) => where === file && `#${id}` === anchor))
      return `${title} > ${heading}`;
  return title;
}

// An excerpt is of the article alone, not of the menu above it.
const { htmlToText, _performSearch, query } = Search;
Search.htmlToText = (page, anchor) =>
  htmlToText(page.replace('role="main"', "").replace("<article ", '<article role="main" '), anchor);

// Sphinx finds pages that hold every word. A sentence leads to the places whose heading, or entries in
// the index, say most of what it says; a word that nothing holds is answered with the nearest one.
const IDLE = new Set(
  ("about all always am an any been between can cannot could did difference do does doing done each every explain " +
  "from get gets give go goes going had happen happens has have how i its itself just like make many me mean means " +
  "much my need needs one only our please really same see should so some still than them to too up us use used " +
  "using very want we what when where which while who why work works would you your").split(" "),
);
const tokens = (text) =>
  splitQuery(text.toLowerCase()).filter((word) => !IDLE.has(word) && !stopwords.includes(word));
const stemmed = new Map(); // of each word that was asked for
const stemmer = new Stemmer();
function stem(word) {
  if (!stemmed.has(word)) stemmed.set(word, stemmer.stemWord(word));
  return stemmed.get(word);
}
const stems = (text) => new Set(tokens(text).map(stem));
const known = (word) => ["terms", "titleterms"].some((kind) => Object.hasOwn(Search._index[kind], stem(word)));

let places; // of each place what its phrases say: [file, anchor, [stems, …]]
const words = new Map(), saying = new Map(); // of each word and of each stem: how many places say it

/** Read, at the first sentence, all headings and entries of the index. */
function gather() {
  const { alltitles, indexentries, titles } = Search._index;
  const texts = new Map();
  for (const [phrase, found] of [...Object.entries(alltitles), ...Object.entries(indexentries)])
    for (const [file, id] of found) {
      const place = `${file} ${titles[file] === phrase ? "" : (id ?? "")}`;
      if (!texts.has(place)) texts.set(place, []);
      texts.get(place).push(phrase);
    }
  for (const phrases of texts.values()) {
    const said = new Set(phrases.flatMap(tokens));
    for (const [count, kinds] of [[words, said], [saying, new Set([...said].map(stem))]])
      for (const word of kinds) count.set(word, (count.get(word) ?? 0) + 1);
  }
  places = [...texts].map(([place, phrases]) => [...place.split(" "), phrases.map(stems)]);
}

/** Places, by how much of the sentence they say, and how much of a phrase of theirs it says. */
function meant(sentence) {
  if (!places) gather();
  const { docnames, titles, filenames } = Search._index;
  const rare = (stem) => Math.log(1 + places.length / (saying.get(stem) ?? 1)) ** 2;
  const weigh = (some) => some.reduce((sum, stem) => sum + rare(stem), 0);
  const asked = [...stems(sentence)], whole = weigh(asked);
  const found = places.map(([file, id, phrases]) => {
    const held = weigh(asked.filter((stem) => phrases.some((phrase) => phrase.has(stem))));
    const alike = (phrase) => weigh(asked.filter((stem) => phrase.has(stem))) / Math.sqrt(weigh([...phrase]) * whole);
    const score = held && 30 * (held / whole + Math.max(...phrases.map(alike)));
    const aside = /^book\/(api|benchmarks|teaching)/.test(docnames[file]) || id.startsWith("exercise");
    return [docnames[file], titles[file], id && `#${id}`, null, score / (aside ? 2 : 1), filenames[file]];
  });
  const best = found.filter(([, , , , score]) => score > 15).sort((a, b) => b[4] - a[4]).slice(0, 8);
  for (const place of best) place[4] = Scorer.score(place);
  return best;
}

/** How many letters must be changed, left out, put in or swapped with the next. */
function apart(a, b) {
  const d = [[...b, 0].map((_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    d.push([i]);
    for (let j = 1; j <= b.length; j++) {
      d[i][j] = Math.min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] !== b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.length][b.length];
}

/** A sentence with the nearest words of the phrases for those that nothing holds; null: there are none. */
function nearest(sentence) {
  const strange = tokens(sentence).filter((word) => word.length > 3 && !known(word));
  if (strange.length && !places) gather();
  const begins = (word) => [...words.keys()].some((other) => other.startsWith(word)); // it is typed on
  const unknown = strange.filter((word) => !begins(word));
  let mended = sentence.toLowerCase();
  for (const word of unknown) {
    const near = [...words.keys()]
      .filter((other) => Math.abs(other.length - word.length) < 3)
      .map((other) => [other, apart(word, other) + (word[0] !== other[0]) / 2 - words.get(other) / 1e4])
      .sort((a, b) => a[1] - b[1])[0];
    if (near?.[1] <= (word.length < 8 ? 1.5 : 2.5)) mended = mended.replace(word, near[0]);
  }
  return mended === sentence.toLowerCase() ? null : [unknown, mended];
}

const isPhrase = (results) => results.some(([, , , , score]) => score > 16); // an entry, a term, a title
Search._performSearch = (asked, ...terms) => {
  const strict = _performSearch(asked, ...terms);
  const core = tokens(asked).filter(known);
  if (isPhrase(strict) || !core.length) return strict;
  const loose = _performSearch(...Search._parseQuery(core.join(" ")));
  if (core.length < 2) return loose;
  const found = [...meant(asked), ...loose].sort((a, b) => b[4] - a[4]);
  const seen = new Set();
  return found.filter(([page, , anchor]) => !seen.has(page + anchor) && seen.add(page + anchor)).reverse();
};
Search.query = (asked) => {
  const said = document.createElement("p");
  Search.status.after(said);
  for (const node of [said, Search.status]) node.setAttribute("role", "status"); // heard, when it is filled
  const near = nearest(asked);
  query(near?.[1] ?? asked); // what was meant is shown at once
  if (!near) return;
  const link = Object.assign(document.createElement("a"), { textContent: near[1] });
  link.href = `?q=${encodeURIComponent(near[1])}`;
  setTimeout(() => said.append(`Nothing holds “${near[0].join("”, “")}”. Did you mean `, link, "?"), 100);
};

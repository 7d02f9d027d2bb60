// How the search orders what it finds; Sphinx puts this file before its own search.
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
addEventListener("DOMContentLoaded", () => {
  const { htmlToText } = Search;
  Search.htmlToText = (page, anchor) =>
    htmlToText(page.replace('role="main"', "").replace("<article ", '<article role="main" '), anchor);
});

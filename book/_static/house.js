// Small repairs of the theme, for every page.
"use strict";
const root = document.documentElement;
// The theme's script would choose the colours when the page stands, and move what it has drawn.
if (root.dataset.mode === "auto")
  root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
// The text waits for its fonts, as long as a browser does, and moves no more when they come.
root.classList.add("without-fonts");
const fonts = ["1em 'Source Serif 4'", "italic 1em 'Source Serif 4'", "1em 'STIX Two Math'"].map((font) => document.fonts.load(font));
Promise.race([Promise.allSettled(fonts), new Promise((done) => setTimeout(done, 3000))]).then(() =>
  root.classList.remove("without-fonts"),
);

// A page opened from a file may not fetch its neighbours: search then shows titles only.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined")
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// Names that screen readers hear must hold the text that is seen.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll(".search-button-field"))
    button.removeAttribute("aria-label");
  for (const name of document.querySelectorAll(".btn-download-pdf-button .btn__text-container"))
    name.textContent = "Print"; // it opens the dialogue, and no file
  for (const icon of document.querySelectorAll(".theme-switch")) {
    icon.removeAttribute("title");
    icon.setAttribute("aria-hidden", "true");
  }
  for (const toggle of document.querySelectorAll("summary:has(> .toctree-toggle):not(:has(.caption))")) {
    const page = toggle.closest("li").querySelector("a").textContent.trim();
    toggle.setAttribute("aria-label", `Pages below ${page}`);
  }
});

// On a small screen the page's contents lie over it: a jump within the page takes them away.
document.addEventListener("click", (event) => {
  if (event.target.closest("#pst-secondary-sidebar-modal a[href^='#']"))
    document.getElementById("pst-secondary-sidebar-modal").close();
});

// What is wider than its box scrolls in it, and must take the focus. The theme looks at code and tables
// when the page has come; plots, and what is unfolded, come here. What is hidden is not asked: the
// browser would lay it out for the answer.
function reach(within, kinds) {
  const seen = [...within.querySelectorAll(kinds)].filter((box) => box.checkVisibility());
  for (const box of seen.filter((box) => box.scrollWidth > box.clientWidth)) box.tabIndex = 0;
}
const PLOTS = "div.cell_output:has(> .plot)";
addEventListener("load", () => reach(document, PLOTS));
document.addEventListener(
  "toggle",
  (event) => reach(event.target, `${PLOTS}, pre, .pst-scrollable-table-container`),
  true,
);

// A folded section opens for whoever comes to something in it, and on paper.
function unfold() {
  const place = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!place) return;
  place.querySelector(":scope > details.deep")?.setAttribute("open", "");
  for (let fold = place.closest("details"); fold; fold = fold.parentElement.closest("details"))
    fold.open = true;
  place.scrollIntoView();
}
addEventListener("hashchange", unfold);
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details.deep")) fold.open = true;
  const { theme } = root.dataset; // paper is light
  root.dataset.theme = "light";
  addEventListener("afterprint", () => (root.dataset.theme = theme), { once: true });
});
document.addEventListener("DOMContentLoaded", unfold);

// The page's contents show the place that is read, where they are longer than the window.
document.addEventListener("DOMContentLoaded", () => {
  const box = document.getElementById("pst-secondary-sidebar");
  if (!box) return;
  new MutationObserver(() => {
    const at = box.querySelector("[aria-current]")?.getBoundingClientRect();
    const frame = box.getBoundingClientRect();
    if (at && (at.top < frame.top || at.bottom > frame.bottom))
      box.scrollTop += at.top - frame.top - frame.height / 3;
  }).observe(box, { subtree: true, attributeFilter: ["aria-current"] });
});

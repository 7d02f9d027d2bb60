// Small repairs of the theme, for every page.
"use strict";
// A page opened from a file may not fetch its neighbours: search then shows titles only.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined")
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// Names that screen readers hear must hold the text that is seen.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll(".search-button-field"))
    button.removeAttribute("aria-label");
  for (const icon of document.querySelectorAll(".theme-switch")) {
    icon.removeAttribute("title");
    icon.querySelector("title")?.remove(); // where Font Awesome has been here already
    icon.setAttribute("aria-hidden", "true");
  }
});

// Code that scrolls must take the focus; the theme only looks at what is unfolded at first.
document.addEventListener(
  "toggle",
  (event) => {
    for (const code of event.target.querySelectorAll("pre"))
      if (code.scrollWidth > code.clientWidth) code.tabIndex = 0;
  },
  true,
);

// A term's meaning appears when it is pointed at or reached with the Tab key; Escape takes it away.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const note = document.createElement("span");
  note.id = "glossary-note";
  note.setAttribute("role", "tooltip");
  note.hidden = true;
  document.body.append(note);
  let leaving;

  function show(link) {
    clearTimeout(leaving);
    note.textContent = link.dataset.meaning;
    note.hidden = false;
    const word = link.getBoundingClientRect();
    const widest = document.documentElement.clientWidth - note.offsetWidth - 8;
    note.style.left = `${scrollX + Math.max(8, Math.min(word.left, widest))}px`;
    note.style.top = `${scrollY + word.bottom + 4}px`;
    link.setAttribute("aria-describedby", note.id);
  }
  function hide() {
    note.hidden = true;
    document.querySelector("a.term[aria-describedby]")?.removeAttribute("aria-describedby");
  }
  const leave = () => (leaving = setTimeout(hide, 200)); // time to move the pointer to the note

  for (const link of document.querySelectorAll("a.term")) {
    link.dataset.meaning = link.title; // without this script the browser shows the title
    link.removeAttribute("title");
    link.addEventListener("mouseenter", () => (hide(), show(link)));
    link.addEventListener("focus", () => (hide(), show(link)));
    link.addEventListener("mouseleave", leave);
    link.addEventListener("blur", hide);
  }
  note.addEventListener("mouseenter", () => clearTimeout(leaving));
  note.addEventListener("mouseleave", leave);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
});

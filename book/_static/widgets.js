// The book's widgets without a kernel: each is an ES module with a `render`, as anywidget has it,
// and state that stands in the page. This is what they need of a model and no more.
"use strict";
(() => {
  const KIND = "application/vnd.jupyter.widget";
  const parse = (script) => JSON.parse(script.textContent);

  // What Python sent as bytes is a DataView, as in a live notebook.
  function bytes(base64) {
    const text = atob(base64);
    const array = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
    return new DataView(array.buffer);
  }

  function modelOf({ state, buffers = [] }) {
    for (const { path, data } of buffers) {
      const last = path.length - 1;
      path.slice(0, last).reduce((inner, key) => inner[key], state)[path[last]] = bytes(data);
    }
    const listeners = {};
    return {
      get: (name) => state[name],
      set(name, value) {
        if (state[name] === value) return;
        state[name] = value;
        for (const told of listeners[`change:${name}`] ?? []) told();
      },
      on: (event, listener) => (listeners[event] ??= []).push(listener),
      save_changes() {}, // there is no kernel to tell
    };
  }

  const modules = new Map(); // by their text: widgets of one kind share it
  function load(text) {
    if (!modules.has(text)) {
      const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      modules.set(text, import(address).finally(() => URL.revokeObjectURL(address)));
    }
    return modules.get(text);
  }

  const styles = new Set();
  function dress(text) {
    if (styles.has(text)) return;
    styles.add(text);
    document.head.append(Object.assign(document.createElement("style"), { textContent: text }));
  }

  async function draw(place, saved) {
    const el = document.createElement("div");
    const model = modelOf(saved);
    dress(model.get("_css") ?? "");
    const { default: widget } = await load(model.get("_esm"));
    const box = Object.assign(document.createElement("div"), { className: "widget-subarea" });
    await widget.render({ model, el });
    box.append(el);
    place.after(box);
  }

  document.documentElement.classList.add("drawing"); // custom.css: what would be moved is not seen
  document.addEventListener("DOMContentLoaded", () => {
    const state = {};
    for (const script of document.querySelectorAll(`script[type="${KIND}-state+json"]`))
      Object.assign(state, parse(script).state);
    for (const place of document.querySelectorAll(`script[type="${KIND}-view+json"]`))
      draw(place, state[parse(place).model_id]).finally(() => place.classList.add("drawn"));
  });
})();

// The book's widgets without a kernel: each is an ES module with a `render`, as anywidget has it,
// and state that stands beside its place, packed (_ext/toys.py). This is what they need of a model
// and no more. Each is drawn as soon as it is read; one that needs large files and is not the first
// of its page, at the reader's first touch.
"use strict";
(() => {
  const ROOT = new URL(".", document.currentScript.src);

  function bytes(base64) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const text = atob(base64);
    const array = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
    return array;
  }

  // All in one go: what asked the browser for a file or a task would wait for the rest of the page.
  async function inflated(base64) {
    const { readable, writable } = new DecompressionStream("deflate");
    const writer = writable.getWriter(), reader = readable.getReader(), parts = [];
    writer.write(bytes(base64));
    writer.close();
    for (let part; !(part = await reader.read()).done; ) parts.push(part.value);
    const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
    parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
    return whole.buffer;
  }

  // A script beside the pages leaves what it holds in tlFiles. A page from a folder can read no other.
  const files = new Map();
  function file(name) {
    if (!files.has(name)) files.set(name, new Promise((resolve, reject) => {
      const told = () => resolve(inflated(self.tlFiles[name]));
      if (self.tlFiles?.[name]) return told();
      const src = new URL(`weights/${name}.js`, ROOT).href;
      const asked = document.querySelector(`script[src$="weights/${name}.js"]`);
      const script = asked ?? Object.assign(document.createElement("script"), { src });
      script.addEventListener("load", told);
      script.addEventListener("error", () => reject(new Error(`${src} did not come`)));
      if (!asked) document.head.append(script);
    }));
    return files.get(name);
  }

  const unpacked = async (saved) => JSON.parse(new TextDecoder().decode(await inflated(saved)));

  const TOUCHES = ["pointermove", "pointerdown", "keydown", "scroll", "beforeprint"];
  const touched = new Promise((resolve) => {
    for (const touch of TOUCHES) addEventListener(touch, resolve, { once: true, passive: true });
  });

  async function modelOf({ state, buffers = [] }) {
    // What Python sent as bytes is a DataView, as in a live notebook.
    const fill = (those) => Promise.all(those.map(async ({ path, data, file: name }) => {
      const view = new DataView(name ? await file(name) : bytes(data).buffer);
      const last = path.length - 1;
      path.slice(0, last).reduce((inner, key) => inner[key], state)[path[last]] = view;
    }));
    const late = buffers.filter((buffer) => buffer.late);
    await fill(buffers.filter((buffer) => !late.includes(buffer)));
    const listeners = {};
    const tell = (name) => { for (const told of listeners[`change:${name}`] ?? []) told(); };
    if (late.length) touched.then(() => fill(late)).then(() => tell("data"));
    return {
      get: (name) => state[name],
      set(name, value) {
        if (state[name] === value) return;
        state[name] = value;
        tell(name);
      },
      on: (event, listener) => (listeners[event] ??= []).push(listener),
      save_changes() {}, // there is no kernel to tell
    };
  }

  const modules = new Map(); // by their text: widgets of one kind share it
  function load(text) {
    if (!modules.has(text))
      modules.set(text, import(`data:text/javascript;charset=utf-8,${encodeURIComponent(text)}`));
    return modules.get(text);
  }

  const styles = new Set();
  function dress(text) {
    if (styles.has(text)) return;
    styles.add(text);
    document.head.append(Object.assign(document.createElement("style"), { textContent: text }));
  }

  // Where a widget will stand: one that comes later keeps some room.
  function room(place, height = "") {
    const box = Object.assign(document.createElement("div"), { className: "widget-subarea" });
    box.style.minHeight = height;
    place.after(box);
    return box;
  }

  // What stands below a place keeps out of sight until it is drawn (custom.css): its boxes know.
  const VIEW = 'script[type$="widget-view+json"]';
  const UNDRAWN = `${VIEW}:not(.drawn, .later)`;
  function* boxes(place) {
    for (let box = place; (box = box.parentElement?.closest(".cell, section, details")); ) yield box;
  }
  const wait = (place) => { for (const box of boxes(place)) box.classList.add("waits"); };
  const rest = (place) => {
    for (const box of boxes(place)) box.classList.toggle("waits", !!box.querySelector(UNDRAWN));
  };

  async function draw(place, saved, box = room(place)) {
    try {
      const el = document.createElement("div");
      const model = await modelOf(saved);
      dress(model.get("_css") ?? "");
      const { default: widget } = await load(model.get("_esm"));
      await widget.render({ model, el });
      box.append(el);
    } catch (error) {
      box.append(`This could not be drawn: ${error.message}.`);
      throw error;
    } finally {
      box.style.minHeight = "";
      place.classList.add("drawn");
      rest(place);
    }
  }

  const drawn = [];
  let queue = touched;

  // Called by a script that stands behind the place.
  self.tlToy = (saved, isLater) => {
    let place = document.currentScript;
    while (!place.matches(VIEW)) place = place.previousElementSibling;
    const drawing = async (box) => draw(place, await unpacked(saved), box);
    if (!isLater) return wait(place), drawn.push(drawing());
    place.classList.add("later");
    const box = room(place, "28rem");
    queue = queue.then(() => Promise.allSettled(drawn)).then(() => drawing(box)); // weights are shared
  };

  const shown = document.documentElement.classList;
  shown.add("drawing"); // custom.css: what would be moved is not seen
  document.addEventListener("DOMContentLoaded", () => setTimeout(() => shown.remove("drawing"), 2000)); // but not for long
})();

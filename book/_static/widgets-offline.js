// Widgets without a kernel, a CDN or a network. Loaded after require.js and before embed-amd.js,
// and only by the pages that hold a widget.
(function () {
  const here = new URL(
    (document.documentElement.dataset.content_root || "./") + "_static/vendor/",
    document.baseURI,
  ).href;
  const jupyter = "@jupyter-widgets/";
  window.FontAwesomeConfig = { observeMutations: false }; // it would replace the buttons' icons
  requirejs.config({
    paths: {
      anywidget: here + "anywidget",
      // embed-amd.js defines these itself; without a path the manager would ask a CDN for them.
      [jupyter + "html-manager/dist/libembed-amd"]: here + "embed-amd",
      [jupyter + "controls"]: here + "embed-amd",
      [jupyter + "base"]: here + "embed-amd",
      [jupyter + "output"]: here + "embed-amd",
      [jupyter + "html-manager"]: here + "embed-amd",
    },
  });
  document.addEventListener("DOMContentLoaded", () => {
    // The manager typesets labels as MathJax 2 did; the book has MathJax 3.
    if (window.MathJax && !MathJax.Hub) {
      MathJax.Hub = {
        Queue: (job) =>
          MathJax.startup?.promise?.then(() => MathJax.typesetPromise([job[2]])),
      };
    }
  });

  // The sliders of ipywidgets have a role but no name, and say their index, not their label.
  const name = (slider) => {
    const handle = slider.querySelector('[role="slider"]');
    const label = slider.querySelector(".widget-label");
    const readout = slider.querySelector(".widget-readout");
    if (!handle || !label) return;
    handle.setAttribute("aria-label", label.textContent);
    if (readout && handle.getAttribute("aria-valuetext") !== readout.textContent)
      handle.setAttribute("aria-valuetext", readout.textContent);
  };
  const all = () => document.querySelectorAll(".widget-slider, .jupyter-widget-slider").forEach(name);
  const watch = { childList: true, subtree: true, attributeFilter: ["aria-valuetext"] };
  new MutationObserver(all).observe(document, watch);
})();

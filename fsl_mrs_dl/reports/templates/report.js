"use strict";
// Toggles for the metabolite curves, a cursor with the chemical shift, and zoom by dragging (double click: all).
document.querySelectorAll("figure.panel").forEach(function (figure) {
  const svg = figure.querySelector("svg"), readout = figure.querySelector(".readout");
  const cursor = svg.querySelector(".cursor"), d = svg.dataset;
  const left = +d.left, right = +d.right, ppm0 = +d.ppm0, ppm1 = +d.ppm1;
  const full = svg.getAttribute("viewBox"), height = +full.split(" ")[3];
  figure.querySelectorAll("button[data-name]").forEach(function (button) {
    button.addEventListener("click", function () {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      svg.querySelectorAll("[data-curve]").forEach(function (path) {
        if (path.dataset.curve === button.dataset.name) path.classList.toggle("off", !on);
      });
    });
  });
  function place(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return Math.min(right, Math.max(left, point.x));
  }
  function ppm(x) { return ppm0 + (x - left) / (right - left) * (ppm1 - ppm0); }
  let start = null;
  svg.addEventListener("pointermove", function (event) {
    const x = place(event);
    cursor.setAttribute("x1", x); cursor.setAttribute("x2", x); cursor.style.visibility = "visible";
    readout.textContent = ppm(x).toFixed(3) + " ppm" + (start === null ? "" : "  (from " + ppm(start).toFixed(3) + ")");
  });
  svg.addEventListener("pointerleave", function () { cursor.style.visibility = "hidden"; start = null; });
  svg.addEventListener("pointerdown", function (event) { start = place(event); });
  svg.addEventListener("pointerup", function (event) {
    if (start === null) return;
    const a = Math.min(start, place(event)), b = Math.max(start, place(event));
    start = null;
    if (b - a > 15) {
      svg.setAttribute("viewBox", a + " 0 " + (b - a) + " " + height);
      svg.setAttribute("preserveAspectRatio", "none");
      svg.style.height = svg.clientHeight + "px";
    }
  });
  svg.addEventListener("dblclick", function () {
    svg.setAttribute("viewBox", full); svg.removeAttribute("preserveAspectRatio"); svg.style.height = "";
  });
});

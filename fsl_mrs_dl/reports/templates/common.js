"use strict";
// What all pages have: folded parts are printed, a link opens what it leads to, and what scrolls sideways takes the keyboard.
(function () {
  function all(selector) { return Array.from(document.querySelectorAll(selector)); }
  const folded = all("details:not([open])");
  window.addEventListener("beforeprint", function () { folded.forEach(function (d) { d.dataset.open = d.open; d.open = true; }); });
  window.addEventListener("afterprint", function () { folded.forEach(function (d) { d.open = d.dataset.open === "true"; }); });
  all('a[href^="#"]').forEach(function (link) {
    link.addEventListener("click", function () {
      const target = document.getElementById(link.getAttribute("href").slice(1));
      if (target && target.tagName === "DETAILS") target.open = true;
    });
  });
  function reachable() {
    all(".wide").forEach(function (box) {
      const scrolls = box.scrollWidth > box.clientWidth && !box.querySelector("[tabindex]");
      if (scrolls) { box.tabIndex = 0; box.setAttribute("role", "group"); box.setAttribute("aria-label", "drawing"); }
      else ["tabindex", "role", "aria-label"].forEach(function (name) { box.removeAttribute(name); });
    });
  }
  window.addEventListener("resize", reachable);
  all("details").forEach(function (d) { d.addEventListener("toggle", reachable); });
  all("select").forEach(function (s) { s.addEventListener("change", function () { setTimeout(reachable); }); });
  reachable();
})();

"use strict";
// Spectra: plotly where it is on the page, else the drawings with a cursor and zoom by dragging. Both take the same
// buttons: pointing at a metabolite (or at its row of the table, or reaching its button by Tab) shows it, a click keeps it.
(function () {
  const store = document.getElementById("plots");
  const plots = store && window.Plotly ? JSON.parse(store.textContent) : {};
  function colour(name) {  // of the sheet: "--ink", or "var(--c3)" as curves name theirs
    const variable = name.replace(/^var\(|\)$/g, "");
    return getComputedStyle(document.documentElement).getPropertyValue(variable).trim();
  }
  const config = { displaylogo: false, responsive: true, modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
    toImageButtonOptions: { format: "svg" } };
  const figures = [];

  document.querySelectorAll("figure.panel").forEach(function (figure) {
    const plot = (plots.panels || {})[figure.dataset.panel];
    const panel = plot ? plotted(figure, plot) : drawn(figure);
    figures.push(panel);
    figure.querySelectorAll("button[data-name]").forEach(function (button) {
      const name = button.dataset.name;
      button.addEventListener("click", function () {
        const on = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(on));
        keep(figure, name, on);
        panel.keep(name, on);
      });
      ["pointerenter", "focus"].forEach(function (e) { button.addEventListener(e, function () { panel.point(name, true); }); });
      ["pointerleave", "blur"].forEach(function (e) { button.addEventListener(e, function () { panel.point(name, false); }); });
    });
    const fold = figure.closest("details");
    if (fold) fold.addEventListener("toggle", function () { if (fold.open) panel.show(); });
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () {
    figures.forEach(function (panel) { panel.paint(); });
  });
  document.querySelectorAll("tr[data-metabolite]").forEach(function (row) {
    const name = "m-" + row.dataset.metabolite;
    row.addEventListener("pointerenter", function () { figures.forEach(function (p) { p.point(name, true); }); });
    row.addEventListener("pointerleave", function () { figures.forEach(function (p) { p.point(name, false); }); });
  });
  document.querySelectorAll("button[data-copy]").forEach(function (button) {
    button.addEventListener("click", function () {
      const range = document.createRange();
      range.selectNodeContents(document.getElementById(button.dataset.copy));
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      document.execCommand("copy");
      button.textContent = "copied";
    });
  });

  function curves(figure, name) {
    return Array.from(figure.querySelectorAll("svg.static [data-curve]"))
      .filter(function (path) { return path.dataset.curve === name; });
  }
  // the drawing is what is printed, so it follows the buttons under plotly too
  function keep(figure, name, on) {
    curves(figure, name).forEach(function (path) { path.classList.toggle("off", !on); });
  }

  function plotted(figure, plot) {
    const traces = [], index = {}, style = {};
    function add(name, curve, look, text) {
      index[name] = traces.length;
      style[name] = look;
      traces.push({ x: plot.x, y: curve.y, mode: "lines", name: text, showlegend: false, opacity: look.opacity,
        visible: true, line: { color: colour(curve.colour), width: look.width, dash: look.dash || "solid" },
        hovertemplate: "%{x:.3f} ppm<extra>" + text + "</extra>" });
    }
    plot.metabolites.forEach(function (m) {
      const look = m.on ? { width: 1.5, opacity: 1 } : { width: 1, opacity: 0.18 };
      add("m-" + m.name, m, look, m.label);
    });
    const widths = { data: 1.2, baseline: 1.2, fit: 1.9, residual: 1.1 };
    plot.curves.forEach(function (c) {
      const look = { width: widths[c.name], opacity: 1, dash: c.name === "baseline" ? "dash" : "solid" };
      add(c.name, c, look, c.label);
    });
    const layout = {
      margin: { l: 10, r: 10, t: 10, b: 40 }, hovermode: "closest", hoverdistance: 12, dragmode: "zoom", showlegend: false,
      font: { family: "system-ui, Segoe UI, Roboto, Arial, sans-serif", size: 12, color: colour("--ink") },
      paper_bgcolor: colour("--paper"), plot_bgcolor: colour("--paper"),
      xaxis: { range: [plot.x[0], plot.x[plot.x.length - 1]], title: { text: "chemical shift / ppm" }, zeroline: false,
        gridcolor: colour("--grid"), showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "dot" },
      yaxis: { range: plot.range, showticklabels: false, zeroline: false, showgrid: false },
      annotations: plot.peaks.map(function (k) {
        return { x: k.x, y: k.y, text: k.name, showarrow: false, yshift: k.up ? 9 : -9 };
      })
    };
    const box = figure.querySelector(".plot");
    figure.classList.add("plotted");
    window.Plotly.newPlot(box, traces, layout, config);
    function look(name, width, opacity) {
      if (name in index) window.Plotly.restyle(box, { "line.width": width, opacity: opacity }, [index[name]]);
    }
    function point(name, on) {
      const was = style[name];
      if (was) look(name, on ? 3 : was.width, on ? 1 : was.opacity);
    }
    const names = Object.keys(index);
    box.on("plotly_hover", function (event) {
      const name = names[event.points[0].curveNumber];
      if (name.startsWith("m-")) point(name, true);
    });
    box.on("plotly_unhover", function (event) {
      const name = names[event.points[0].curveNumber];
      if (name.startsWith("m-")) point(name, false);
    });
    const curved = plot.metabolites.concat(plot.curves);
    return {
      point: point,
      show: function () { window.Plotly.Plots.resize(box); },
      paint: function () {
        window.Plotly.restyle(box, { "line.color": curved.map(function (c) { return colour(c.colour); }) });
        window.Plotly.relayout(box, { "font.color": colour("--ink"), paper_bgcolor: colour("--paper"),
          plot_bgcolor: colour("--paper"), "xaxis.gridcolor": colour("--grid") });
      },
      keep: function (name, on) {
        const metabolite = name.startsWith("m-");
        style[name].opacity = on ? 1 : metabolite ? 0.18 : 0;
        style[name].width = metabolite ? (on ? 1.5 : 1) : style[name].width;
        look(name, style[name].width, style[name].opacity);
      }
    };
  }

  function drawn(figure) {
    const svg = figure.querySelector("svg.static"), readout = figure.querySelector(".readout");
    const cursor = svg.querySelector(".cursor"), d = svg.dataset;
    const left = +d.left, right = +d.right, ppm0 = +d.ppm0, ppm1 = +d.ppm1;
    const full = svg.getAttribute("viewBox"), height = +full.split(" ")[3];
    function place(event) {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return Math.min(right, Math.max(left, at.x));
    }
    function ppm(x) { return ppm0 + (x - left) / (right - left) * (ppm1 - ppm0); }
    let start = null;
    let at = left;
    function move(x) {
      at = x;
      const from = start === null ? "" : "  (from " + ppm(start).toFixed(3) + ")";
      cursor.setAttribute("x1", x); cursor.setAttribute("x2", x); cursor.style.visibility = "visible";
      readout.textContent = ppm(x).toFixed(3) + " ppm" + from;
    }
    svg.addEventListener("pointermove", function (event) { move(place(event)); });
    svg.addEventListener("keydown", function (event) {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      move(Math.min(right, Math.max(left, at + step * (event.shiftKey ? 20 : 4))));
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
    return {
      point: function (name, on) {
        curves(figure, name).forEach(function (path) { path.classList.toggle("hot", on); });
      },
      keep: function () {},
      show: function () {},
      paint: function () {}
    };
  }
})();

"use strict";
// The page of a study: which drawings are shown, points that tell their scan, a table that sorts and filters, and saving.
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  function all(selector) { return Array.from(document.querySelectorAll(selector)); }
  function by(id) { return document.getElementById(id); }

  // drawings: those of the chosen column and unit
  const column = by("column"), kind = by("kind"), pair = by("pair");
  function choose() {
    all("figure.distribution").forEach(function (figure) {
      const own = figure.dataset.key.split("|").slice(0, 2).join("|");
      figure.hidden = figure.dataset.column !== column.value || own !== kind.value;
    });
  }
  if (column) { column.addEventListener("change", choose); kind.addEventListener("change", choose); choose(); }
  if (pair) {
    pair.addEventListener("change", function () {
      all("figure.agreement").forEach(function (figure, place) { figure.hidden = place !== +pair.value; });
    });
  }

  // points: all of one scan light up together
  const tip = by("tip");
  function words(circle) {
    const figure = circle.closest("figure"), scan = data.scans[+circle.dataset.s];
    if (circle.dataset.who) return circle.dataset.who;
    const value = (data.values[figure.dataset.key] || [])[+circle.dataset.s];
    return scan.name + (value ? ": " + value : "");
  }
  function light(circle, on) {
    all('circle[data-s="' + circle.dataset.s + '"]').forEach(function (c) { c.classList.toggle("hot", on); });
    tip.hidden = !on;
    if (!on) return;
    tip.textContent = words(circle);
    const box = circle.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(window.innerWidth - tip.offsetWidth - 4, box.left + 12)) + "px";
    tip.style.top = Math.max(4, box.top - 32) + "px";
  }
  document.addEventListener("pointerover", function (event) {
    if (event.target.matches && event.target.matches("circle[data-s]")) light(event.target, true);
  });
  document.addEventListener("pointerout", function (event) {
    if (event.target.matches && event.target.matches("circle[data-s]")) light(event.target, false);
  });
  document.addEventListener("click", function (event) {
    if (!event.target.matches || !event.target.matches("circle[data-s]")) return;
    const scan = data.scans[+event.target.dataset.s];
    if (scan && scan.report) window.location.href = scan.report;
  });

  // the table
  const table = by("table");
  if (table) {
    const body = table.tBodies[0], rows = Array.from(body.rows), find = by("find"), state = by("state");
    function cell(row, place) {
      const found = row.cells[place];
      const text = found.dataset.sort || found.textContent.trim();
      return text !== "" && !isNaN(text) ? +text : text;
    }
    function compare(a, b) {
      const empty = function (v) { return v === "" || v === "–" || v === "n/a"; };
      if (empty(a) || empty(b)) return empty(a) - empty(b);
      if (typeof a === "number" && typeof b === "number") return a - b;
      return String(a).localeCompare(String(b), "en", { numeric: true });
    }
    Array.from(table.tHead.rows[0].cells).forEach(function (head, place, heads) {
      head.firstElementChild.addEventListener("click", function () {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const sorted = rows.slice().sort(function (a, b) {
          return (down ? -1 : 1) * compare(cell(a, place), cell(b, place));
        });
        sorted.forEach(function (row) { body.appendChild(row); });
      });
    });
    function filter() {
      const wanted = find.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      let n = 0;
      rows.forEach(function (row) {
        const text = row.textContent.toLowerCase();
        const shown = (!state.value || row.dataset.state === state.value) && wanted.every(function (w) { return text.includes(w); });
        row.hidden = !shown;
        n += shown;
      });
      by("count").textContent = n + " of " + rows.length + " scans";
    }
    find.addEventListener("input", filter);
    state.addEventListener("change", filter);
    by("save-table").addEventListener("click", function () {
      const lines = [Array.from(table.tHead.rows[0].cells).map(function (head) { return head.dataset.name; })];
      Array.from(body.rows).filter(function (row) { return !row.hidden; }).forEach(function (row) {
        lines.push(Array.from(row.cells).map(function (c) {
          const text = c.textContent.trim().replace(/\s+/g, " ");
          return text === "" || text === "–" ? "n/a" : text;
        }));
      });
      save("scans.tsv", "text/tab-separated-values", lines.map(function (line) { return line.join("\t"); }).join("\n") + "\n");
    });
    by("save-dictionary").addEventListener("click", function () {
      save("scans.json", "application/json", JSON.stringify(data.dictionary, null, 2) + "\n");
    });
  }

  // saving
  function save(name, type, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: type }));
    link.download = name;
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  }
  const looks = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "font-family", "font-size", "font-weight"];
  function standalone(svg) {
    const copy = svg.cloneNode(true), box = svg.viewBox.baseVal;
    copy.setAttribute("xmlns", "http" + "://www.w3.org/2000/svg");
    copy.setAttribute("width", box.width);
    copy.setAttribute("height", box.height);
    const from = svg.querySelectorAll("*"), to = copy.querySelectorAll("*");
    from.forEach(function (element, place) {
      const style = getComputedStyle(element);
      to[place].setAttribute("style", looks.map(function (name) { return name + ":" + style.getPropertyValue(name); }).join(";"));
    });
    return new XMLSerializer().serializeToString(copy);
  }
  all("button.svg").forEach(function (button) {
    button.addEventListener("click", function () {
      const figure = button.closest("figure");
      const name = figure.querySelector("figcaption").firstChild.textContent.trim().replace(/[^A-Za-z0-9+]+/g, "_");
      save(name + ".svg", "image/svg+xml", standalone(figure.querySelector("svg")));
    });
  });
})();
